import { blank, type Pixels, type Size } from '../models/pixels.js';
import { Scene } from './demo/scene.js';

/** What happens in a drawn clip, beside camera noise: nothing, a disc that crosses it, the light, a sudden entrance. */
export const FLICKER_CLIPS = ['noise', 'object', 'exposure', 'entrance'] as const;

export type FlickerClip = (typeof FLICKER_CLIPS)[number];

/** How a clip is drawn. */
export interface FlickerClipOptions extends Size {
  readonly frames: number;
  /** Standard deviation of the camera's noise, in steps of 255. */
  readonly sigma: number;
  readonly seed: number;
}

/** Second of the demo's day that the still picture shows: morning, all colours, no bird. */
const MOMENT = 40;
/** Frames of one swing of the exposure, and how far it goes either way. */
const [SWING, SHARE] = [100, 0.1];

/** Mulberry32 of Tommy Ettinger (public domain): uniform in [0, 1). */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Adds white Gaussian noise (Box and Muller 1958) in place. */
function addNoise(data: Float32Array, sigma: number, random: () => number): void {
  for (let i = 0; i < data.length; i += 2) {
    const radius = sigma * Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    data[i]! += radius * Math.cos(angle);
    if (i + 1 < data.length) data[i + 1]! += radius * Math.sin(angle);
  }
}

interface Disc {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** A red disc with a bright rim, one plain colour inside. */
function addDisc(data: Float32Array, { width, height }: Size, { x: cx, y: cy, radius }: Disc): void {
  const plane = width * height;
  const [top, bottom] = [Math.max(0, Math.ceil(cy - radius)), Math.min(height - 1, Math.floor(cy + radius))];
  for (let y = top; y <= bottom; y++)
    for (let x = Math.max(0, Math.ceil(cx - radius)); x <= Math.min(width - 1, cx + radius); x++) {
      const distance = Math.hypot(x - cx, y - cy) / radius;
      if (distance > 1) continue;
      const colour = distance > 0.8 ? [250, 230, 120] : [190, 40, 30];
      for (const [channel, value] of colour.entries()) data[channel * plane + y * width + x] = value;
    }
}

/** The disc of a frame, if there is one: it crosses the clip's width once, or stands there from the middle on. */
function discAt(clip: FlickerClip, index: number, { width, height, frames }: FlickerClipOptions) {
  const y = height / 2;
  if (clip === 'object') return { x: (width * (index + 0.5)) / frames, y, radius: height / 8 };
  if (clip === 'entrance' && index >= frames / 2) return { x: width * 0.75, y, radius: height * 0.4 };
  return undefined;
}

let drawn: Pixels | undefined;

/** The still picture; drawing it takes longer than a frame of a clip, so that the last one is kept. */
function stillOf(size: Size): Float32Array {
  if (drawn?.width !== size.width || drawn.height !== size.height) drawn = new Scene(size).draw(MOMENT);
  return Float32Array.from(drawn.data);
}

/**
 * Draws a clip with a static camera: a still bay with fresh Gaussian noise in every frame and what `clip` names.
 * The same options give the same clip, bit for bit.
 */
export function* drawFlickerClip(clip: FlickerClip, options: FlickerClipOptions): Generator<Pixels> {
  const { width, height, frames, sigma, seed } = options;
  const still = stillOf({ width, height });
  const random = uniform(seed);
  for (let index = 0; index < frames; index++) {
    const data = still.slice();
    const disc = discAt(clip, index, options);
    if (disc) addDisc(data, options, disc);
    const gain = clip === 'exposure' ? 1 + SHARE * Math.sin((2 * Math.PI * index) / SWING) : 1;
    if (gain !== 1) for (let i = 0; i < data.length; i++) data[i]! *= gain;
    addNoise(data, sigma, random);
    const picture = blank({ width, height });
    new Uint8ClampedArray(picture.data.buffer).set(data);
    yield picture;
  }
}
