import { extname } from 'node:path';
import { BadInput, Usage } from '../errors.js';

/** The formats of picture files that are read and written. */
export type PictureFormat = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif';

const ascii = (bytes: Uint8Array, from: number, to: number) =>
  String.fromCharCode(...bytes.subarray(from, Math.min(to, bytes.length)));

/** What an ISO media file (AVIF, HEIC, MP4) says it can be read as, four letters each; nothing for other files. */
function brands(bytes: Uint8Array): string {
  if (ascii(bytes, 4, 8) !== 'ftyp') return '';
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
  return ascii(bytes, 8, 12) + ascii(bytes, 16, Math.min(length, 128));
}

/** The format that a file's first bytes name; undefined for all that is not read here. */
export function sniffPicture(bytes: Uint8Array): PictureFormat | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return 'jpeg';
  if (ascii(bytes, 0, 8) === '\x89PNG\r\n\x1a\n') return 'png';
  if (ascii(bytes, 0, 4) === 'RIFF' && ascii(bytes, 8, 12) === 'WEBP') return 'webp';
  if (['GIF87a', 'GIF89a'].includes(ascii(bytes, 0, 6))) return 'gif';
  if (/avi[fs]/.test(brands(bytes))) return 'avif';
  return undefined;
}

/** What a file that is no readable picture seems to be, for the message. */
function sniffOther(bytes: Uint8Array): string | undefined {
  const text = ascii(bytes, 0, 512).replace(/^ï»¿/, '').trimStart().toLowerCase();
  if (text.startsWith('<svg') || (text.startsWith('<?xml') && text.includes('<svg'))) return 'an SVG drawing';
  if (text.startsWith('<!doctype html') || text.startsWith('<html')) return 'a web page';
  if (text.startsWith('%pdf')) return 'a PDF document';
  if (['ii*\0', 'mm\0*'].includes(text.slice(0, 4))) return 'a TIFF picture';
  if (brands(bytes)) return /hei[cxms]|hev[cx]|mif1|msf1/.test(brands(bytes)) ? 'a HEIC picture' : 'a video';
  return undefined;
}

const readable = 'JPEG, PNG, WebP, GIF and AVIF are read';

/** @throws BadInput that says what the file is instead of a picture. */
export function checkFormat(bytes: Uint8Array, what: string): PictureFormat {
  if (bytes.byteLength === 0) throw new BadInput(`${what} is empty.`);
  const format = sniffPicture(bytes);
  if (format) return format;
  const other = sniffOther(bytes);
  if (other)
    throw new BadInput(`${what} is ${other}, which cannot be read as a picture here.`, {
      hint: `${readable}: convert it to one of these.`,
    });
  throw new BadInput(`${what} is not a picture.`, { hint: `${readable}.` });
}

const formats: Readonly<Record<string, PictureFormat>> = {
  '.jpg': 'jpeg',
  '.jpeg': 'jpeg',
  '.png': 'png',
  '.webp': 'webp',
  '.gif': 'gif',
  '.avif': 'avif',
};

/**
 * The format that a file's name asks for.
 * @throws Usage when the name has no known picture extension.
 */
export function pictureFormat(path: string): PictureFormat {
  const format = formats[extname(path).toLowerCase()];
  if (!format)
    throw new Usage(`The output ${path} does not name a picture format.`, {
      hint: `End it in one of ${Object.keys(formats).join(', ')}.`,
    });
  return format;
}
