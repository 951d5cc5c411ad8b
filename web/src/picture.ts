import { Problem } from './problem.js';

/** Longest side of a style picture that is sent, in pixels: more than MetaNet sees. */
const SIDE = 1600;
const TAKEN = ['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif'];
/** Smaller ones go as they are. */
const SMALL_BYTES = 3e6;

/**
 * A picture as the server takes it: as it is when it is small and of a kind the server reads, else drawn again.
 * @throws Problem when this browser cannot read it.
 */
export async function smallPicture(picture: Blob, mostBytes: number): Promise<Blob> {
  if (TAKEN.includes(picture.type) && picture.size < Math.min(SMALL_BYTES, mostBytes)) return picture;
  // An element and no bitmap: browsers make no bitmaps of SVG files.
  const image = new Image();
  image.src = URL.createObjectURL(picture);
  try {
    await image.decode();
    return await drawn(image, picture.type.startsWith('image/svg'));
  } catch {
    throw new Problem('picture', '');
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

/** @throws where it is empty, or holds what this page may not read. */
async function drawn(image: HTMLImageElement, vector: boolean): Promise<Blob> {
  const { naturalWidth: width, naturalHeight: height } = image;
  const scale = SIDE / Math.max(width, height);
  const canvas = document.createElement('canvas');
  const [across, down] = [width, height].map((side) =>
    Math.max(1, Math.round(side * (vector ? scale : Math.min(1, scale)))),
  ) as [number, number];
  Object.assign(canvas, { width: across, height: down });
  const context = canvas.getContext('2d');
  if (!context) throw new Error('There is no canvas.');
  // What is transparent would be black in a JPEG.
  context.fillStyle = '#fff';
  context.fillRect(0, 0, across, down);
  context.drawImage(image, 0, 0, across, down);
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error('The picture is empty.'))),
      'image/jpeg',
      0.92,
    ),
  );
}
