import { Unsupported } from '../../errors.js';
import type { Upright } from '../codec/upright.js';
import { assumedColors, type Colors } from './color.js';
import { type Ffmpeg, hasFilter } from './tool.js';

/**
 * Tone-maps PQ and HLG to what a BT.709 screen shows. The first is a filter of Jellyfin's builds and what the in-process
 * backend uses; the others come near it.
 */
const TONE_MAPS = [
  { needs: ['tonemapx'], filters: 'tonemapx=tonemap=mobius:t=bt709:m=bt709:p=bt709:r=tv:format=yuv420p' },
  {
    needs: ['zscale', 'tonemap'],
    filters:
      'zscale=transfer=linear:npl=203,format=gbrpf32le,zscale=primaries=709,tonemap=mobius,' +
      'zscale=transfer=709:matrix=709:range=limited,format=yuv420p',
  },
];
/** BT.2020 is wider than what a BT.709 screen shows. */
const NARROW_GAMUTS = [
  { needs: ['zscale'], filters: 'zscale=primaries=709:transfer=709:matrix=709:range=limited,format=yuv444p' },
];

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
  return [
    ...assumedColors(colors),
    ...(await towardsSdr(tool, path, colors, signal)),
    ...(stand.filters ? [stand.filters] : []),
    `scale=${stand.width}:${stand.height}:flags=bicubic`,
    'format=gbrp',
    'shuffleplanes=2:0:1',
    'format=gbrp',
  ];
}

async function towardsSdr(tool: Ffmpeg, path: string, { transfer, primaries }: Colors, signal?: AbortSignal) {
  const hdr = transfer === 'smpte2084' || transfer === 'arib-std-b67';
  if (!hdr && primaries !== 'bt2020') return [];
  for (const { needs, filters } of hdr ? TONE_MAPS : NARROW_GAMUTS) {
    const present = await Promise.all(needs.map((name) => hasFilter(tool, name, signal)));
    if (present.every(Boolean)) return [filters];
  }
  const what = transfer === 'smpte2084' ? 'HDR (PQ)' : hdr ? 'HDR (HLG)' : 'BT.2020';
  throw new Unsupported(`${path} is ${what} video, which this ffmpeg cannot convert.`, {
    hint: 'Use a build of ffmpeg with zscale (libzimg), or leave out --media ffmpeg.',
  });
}
