/** Filters that bring wide colours to what a BT.709 screen shows. */
export interface Narrowing {
  /** What FFmpeg must have for it. */
  readonly needs: readonly string[];
  readonly filters: string;
  /** The pixel format that leaves them. */
  readonly format: string;
}

/** Kinds of colours that a BT.709 screen cannot show as they are. */
export type WideColors = 'PQ' | 'HLG' | 'BT.2020';

/**
 * To full-range RGB at once: colours beyond BT.709 would not fit into limited-range YUV of 8 bits, and what is cut off
 * there comes back as another colour.
 */
const TO_RGB = 'zscale=primaries=709:transfer=709:matrix=gbr:range=full,format=gbrp';

/** 203 cd/m² (the white of a page) lands near 216 of 255, the mastering peak at white. */
const TONE_MAP_X: Narrowing = {
  needs: ['tonemapx'],
  filters: 'tonemapx=tonemap=mobius:t=bt709:m=bt709:p=bt709:r=tv:format=yuv420p',
  format: 'yuv420p',
};

/** The same, slower and of other builds and formats too; `nits`, in cd/m², becomes the white of a page. */
const toneMap = (nits: number): Narrowing => ({
  needs: ['zscale', 'tonemap'],
  filters:
    // Chroma is repeated, as the filter above has it: interpolated, the two would differ at every edge.
    `zscale=chromalin=center:filter=point:transfer=linear:npl=${nits},format=gbrpf32le,` +
    `tonemap=mobius:desat=0:peak=4.926,${TO_RGB}`,
  format: 'gbrp',
});

/** What the fast filter reads as it is; of anything else FFmpeg would make 4:2:0 with a matrix of its own choice. */
const subsampled = /^(yuv420p|p01[026]|nv12)/;

const EXACT: Readonly<Record<WideColors, Narrowing>> = {
  PQ: toneMap(203),
  // The curve of HLG leaves its own mark on the middle greys.
  HLG: toneMap(270),
  'BT.2020': { needs: ['zscale'], filters: TO_RGB, format: 'gbrp' },
};

/** The ways to narrow pictures of a pixel format, by FFmpeg's name, the preferred one first. */
export const narrowings = (kind: WideColors, format: string): readonly Narrowing[] =>
  kind !== 'BT.2020' && subsampled.test(format) ? [TONE_MAP_X, EXACT[kind]] : [EXACT[kind]];
