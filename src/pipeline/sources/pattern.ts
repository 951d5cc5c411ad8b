import { setTimeout as wait } from 'node:timers/promises';
import { Usage } from '../../errors.js';
import { blank, type Pixels, type Size } from '../../models/pixels.js';
import { type Frame, frame } from '../frame.js';
import type { FrameSource } from '../source.js';

/** What the pattern looks like, and how long. */
export interface PatternOptions extends Size {
  readonly fps: number;
  /** How many frames; left out: no end. */
  readonly frames?: number;
  /** Whether frames come at their time, as from a camera, or as fast as they are taken. */
  readonly live?: boolean;
}

const defaults: PatternOptions = { width: 640, height: 360, fps: 30 };

/** Side of the largest pattern, in pixels. */
const MAX_SIDE = 8192;

/**
 * Reads `pattern:`, `pattern:640x360`, `pattern:640x360@25`, `pattern:640x360@25,100` (frames), each with `,live`.
 * @throws Usage when it is none of these or out of bounds.
 */
export function parsePattern(text: string): PatternOptions {
  const match = /^pattern:(?:(\d+)x(\d+))?(?:@([\d.]+))?(?:,?(\d+))?(,?live)?$/.exec(text);
  if (!match) throw new Usage(`“${text}” is not a pattern such as pattern:640x360@30,100.`);
  const [, width, height, fps, frames, live] = match;
  const options = {
    width: Number(width ?? defaults.width),
    height: Number(height ?? defaults.height),
    fps: Number(fps ?? defaults.fps),
    ...(frames && { frames: Number(frames) }),
    live: Boolean(live),
  };
  const sound = (side: number) => side >= 1 && side <= MAX_SIDE;
  if (!sound(options.width) || !sound(options.height))
    throw new Usage(`A pattern’s sides are 1 to ${MAX_SIDE} pixels long.`);
  if (!(options.fps >= 0.1 && options.fps <= 1000))
    throw new Usage('A pattern has 0.1 to 1000 frames a second.');
  return options;
}

/** A moving picture that our own code draws: colour bars, a disc that circles, and the frame's number in binary. */
export class PatternSource implements FrameSource {
  readonly live: boolean;
  readonly #options: PatternOptions;

  constructor(options: Partial<PatternOptions> = {}) {
    this.#options = { ...defaults, ...options };
    this.live = this.#options.live ?? false;
  }

  async *frames(signal: AbortSignal): AsyncGenerator<Frame, void> {
    const { fps, frames = Number.POSITIVE_INFINITY } = this.#options;
    const start = performance.now();
    for (let i = 0; i < frames && !signal.aborted; i++) {
      if (this.live) {
        const early = start + (i * 1000) / fps - performance.now();
        if (early > 0) await wait(early, undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return;
      }
      yield frame(patternAt(this.#options, i), Math.round((i * 1e6) / fps));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** 75 % bars from white to black, as red, green, blue. */
const bars = [
  [191, 191, 191],
  [191, 191, 0],
  [0, 191, 191],
  [0, 191, 0],
  [191, 0, 191],
  [191, 0, 0],
  [0, 0, 191],
  [0, 0, 0],
] as const;

/** Bits of the frame's number, drawn along the bottom: the lowest at the left, white for one. */
const BITS = 16;

/** Frame `index` of the pattern. The disc goes round once in 120 frames. */
export function patternAt(size: Size, index: number): Pixels {
  const pixels = blank(size);
  const { width, height } = size;
  const area = width * height;
  const strip = Math.max(1, height >> 4);
  for (let channel = 0; channel < 3; channel++) {
    const plane = pixels.data.subarray(channel * area, (channel + 1) * area);
    for (let x = 0; x < width; x++) plane[x] = bars[Math.floor((x * bars.length) / width)]![channel]!;
    for (let y = 1; y < height - strip; y++) plane.copyWithin(y * width, 0, width);
    drawDisc(plane, size, index, channel === 2 ? 40 : 255);
    drawNumber(plane, size, index, strip);
  }
  return pixels;
}

function drawDisc(plane: Uint8Array, { width, height }: Size, index: number, value: number): void {
  const angle = (index * 2 * Math.PI) / 120;
  const radius = Math.min(width, height) / 8;
  const cx = width / 2 + (Math.cos(angle) * width) / 4;
  const cy = height / 2 + (Math.sin(angle) * height) / 4;
  for (let y = Math.max(0, Math.ceil(cy - radius)); y <= Math.min(height - 1, cy + radius); y++) {
    const half = Math.sqrt(radius ** 2 - (y - cy) ** 2);
    plane.fill(value, y * width + Math.max(0, Math.ceil(cx - half)), y * width + Math.ceil(cx + half));
  }
}

function drawNumber(plane: Uint8Array, { width, height }: Size, index: number, strip: number): void {
  for (let y = height - strip; y < height; y++)
    for (let x = 0; x < width; x++)
      plane[y * width + x] = (index >> Math.floor((x * BITS) / width)) & 1 ? 255 : 0;
}

/** The number that a frame of the pattern shows, modulo 65536; also after lossy coding. */
export function patternNumber({ data, width, height }: Pixels): number {
  const row = (height - 1 - ((Math.max(1, height >> 4) - 1) >> 1)) * width;
  let number = 0;
  for (let bit = 0; bit < BITS; bit++) {
    const [from, to] = [bit, bit + 1].map((edge) => Math.ceil((edge * width) / BITS));
    const x = (from! + to! - 1) >> 1;
    if (data[row + x]! > 127) number |= 1 << bit;
  }
  return number;
}
