import { Unsupported } from '../../errors.js';
import type { Upright } from '../codec/upright.js';
import { type Narrowing, narrowings } from '../sdr.js';
import { assumedColors, type Colors } from './color.js';
import { type Ffmpeg, hasFilter } from './tool.js';

interface Picture {
  readonly colors: Colors;
  readonly stand: Upright;
  readonly signal?: AbortSignal;
}

/**
 * The filters from decoded pictures of any format to upright 8-bit full-range ones whose three planes are red, green,
 * blue (ffmpeg believes them to be green, blue, red).
 * @throws Unsupported when this ffmpeg lacks a filter that the picture's colours need.
 */
export async function toRgb(
  tool: Ffmpeg,
  path: string,
  { colors, stand, signal }: Picture,
): Promise<string[]> {
  const narrowing = await towardsSdr(tool, path, colors, signal);
  const shown = narrowing ? { ...colors, format: narrowing.format, chromaLocation: undefined } : colors;
  return [
    ...assumedColors(colors),
    ...(narrowing ? [narrowing.filters] : []),
    ...(stand.filters ? [stand.filters] : []),
    `scale=${stand.width}:${stand.height}:${chroma(shown)}`,
    'format=gbrp',
    'shuffleplanes=2:0:1',
    'format=gbrp',
  ];
}

/**
 * How chroma, stored at half the size, grows to the size of luma: as the in-process backend has it. Its fast path for
 * 8 bits repeats samples; otherwise they lie where the file says, or where H.264 and its kin put them, at the left, and are
 * interpolated.
 */
function chroma({ format, chromaLocation = 'left' }: Colors): string {
  if (/^yuvj?42[02]p$/.test(format)) return 'flags=neighbor';
  const left = /^(center|top|bottom)$/.test(chromaLocation) ? '' : ':in_h_chr_pos=0';
  return `flags=bicubic${left}${chromaLocation.startsWith('top') ? ':in_v_chr_pos=0' : ''}`;
}

/** @returns undefined for colours that need nothing. */
async function towardsSdr(
  tool: Ffmpeg,
  path: string,
  { transfer, primaries, format }: Colors,
  signal?: AbortSignal,
): Promise<Narrowing | undefined> {
  const kind = transfer === 'smpte2084' ? 'PQ' : transfer === 'arib-std-b67' ? 'HLG' : 'BT.2020';
  if (kind === 'BT.2020' && primaries !== 'bt2020') return undefined;
  for (const narrowing of narrowings(kind, format)) {
    const present = await Promise.all(narrowing.needs.map((name) => hasFilter(tool, name, signal)));
    if (present.every(Boolean)) return narrowing;
  }
  throw new Unsupported(`${path} has ${kind} colours, which this ffmpeg cannot convert.`, {
    hint: 'Use a build of ffmpeg with zscale (libzimg), or leave out --media ffmpeg.',
  });
}
