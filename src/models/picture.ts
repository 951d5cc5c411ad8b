import type { Sharp, SharpOptions } from 'sharp';
import { BadInput, Unsupported } from '../errors.js';
import { inWords, readWhole, writeWhole } from './files.js';
import { checkFormat, type PictureFormat, pictureFormat } from './picture-format.js';
import { blank, fromPacked, type Pixels, type Size, toPacked } from './pixels.js';

/** A picture at rest, read through the only door to sharp (libvips): upright, sRGB, 8 bits a channel. */
export interface Picture {
  readonly pixels: Pixels;
  /** Opacity, one byte a pixel: present when it was asked for apart and the file has any. */
  readonly alpha?: Uint8Array;
  readonly format: PictureFormat;
  /** Size of the upright picture in the file, before any shrinking. */
  readonly original: Size;
}

/** Bounds of a picture that comes from outside. */
export interface ReadPictureOptions {
  /** Largest file, in bytes. */
  readonly maxBytes?: number;
  /** Most pixels, known from the header before anything is decoded. */
  readonly maxPixels?: number;
  /** `white`: transparent parts are laid on white. `apart`: the opacity comes beside the colours. */
  readonly alpha?: 'white' | 'apart';
  /** Shrinks while decoding until no side is longer than this, in pixels. */
  readonly within?: number;
  /** How messages call the picture; its path unless told otherwise. */
  readonly what?: string;
}

/** A style picture may not be larger: bytes of the file and pixels. */
export const PICTURE_LIMITS = { maxBytes: 20e6, maxPixels: 24e6 } as const;
const SECONDS = 30;

async function openSharp(input: Uint8Array, options: SharpOptions = {}): Promise<Sharp> {
  let sharp: typeof import('sharp').default;
  try {
    ({ default: sharp } = await import('sharp'));
  } catch (cause) {
    throw new Unsupported('Pictures cannot be read here: the package sharp does not load on this machine.', {
      hint: 'Install again with `npm install --include=optional sharp`.',
      cause,
    });
  }
  return sharp(input, options).timeout({ seconds: SECONDS });
}

function damaged(what: string, cause: unknown): BadInput {
  const reason = cause instanceof Error ? (cause.message.split('\n').at(-1) ?? '') : String(cause);
  if (/timeout/i.test(reason))
    return new BadInput(`${what} took longer than ${SECONDS} seconds to decode.`, { cause });
  const cut = /premature|unexpected end|truncat|end of (file|stream)|outside of file/i.test(String(cause));
  return new BadInput(`${what} is ${cut ? 'cut short' : 'damaged'} and cannot be decoded.`, { cause });
}

/** `40 million`, `1.5 million`, `100`. */
const countInWords = (pixels: number): string =>
  pixels < 1e6 ? `${pixels}` : `${Number((pixels / 1e6).toFixed(1))} million`;

async function checkSize(bytes: Uint8Array, format: PictureFormat, maxPixels: number, what: string) {
  const image = await openSharp(bytes, { limitInputPixels: false, pages: 1 });
  const about = await image.metadata().catch((cause: unknown) => {
    throw damaged(what, cause);
  });
  if (about.format !== (format === 'avif' ? 'heif' : format))
    throw new BadInput(`${what} begins like ${format} but is something else.`);
  const { width, height } = about.autoOrient;
  if (!(width > 0 && height > 0)) throw new BadInput(`${what} has no pixels.`);
  if (width * height > maxPixels)
    throw new BadInput(
      `${what} is too large: ${width}x${height} pixels, where ${countInWords(maxPixels)} are allowed.`,
      { hint: 'Make it smaller first.' },
    );
  return { original: { width, height }, hasAlpha: about.hasAlpha };
}

/** Packed RGBA to planar colours and an opacity plane. What nobody can see turns white: it may hold anything. */
function splitAlpha(rgba: Uint8Array, size: Size): { pixels: Pixels; alpha: Uint8Array } {
  const plane = size.width * size.height;
  const rgb = new Uint8Array(3 * plane);
  const alpha = new Uint8Array(plane);
  for (let i = 0; i < plane; i++) {
    const opacity = rgba[4 * i + 3]!;
    alpha[i] = opacity;
    for (let channel = 0; channel < 3; channel++)
      rgb[3 * i + channel] = opacity === 0 ? 255 : rgba[4 * i + channel]!;
  }
  return { pixels: fromPacked(rgb, size), alpha };
}

/**
 * Reads a picture from a path or from bytes: the first page of animations, EXIF orientation applied, colour profiles,
 * CMYK, grey and 16-bit converted to 8-bit sRGB. The format is told by its first bytes, never by its name.
 * @throws NotFound, or BadInput when it is no picture, too large, damaged or cut short.
 */
export async function readPicture(
  from: string | Uint8Array,
  { alpha = 'white', within, ...options }: ReadPictureOptions = {},
): Promise<Picture> {
  const { maxBytes = PICTURE_LIMITS.maxBytes, maxPixels = PICTURE_LIMITS.maxPixels } = options;
  const what = options.what ?? (typeof from === 'string' ? from : 'The picture');
  const bytes = typeof from === 'string' ? await readWhole(from, maxBytes) : from;
  if (bytes.byteLength > maxBytes)
    throw new BadInput(
      `${what} is too large: ${inWords(bytes.byteLength)}, where ${inWords(maxBytes)} are allowed.`,
    );
  const format = checkFormat(bytes, what);
  const { original, hasAlpha } = await checkSize(bytes, format, maxPixels, what);

  const apart = alpha === 'apart' && hasAlpha;
  let image = await openSharp(bytes, {
    limitInputPixels: maxPixels,
    pages: 1,
    failOn: 'error',
    autoOrient: true,
  });
  if (within !== undefined) image = image.resize(within, within, { fit: 'inside', withoutEnlargement: true });
  if (!apart) image = image.flatten({ background: '#fff' });
  image = image.toColourspace('srgb');
  if (apart) image = image.ensureAlpha();
  const { data, info } = await image
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch((cause: unknown) => {
      throw damaged(what, cause);
    });
  if (info.channels !== (apart ? 4 : 3))
    throw new BadInput(`${what} has ${info.channels} channels, which cannot be read as colours.`);
  if (apart) return { ...splitAlpha(data, info), format, original };
  return { pixels: fromPacked(data, info), format, original };
}

const asSharp = (pixels: Pixels): Promise<Sharp> =>
  openSharp(toPacked(pixels), { raw: { width: pixels.width, height: pixels.height, channels: 3 } });

/** `fill` stretches, `inside` keeps the shape and stays within the size. */
export type Fit = 'fill' | 'inside';

/** The picture at another size, by Lanczos unless told otherwise. */
export async function resizePicture(
  pixels: Pixels,
  { width, height }: Size,
  { fit = 'fill', kernel = 'lanczos3' }: { fit?: Fit; kernel?: 'nearest' | 'cubic' | 'lanczos3' } = {},
): Promise<Pixels> {
  if (pixels.width === width && pixels.height === height) return pixels;
  const image = (await asSharp(pixels)).resize(width, height, { fit, kernel });
  const { data, info } = await image.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  return fromPacked(data, info);
}

/** The largest part in the middle of a picture that has the shape of `size`; at least one pixel each way. */
function middle({ data, width, height }: Pixels, size: Size): Pixels {
  const ratio = size.width / size.height;
  const to = {
    width: Math.max(1, Math.min(width, Math.round(height * ratio))),
    height: Math.max(1, Math.min(height, Math.round(width / ratio))),
  };
  const left = (width - to.width) >> 1;
  const top = (height - to.height) >> 1;
  const out = blank(to);
  for (let channel = 0; channel < 3; channel++)
    for (let y = 0; y < to.height; y++) {
      const from = (channel * height + top + y) * width + left;
      out.data.set(data.subarray(from, from + to.width), (channel * to.height + y) * to.width);
    }
  return out;
}

/** The middle of a picture, shrunk or grown to fill `size` exactly. Cut first, so that no shape of picture costs more. */
export const coverCrop = (pixels: Pixels, size: Size): Promise<Pixels> =>
  resizePicture(middle(pixels, size), size);

/** How a picture is written. */
export interface EncodeOptions {
  /** Opacity plane, one byte a pixel; JPEG cannot hold it and lays the picture on white. */
  readonly alpha?: Uint8Array;
  /** 1 to 100, for JPEG, WebP and AVIF. */
  readonly quality?: number;
  /** What the picture is, kept in its EXIF header. */
  readonly description?: string;
}

/** The bytes of a picture file. */
export async function encodePicture(
  pixels: Pixels,
  format: PictureFormat,
  { alpha, quality, description }: EncodeOptions = {},
): Promise<Uint8Array> {
  let image = await asSharp(pixels);
  if (alpha) {
    const plane = { width: pixels.width, height: pixels.height, channels: 1 } as const;
    image = image.joinChannel(Buffer.from(alpha), { raw: plane });
    if (format === 'jpeg')
      image = await openSharp(await image.png().toBuffer()).then((flat) =>
        flat.flatten({ background: '#fff' }),
      );
  }
  if (description) image = image.withExif({ IFD0: { ImageDescription: description, Software: 'Livebrush' } });
  switch (format) {
    case 'jpeg':
      return image.jpeg({ quality: quality ?? 92, chromaSubsampling: '4:4:4' }).toBuffer();
    case 'webp':
      return image.webp({ quality: quality ?? 90 }).toBuffer();
    case 'avif':
      return image.avif({ quality: quality ?? 65 }).toBuffer();
    default:
      return image.toFormat(format).toBuffer();
  }
}

/**
 * Writes a picture whole or not at all, in the format that its name asks for.
 * @throws Usage for an unknown extension, CannotWrite when something is in the way.
 */
export async function writePicture(
  path: string,
  pixels: Pixels,
  { overwrite = true, ...options }: EncodeOptions & { overwrite?: boolean } = {},
): Promise<void> {
  await writeWhole(path, await encodePicture(pixels, pictureFormat(path), options), { overwrite });
}
