import type { AVCodecID } from 'node-av/constants';
import type { Container } from '../containers.js';
import type { Av } from './av.js';

/** Turns the packets of a text subtitle into those of another format. An empty text converts to nothing. */
export interface TextConverter {
  readonly codecId: AVCodecID;
  convert(data: Buffer): Buffer | undefined;
}

/** How a text subtitle gets into a container, or undefined for pictures and unknown formats. */
export function textConverter(av: Av, from: AVCodecID, container: Container): TextConverter | undefined {
  const { C } = av;
  const readers = new Map<AVCodecID, (data: Buffer) => string>([
    [C.AV_CODEC_ID_MOV_TEXT, fromMovText],
    [C.AV_CODEC_ID_SUBRIP, fromSubRip],
    [C.AV_CODEC_ID_TEXT, (data) => data.toString()],
    [C.AV_CODEC_ID_WEBVTT, fromSubRip],
    [C.AV_CODEC_ID_ASS, fromAss],
  ]);
  const read = readers.get(from);
  const write = {
    mp4: { codecId: C.AV_CODEC_ID_MOV_TEXT, encode: toMovText },
    mov: { codecId: C.AV_CODEC_ID_MOV_TEXT, encode: toMovText },
    matroska: { codecId: C.AV_CODEC_ID_SUBRIP, encode: Buffer.from },
    webm: { codecId: C.AV_CODEC_ID_WEBVTT, encode: Buffer.from },
  }[container.format];
  if (!read || !write) return undefined;
  return {
    codecId: write.codecId,
    convert(data) {
      const text = read(data).trim();
      return text ? write.encode(text) : undefined;
    },
  };
}

/** 3GPP timed text: the length of the text in two bytes, the text, then boxes of styling. */
function fromMovText(data: Buffer): string {
  if (data.length < 2) return '';
  return data.subarray(2, 2 + data.readUInt16BE(0)).toString();
}

function toMovText(text: string): Buffer {
  const bytes = Buffer.from(text).subarray(0, 65_535);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** Text with HTML-like tags and, at times, ASS overrides. */
function fromSubRip(data: Buffer): string {
  return data
    .toString()
    .replace(/<\/?[a-z][^<>]*>/gi, '')
    .replace(/\{\\[^{}]*\}/g, '');
}

/** ASS events as Matroska keeps them: eight fields, then text with overrides and `\N` for new lines. */
function fromAss(data: Buffer): string {
  const text = data.toString().split(',').slice(8).join(',');
  return text
    .replace(/\{[^{}]*\}/g, '')
    .replace(/\\[Nn]/g, '\n')
    .replace(/\\h/g, ' ');
}
