import type { VideoCodec } from '../../media.js';

type Options = Readonly<Record<string, string>>;

/** An encoder in hardware. Plain data: a process of its own tries it. */
export interface HardwareEncoder {
  /** FFmpeg's name: `h264_nvenc`. */
  readonly encoder: string;
  /** FFmpeg's name of the pixels that it takes. */
  readonly pixels: string;
  /** Where pictures must lie in the device's memory before they are encoded. */
  readonly surfaces?: Surfaces;
  readonly options: Options;
  /** Whether its rate can change while it runs. */
  readonly steerable: boolean;
  /** Bits for each pixel of a file, where the encoder knows no even quality. */
  readonly bits?: number;
}

/** Pictures in a device's memory, by FFmpeg's names: `{ device: 'vaapi', format: 'vaapi' }`. */
export interface Surfaces {
  readonly device: string;
  readonly format: string;
}

/** A decoder in hardware: FFmpeg's own with a device behind it, or one with a name of its own. */
export type HardwareDecoder = { readonly surfaces: Surfaces } | { readonly decoder: string };

/** What files and viewers can be served with, and read from. */
export type HardwareCodec = VideoCodec;

/** A family of codecs in hardware. */
export interface HardwareKind {
  readonly name: HardwareName;
  /** Systems that have it. */
  readonly platforms: readonly NodeJS.Platform[];
  /** For a file of even quality; undefined where it cannot encode that. */
  file(codec: HardwareCodec): HardwareEncoder | undefined;
  /** For viewers: H.264 without delay, in the baseline profile, headers with every key picture. */
  live(): HardwareEncoder | undefined;
  decoder(codec: HardwareCodec): HardwareDecoder | undefined;
}

/** FFmpeg's names for the ways to codecs in hardware; without a choice they are tried in this order. */
export const hardwareNames = [
  'cuda',
  'videotoolbox',
  'qsv',
  'vaapi',
  'amf',
  'd3d11va',
  'v4l2m2m',
  'vulkan',
] as const;
export type HardwareName = (typeof hardwareNames)[number];

/** What a person may ask for. */
export const hardwareChoices = ['off', 'auto', ...hardwareNames] as const;
export type HardwareChoice = (typeof hardwareChoices)[number];

/** FFmpeg's names of codecs, which those of encoders and decoders begin with. */
export const baseNames: Readonly<Record<HardwareCodec, string>> = {
  h264: 'h264',
  h265: 'hevc',
  vp9: 'vp9',
  av1: 'av1',
};

/** Quantisers of about the quality of our software encoders. */
const QUANTISERS: Readonly<Record<HardwareCodec, string>> = { h264: '21', h265: '24', vp9: '32', av1: '32' };
/** Bits for each pixel where only a rate can be asked for: plenty, since paintings are full of texture. */
const FILE_BITS = 0.25;

interface Family {
  readonly suffix: string;
  readonly codecs: readonly HardwareCodec[];
  readonly pixels?: 'yuv420p' | 'nv12';
  readonly surfaces?: Surfaces;
  readonly steerable?: boolean;
  readonly file: (quantiser: string) => Options;
  readonly bits?: number;
  readonly live: Options;
}

interface Description {
  readonly platforms: readonly NodeJS.Platform[];
  readonly encoders?: Family;
  /** A device behind FFmpeg's own decoders. */
  readonly decodes?: Surfaces;
  /** What names of decoders end in. */
  readonly decoders?: string;
}

const descriptions: Readonly<Record<HardwareName, Description>> = {
  cuda: {
    platforms: ['linux', 'win32'],
    encoders: {
      suffix: 'nvenc',
      codecs: ['h264', 'h265', 'av1'],
      steerable: true,
      file: (cq) => ({ preset: 'p5', rc: 'vbr', cq }),
      live: {
        preset: 'p2',
        tune: 'ull',
        rc: 'cbr',
        profile: 'baseline',
        zerolatency: '1',
        delay: '0',
        'forced-idr': '1',
      },
    },
    decodes: { device: 'cuda', format: 'cuda' },
  },
  videotoolbox: {
    platforms: ['darwin'],
    encoders: {
      suffix: 'videotoolbox',
      codecs: ['h264', 'h265'],
      pixels: 'nv12',
      bits: FILE_BITS,
      file: () => ({}),
      live: { realtime: '1', profile: 'constrained_baseline', prio_speed: '1' },
    },
    decodes: { device: 'videotoolbox', format: 'videotoolbox_vld' },
  },
  qsv: {
    platforms: ['linux', 'win32'],
    encoders: {
      suffix: 'qsv',
      codecs: ['h264', 'h265', 'av1'],
      pixels: 'nv12',
      steerable: true,
      file: (quality) => ({ preset: 'medium', global_quality: quality }),
      live: {
        preset: 'veryfast',
        profile: 'baseline',
        async_depth: '1',
        forced_idr: '1',
        low_delay_brc: '1',
      },
    },
    decoders: 'qsv',
  },
  vaapi: {
    platforms: ['linux'],
    encoders: {
      suffix: 'vaapi',
      codecs: ['h264', 'h265'],
      pixels: 'nv12',
      surfaces: { device: 'vaapi', format: 'vaapi' },
      file: (qp) => ({ rc_mode: 'CQP', qp }),
      live: { rc_mode: 'CBR', profile: 'constrained_baseline', async_depth: '1' },
    },
    decodes: { device: 'vaapi', format: 'vaapi' },
  },
  amf: {
    platforms: ['linux', 'win32'],
    encoders: {
      suffix: 'amf',
      codecs: ['h264', 'h265'],
      pixels: 'nv12',
      file: (qp) => ({ usage: 'transcoding', rc: 'cqp', qp_i: qp, qp_p: qp }),
      live: {
        usage: 'ultralowlatency',
        rc: 'cbr',
        profile: 'constrained_baseline',
        forced_idr: '1',
        header_insertion_mode: 'idr',
      },
    },
  },
  d3d11va: {
    platforms: ['win32'],
    encoders: {
      suffix: 'mf',
      codecs: ['h264', 'h265'],
      pixels: 'nv12',
      bits: FILE_BITS,
      file: () => ({ hw_encoding: '1' }),
      live: { hw_encoding: '1', rate_control: 'cbr', scenario: 'live_streaming' },
    },
    decodes: { device: 'd3d11va', format: 'd3d11' },
  },
  v4l2m2m: {
    platforms: ['linux'],
    encoders: {
      suffix: 'v4l2m2m',
      codecs: ['h264', 'h265'],
      bits: FILE_BITS,
      file: () => ({}),
      live: {},
    },
    decoders: 'v4l2m2m',
  },
  vulkan: {
    platforms: ['linux', 'win32'],
    encoders: {
      suffix: 'vulkan',
      codecs: ['h264', 'h265'],
      pixels: 'nv12',
      surfaces: { device: 'vulkan', format: 'vulkan' },
      file: (qp) => ({ rc_mode: 'cqp', qp }),
      live: { rc_mode: 'cbr', profile: 'constrained_baseline', async_depth: '1', tune: 'ull' },
    },
    decodes: { device: 'vulkan', format: 'vulkan' },
  },
};

function encoderOf(codec: HardwareCodec, family: Family, options: Options): HardwareEncoder {
  const { suffix, pixels = 'yuv420p', surfaces, steerable = false, bits } = family;
  const encoder = `${baseNames[codec]}_${suffix}`;
  return { encoder, pixels, options, steerable, ...(surfaces && { surfaces }), ...(bits && { bits }) };
}

const kindOf = (name: HardwareName): HardwareKind => {
  const { platforms, encoders, decodes, decoders } = descriptions[name];
  return {
    name,
    platforms,
    file: (codec) =>
      encoders?.codecs.includes(codec)
        ? encoderOf(codec, encoders, encoders.file(QUANTISERS[codec]))
        : undefined,
    live: () => encoders && encoderOf('h264', encoders, encoders.live),
    decoder: (codec) => {
      if (decodes) return { surfaces: decodes };
      return decoders ? { decoder: `${baseNames[codec]}_${decoders}` } : undefined;
    },
  };
};

/** Every kind that this system may have. */
export const hardwareKinds = (platform: NodeJS.Platform = process.platform): readonly HardwareKind[] =>
  hardwareNames.map(kindOf).filter(({ platforms }) => platforms.includes(platform));
