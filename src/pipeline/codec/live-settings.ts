import type { FFEncoderCodec } from 'node-av/constants';
import type { CodecContext } from 'node-av/lib';
import type { Size } from '../../models/pixels.js';
import type { LiveCodec } from '../live.js';
import type { Av } from './av.js';

/** How long, in seconds, the line takes to carry the largest picture: the encoder's buffer. */
const BUFFER_SECONDS = 0.4;

/** How a codec is encoded without delay. */
export interface LiveSettings {
  readonly encoder: FFEncoderCodec;
  readonly colors: 'bt709' | 'bt601';
  /** Whether the rate can change while it runs, and goes by the rate of frames that it was told, not by their times. */
  readonly steerable: boolean;
  readonly options: Readonly<Record<string, string>>;
}

export const liveSettings: Record<LiveCodec, LiveSettings> = {
  h264: {
    encoder: 'libx264' as FFEncoderCodec,
    colors: 'bt709',
    steerable: true,
    options: {
      preset: 'ultrafast',
      tune: 'zerolatency',
      profile: 'baseline',
      'forced-idr': '1',
      'x264-params': 'repeat-headers=1:annexb=1:scenecut=0',
    },
  },
  vp8: {
    encoder: 'libvpx' as FFEncoderCodec,
    // What browsers take unmarked VP8 for.
    colors: 'bt601',
    steerable: false,
    options: {
      deadline: 'realtime',
      'cpu-used': '8',
      'lag-in-frames': '0',
      'auto-alt-ref': '0',
      'static-thresh': '1',
      'max-intra-rate': '300',
      'undershoot-pct': '100',
      'overshoot-pct': '15',
      qmin: '2',
      qmax: '56',
    },
  },
};

/**
 * Sets the rate; x264 reads it before each frame. `stretch` says how much longer frames last than the encoder was told:
 * each may have as many more bits.
 */
export function setRate(context: CodecContext, bitrate: number, stretch = 1): void {
  const rate = BigInt(Math.round(bitrate * stretch));
  context.bitRate = rate;
  context.rcMaxRate = rate;
  context.rcMinRate = rate;
  context.rcBufferSize = Math.round(bitrate * BUFFER_SECONDS);
}

/** Describes pictures of a (coded, so even) size, but not their pixels, to an encoder that is not open yet. */
export function describe(
  av: Av,
  context: CodecContext,
  { width, height, colors, fps }: Size & { colors: LiveSettings['colors']; fps: number },
): void {
  const { C, Rational } = av;
  context.width = width;
  context.height = height;
  // Microseconds: the frames' times come back as they went in.
  context.timeBase = new Rational(1, 1_000_000);
  context.framerate = new Rational(Math.round(fps * 1000), 1000);
  const wide = colors === 'bt709';
  context.colorSpace = wide ? C.AVCOL_SPC_BT709 : C.AVCOL_SPC_SMPTE170M;
  context.colorRange = C.AVCOL_RANGE_MPEG;
  context.colorPrimaries = C.AVCOL_PRI_BT709;
  context.colorTrc = C.AVCOL_TRC_BT709;
  context.chromaLocation = C.AVCHROMA_LOC_LEFT;
  // Key pictures come when someone needs one.
  context.gopSize = 100_000;
  context.maxBFrames = 0;
  context.threadCount = 1;
}
