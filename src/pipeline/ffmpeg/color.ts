import type { ProbedFrame, ProbedStream } from './probe.js';

/** What the first picture says about its colours, and the stream where it is silent. */
export interface Colors {
  readonly format: string;
  readonly height: number;
  readonly width: number;
  readonly space: string | undefined;
  readonly range: string | undefined;
  readonly transfer: string | undefined;
  readonly primaries: string | undefined;
  readonly chromaLocation: string | undefined;
}

const told = (name: string | undefined) => (name === 'unknown' || name === 'reserved' ? undefined : name);

/** The colours of a stream, its first frame’s word before the container’s. */
export function colorsOf(stream: ProbedStream, frame: ProbedFrame | undefined): Colors {
  return {
    format: frame?.pix_fmt ?? stream.pix_fmt ?? '',
    width: stream.width ?? 0,
    height: stream.height ?? 0,
    space: told(frame?.color_space) ?? told(stream.color_space),
    range: told(frame?.color_range) ?? told(stream.color_range),
    transfer: told(frame?.color_transfer) ?? told(stream.color_transfer),
    primaries: told(frame?.color_primaries) ?? told(stream.color_primaries),
    chromaLocation: told(frame?.chroma_location),
  };
}

/** RGB, grey and palette formats: their numbers are no YUV, so no matrix applies to them. */
const withoutMatrix = /^(rgb|bgr|gbr|argb|abgr|0rgb|0bgr|x2|pal8|gray|mono|ya)/;

/**
 * A filter that fills in what the file leaves open about its colours, none where it says it all: BT.709 from 720 lines
 * or more than 1024 columns on, else BT.601; limited range (full for the `yuvj` formats, which swscale knows by itself).
 */
export function assumedColors({ format, width, height, space, range }: Colors): string[] {
  if (withoutMatrix.test(format)) return [];
  const matrix = height >= 720 || width > 1024 ? 'bt709' : 'smpte170m';
  const assumed = [
    ...(space ? [] : [`colorspace=${matrix}`]),
    ...(range ? [] : [`range=${format.startsWith('yuvj') ? 'full' : 'limited'}`]),
  ];
  return assumed.length > 0 ? [`setparams=${assumed.join(':')}`] : [];
}
