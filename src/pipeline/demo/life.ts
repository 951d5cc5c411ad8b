import type { Light } from './light.js';
import type { Canvas } from './scene.js';

/** Blends a colour over a run of pixels in one row; what lies outside is left out. */
function run(
  { data, width, height, area }: Canvas,
  y: number,
  from: number,
  to: number,
  color: readonly number[],
  alpha: number,
) {
  if (y < 0 || y >= height) return;
  const end = Math.min(width - 1, Math.round(to));
  for (let x = Math.max(0, Math.round(from)); x <= end; x++)
    for (let channel = 0; channel < 3; channel++) {
      const i = channel * area + y * width + x;
      data[i]! += (color[channel]! - data[i]!) * alpha;
    }
}

/** A sailing boat that crosses the bay, and its reflection. */
export function drawBoat(canvas: Canvas, seconds: number, horizon: number, light: Light): void {
  const { width, height } = canvas;
  const scale = height / 360;
  const x = ((seconds * 14 * scale + width * 0.22) % (width * 1.3)) - width * 0.15;
  const y = horizon + (height - horizon) * 0.42 + 1.6 * Math.sin(seconds * 1.7) * scale;
  const lean = (2 + 2 * Math.sin(seconds * 0.9)) * scale;
  const sail = 62 * scale;
  const white = [250, 244, 230].map((value, i) => (value * 2 + light.cloudLit[i]!) / 3);
  const red = [188, 58, 44];
  for (let row = 0; row < sail; row++) {
    const part = row / sail;
    const mast = x + lean * (1 - part);
    const at = Math.round(y - sail + row - 6 * scale);
    run(canvas, at, mast + 2 * scale, mast + (2 + 24 * part ** 0.8) * scale, white, 0.96);
    run(canvas, at, mast - 19 * scale * part ** 1.2, mast - 1, red, 0.94);
    run(canvas, at, mast, mast + scale, [70, 48, 40], 1);
    const ripple = 3 * Math.sin(row * 0.5 + seconds * 5) * scale;
    const below = Math.round(y + 10 * scale + (sail - row) * 0.8);
    run(canvas, below, mast + ripple, mast + ripple + 22 * scale * part, white, 0.2 * part);
    run(canvas, below, mast + ripple - 17 * scale * part, mast + ripple, red, 0.22 * part);
  }
  for (let row = 0; row < 9 * scale; row++) {
    const part = row / (9 * scale);
    const color = row < 2 * scale ? [236, 214, 176] : [104, 60, 40];
    run(
      canvas,
      Math.round(y - 5 * scale + row),
      x - (28 - 10 * part) * scale,
      x + (32 - 16 * part) * scale,
      color,
      1,
    );
  }
  for (const side of [0, 1, 2])
    run(
      canvas,
      Math.round(y + (4 + side) * scale),
      x - (34 + 6 * side) * scale,
      x + (26 - 9 * side) * scale,
      [240, 246, 248],
      0.35 - 0.1 * side,
    );
}

const FLOCK = [
  [0, 0],
  [-26, 12],
  [-48, 26],
  [22, 15],
  [-14, 34],
] as const;

/** Birds that beat their wings across the sky. */
export function drawBirds(canvas: Canvas, seconds: number, horizon: number): void {
  const { width, height } = canvas;
  const scale = height / 360;
  const x = width * 1.1 - ((seconds * 26 * scale) % (width * 1.6));
  FLOCK.forEach(([dx, dy], index) => {
    const beat = Math.sin(seconds * (6 + index * 0.37) + index * 1.7);
    const centre = x + dx * scale;
    const level = horizon * 0.32 + (dy + 5 * Math.sin(seconds * 0.6 + index)) * scale;
    const span = (10 - index) * scale;
    for (let step = -span; step <= span; step++) {
      const out = Math.abs(step) / span;
      const y = level - Math.sin(out * Math.PI * 0.62) * beat * 6 * scale - (1 - out) * scale;
      run(canvas, Math.round(y), centre + step, centre + step, [38, 36, 52], 0.9);
      run(canvas, Math.round(y) + 1, centre + step, centre + step, [38, 36, 52], 0.55 * (1 - out * 0.6));
    }
  });
}
