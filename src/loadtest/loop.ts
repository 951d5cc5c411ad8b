import type { Size } from '../models/pixels.js';
import { LiveEncoder } from '../pipeline/codec/live-encode.js';
import { Scene } from '../pipeline/demo/scene.js';
import { frame } from '../pipeline/frame.js';
import type { LiveCodec } from '../pipeline/live.js';
import { type Payload, packetizer } from '../pipeline/rtp/index.js';
import { drawMark, NUMBERS } from './mark.js';

/** Seconds of a loop, and between its key pictures. */
const SECONDS = 8;
const KEY_SECONDS = 1;
/** Bits that a pixel of a picture is given. */
const BITS_PER_PIXEL = 0.15;

/** How the pictures of a loop are made. */
export interface LoopOptions extends Size {
  readonly fps: number;
  readonly codec: LiveCodec;
}

/**
 * Encoded pictures that all publishers send over and over: made once, so that sending costs little. Each carries its
 * own number as a mark, from which a viewer tells which one was painted, and so when it was sent.
 */
export interface Loop extends LoopOptions {
  /** Bits a second. */
  readonly bitrate: number;
  readonly pictures: readonly LoopPicture[];
}

/** A picture of a loop, cut into RTP payloads. */
export interface LoopPicture {
  readonly payloads: readonly Payload[];
  /** Whether a decoder can begin with it. */
  readonly key: boolean;
}

/**
 * Draws and encodes a loop: eight seconds of the demo's bay, a key picture every second.
 * @param told called with each picture that is done.
 * @throws Unsupported where node-av is missing or has no encoder, Interrupted (the signal's reason).
 */
export async function prepareLoop(
  options: LoopOptions,
  signal: AbortSignal,
  told: (done: number, of: number) => void = () => {},
): Promise<Loop> {
  const { width, height, fps, codec } = options;
  const bitrate = Math.round(width * height * fps * BITS_PER_PIXEL);
  await using encoder = await LiveEncoder.open(codec, { bitrate, fps });
  const cut = packetizer(codec);
  const scene = new Scene({ width, height });
  const every = Math.max(1, Math.round(fps * KEY_SECONDS));
  const count = Math.min(NUMBERS, Math.max(2, Math.round(fps * SECONDS)));
  const pictures: LoopPicture[] = [];
  for (let n = 0; n < count; n++) {
    signal.throwIfAborted();
    const pixels = scene.draw(n / fps);
    drawMark(pixels, n);
    using shown = frame(pixels, Math.round((n * 1e6) / fps));
    const packet = await encoder.encode(shown, { key: n % every === 0 });
    pictures.push({ payloads: packet ? cut.packetize(packet.data) : [], key: packet?.key ?? false });
    told(n + 1, count);
  }
  return { ...options, bitrate, pictures };
}
