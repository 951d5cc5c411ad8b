/** Longest side of a style picture that is sent, in pixels: more than MetaNet sees. */
const SIDE = 1600;
const TAKEN = ['image/jpeg', 'image/png', 'image/webp', 'image/gif', 'image/avif'];
/** Smaller ones go as they are. */
const SMALL_BYTES = 3e6;

/**
 * A picture as the server takes it: as it is when it is small and of a kind the server reads, else drawn again.
 * @throws when this browser cannot read it.
 */
export async function smallPicture(picture: Blob, mostBytes: number): Promise<Blob> {
  if (TAKEN.includes(picture.type) && picture.size < Math.min(SMALL_BYTES, mostBytes)) return picture;
  const bitmap = await createImageBitmap(picture);
  const scale = Math.min(1, SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement('canvas');
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return new Promise((resolve, reject) =>
    canvas.toBlob(
      (blob) => (blob ? resolve(blob) : reject(new Error('The picture is empty.'))),
      'image/jpeg',
      0.92,
    ),
  );
}
