const ascii = (bytes: Uint8Array, from: number, to: number) =>
  String.fromCharCode(...bytes.subarray(from, to));

/** Whether a file begins like a video: ISO media, Matroska, AVI, MPEG transport and program streams, Ogg, FLV. */
export function looksLikeVideo(head: Uint8Array): boolean {
  if (['ftyp', 'moov', 'mdat', 'wide', 'free', 'skip', 'pnot'].includes(ascii(head, 4, 8))) return true;
  if (head[0] === 0x1a && head[1] === 0x45 && head[2] === 0xdf && head[3] === 0xa3) return true;
  if (ascii(head, 0, 4) === 'RIFF' && ascii(head, 8, 12) === 'AVI ') return true;
  if (head[0] === 0x47 && head[188] === 0x47) return true;
  if (head[4] === 0x47 && head[196] === 0x47) return true;
  if (head[0] === 0 && head[1] === 0 && head[2] === 1 && (head[3] === 0xba || head[3] === 0xb3)) return true;
  return ['OggS', 'FLV\x01'].includes(ascii(head, 0, 4));
}

/** A name to show: its last part, without what could mislead a reader. */
export const shownName = (name: string): string =>
  (name.split(/[\\/]/).at(-1) ?? '')
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '')
    .trim()
    .slice(0, 120) || 'video';
