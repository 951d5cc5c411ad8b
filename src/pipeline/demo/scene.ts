import { blank, type Pixels, type Size } from '../../models/pixels.js';
import { drawBirds, drawBoat } from './life.js';
import { type Light, lightAt } from './light.js';
import { noiseTile } from './noise.js';

/** Sides of the noise tiles: powers of two, so that a mask wraps them. */
const TILE = 1024;
const TILE_ROWS = 256;
const WRAP = TILE - 1;
const WRAP_ROWS = TILE_ROWS - 1;
/** Seconds from one evening to the next. */
const DAY = 240;
/** The sky and what is far off are drawn anew in this many bands, one a frame: it moves a pixel or so in that time. */
const BANDS = 6;
/** How fast what is far off passes, in pixels a second. */
const RANGE_PACE = 4;

/** A planar picture that is drawn into; values out of range are clamped. */
export interface Canvas extends Size {
  readonly data: Uint8ClampedArray;
  readonly area: number;
}

const canvasOf = ({ data, width, height }: Pixels): Canvas => ({
  data: new Uint8ClampedArray(data.buffer, data.byteOffset, data.byteLength),
  width,
  height,
  area: width * height,
});

/** When and under which light something is drawn. */
interface Moment {
  readonly seconds: number;
  readonly light: Light;
  readonly sunX: number;
  readonly sunY: number;
}

const clamp = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value);
const clampUnit = (value: number): number => (value < 0 ? 0 : value > 1 ? 1 : value);

/** A bay by the hours of the day: sky, clouds, mountains, islands, the sea that mirrors them, a boat, birds. */
export class Scene {
  readonly size: Size;
  /** First row of the water. */
  readonly #horizon: number;
  readonly #clouds = noiseTile({
    width: TILE,
    height: TILE_ROWS,
    across: 8,
    down: 8,
    octaves: 5,
    seed: 3,
  });
  readonly #wisps = noiseTile({
    width: TILE,
    height: TILE_ROWS,
    across: 16,
    down: 16,
    octaves: 4,
    seed: 11,
  });
  readonly #ripples = noiseTile({
    width: TILE,
    height: TILE_ROWS,
    across: 32,
    down: 64,
    octaves: 2,
    seed: 23,
  });
  readonly #ridge = noiseTile({
    width: 2 * TILE,
    height: 1,
    across: 16,
    down: 1,
    octaves: 7,
    seed: 31,
  });
  readonly #shore = noiseTile({
    width: 2 * TILE,
    height: 1,
    across: 8,
    down: 1,
    octaves: 6,
    seed: 47,
  });
  /** What the sun adds at a distance from it, in 0 to 255; twice the picture's size, the sun at its centre. */
  readonly #glow: Uint8Array;
  /** The sky with clouds and mountains, of which a band is drawn anew for each picture. */
  readonly #sky: Canvas;
  #band = 0;

  constructor(size: Size = { width: 640, height: 360 }) {
    this.size = size;
    this.#horizon = Math.round(size.height * 0.62);
    this.#glow = glowMap(size);
    this.#sky = canvasOf(blank({ width: size.width, height: this.#horizon }));
  }

  /** The picture at a time in seconds; the sky remembers up to five pictures before it. */
  draw(seconds: number): Pixels {
    const pixels = blank(this.size);
    const canvas = canvasOf(pixels);
    const light = lightAt(seconds / DAY);
    const sunX = Math.round(this.size.width * (0.66 + 0.05 * Math.sin(seconds / 17)));
    const sunY = Math.round(this.#horizon * (1 - light.sun));
    const moment = { seconds, light, sunX, sunY };
    // The first picture needs all of the sky.
    const bands = this.#band === 0 ? BANDS : 1;
    for (let i = 0; i < bands; i++) this.#drawSkyBand(this.#band++ % BANDS, moment);
    for (let channel = 0; channel < 3; channel++) {
      const rows = this.#sky.data.subarray(channel * this.#sky.area, (channel + 1) * this.#sky.area);
      canvas.data.set(rows, channel * canvas.area);
    }
    this.#drawIslands(canvas, moment);
    drawBirds(canvas, seconds, this.#horizon);
    this.#drawSea(canvas, moment);
    drawBoat(canvas, seconds, this.#horizon, light);
    return pixels;
  }

  #drawSkyBand(band: number, moment: Moment): void {
    const from = Math.round((band * this.#horizon) / BANDS);
    const to = Math.round(((band + 1) * this.#horizon) / BANDS);
    const tops = this.#rangeTops(moment.seconds);
    for (let y = from; y < to; y++) {
      this.#drawSkyRow(y, moment);
      this.#drawCloudRow(y, moment);
      this.#drawRangeRow(y, tops, moment);
    }
  }

  #drawSkyRow(y: number, { light: { sky, glow }, sunX, sunY }: Moment): void {
    const { data, width, area } = this.#sky;
    const t = (y / this.#horizon) * 2;
    const [from, to, part] = t < 1 ? [sky[0], sky[1], t] : [sky[1], sky[2], t - 1];
    const start = (y - sunY + this.size.height) * 2 * width + width - sunX;
    for (let channel = 0; channel < 3; channel++) {
      const base = from[channel]! + (to[channel]! - from[channel]!) * part;
      const add = glow[channel]! / 255;
      const out = channel * area + y * width;
      for (let x = 0; x < width; x++) data[out + x] = base + this.#glow[start + x]! * add;
    }
  }

  /** Two noises that drift at their own pace; where their sum is high there is a cloud. */
  #drawCloudRow(y: number, { light: { cloudLit, cloudShade }, seconds }: Moment): void {
    const { data, width, area } = this.#sky;
    const rows = Math.round(this.#horizon * 0.9);
    if (y >= rows) return;
    const clouds = this.#clouds;
    const drift = Math.round(seconds * 7);
    const slide = Math.round(seconds * 3);
    // Clouds crowd together and grow flat towards the horizon.
    const depth = 1 + (1.6 * y) / rows;
    const row = (Math.round(y * depth) & WRAP_ROWS) * TILE;
    const lower = ((Math.round(y * depth) + 9) & WRAP_ROWS) * TILE;
    const wisp = ((Math.round(y * depth * 1.3) + 90) & WRAP_ROWS) * TILE;
    const fade = Math.min(1, (rows - y) / 40) / 90;
    for (let x = 0, i = y * width; x < width; x++, i++) {
      const u = (x + drift) & WRAP;
      const thick = clouds[row + u]! + this.#wisps[wisp + ((x + slide) & WRAP)]! * 0.5 - 205;
      if (thick <= 0) continue;
      const alpha = Math.min(0.92, thick * fade);
      const lit = clampUnit(0.62 + (clouds[row + u]! - clouds[lower + u]!) / 90);
      for (let channel = 0, at = i; channel < 3; channel++, at += area) {
        const color = cloudShade[channel]! + (cloudLit[channel]! - cloudShade[channel]!) * lit;
        data[at]! += (color - data[at]!) * alpha;
      }
    }
  }

  /** A row of the mountains, with snow on the highest; `tops` holds where each column begins. */
  #drawRangeRow(y: number, tops: Float32Array, { light: { far, sky, cloudLit }, seconds }: Moment): void {
    const { data, width, area } = this.#sky;
    const grains = (y & WRAP_ROWS) * TILE;
    const scroll = Math.round(seconds * RANGE_PACE);
    const snowLine = this.#horizon * 0.775;
    for (let x = 0, i = y * width; x < width; x++, i++) {
      const high = tops[x]!;
      if (y <= high - 1) continue;
      const grain = (this.#clouds[grains + ((x + scroll) & WRAP)]! - 128) >> 2;
      const snow = y < snowLine + grain * 0.5;
      const [a, b] = snow ? [cloudLit, far] : [far, sky[2]];
      const part = snow ? 0.22 : ((y - high) / (this.#horizon - high + 1)) * 0.6;
      const cover = y < high ? y - high + 1 : 1;
      for (let channel = 0, at = i; channel < 3; channel++, at += area) {
        const color = a[channel]! + (b[channel]! - a[channel]!) * part + grain;
        data[at]! += (color - data[at]!) * cover;
      }
    }
  }

  #rangeTops(seconds: number): Float32Array {
    return Float32Array.from({ length: this.size.width }, (_, x) => {
      const peak = between(this.#ridge, x + Math.round(seconds * RANGE_PACE)) / 255;
      return this.#horizon * (0.98 - 0.42 * peak * peak);
    });
  }

  #drawIslands(canvas: Canvas, { light: { near, glow }, seconds }: Moment): void {
    const { data, width, area } = canvas;
    const scroll = seconds * 11;
    const whole = Math.round(scroll);
    for (let x = 0; x < width; x++) {
      const rise = between(this.#shore, x + scroll) / 255 - 0.5;
      if (rise <= 0) continue;
      const trees = this.#wisps[40 * TILE + (((x + whole) * 3) & WRAP)]! / 255;
      const high = this.#horizon - this.#horizon * 0.62 * rise - 9 * trees * Math.min(1, rise * 9);
      const top = Math.ceil(high);
      const u = ((x + whole) * 3) & WRAP;
      for (let y = Math.max(0, top - 1), i = y * width + x; y < this.#horizon; y++, i += width) {
        const leaf = ((this.#wisps[((y * 3) & WRAP_ROWS) * TILE + u]! - 128) * 21) >> 6;
        const sunny = Math.max(0, 0.32 - (y - top) / 60);
        const cover = y < top ? top - high : 1;
        for (let channel = 0, at = i; channel < 3; channel++, at += area) {
          const color = near[channel]! + (glow[channel]! - near[channel]!) * sunny + leaf;
          data[at]! += (color - data[at]!) * cover;
        }
      }
    }
  }

  /** The sky mirrored, broken up by waves that grow towards us. */
  #drawSea(canvas: Canvas, { light: { water, glow }, seconds, sunX }: Moment): void {
    const { data, width, height, area } = canvas;
    const [horizon, ripples] = [this.#horizon, this.#ripples];
    const [glowR, glowG, glowB] = glow.map((value) => value / 255) as [number, number, number];
    for (let y = horizon; y < height; y++) {
      const near = (y - horizon) / (height - horizon);
      const zoom = 2.4 - 1.9 * near;
      const wave = (Math.round(110 / (near + 0.16) + seconds * 13) & WRAP_ROWS) * TILE;
      const swell = (Math.round(70 / (near + 0.2) - seconds * 7) & WRAP_ROWS) * TILE;
      const mirrored = horizon - 1 - (y - horizon) * 1.25;
      const reach = (3 + near * 30) / 128;
      const mix = 0.3 + 0.4 * near;
      const keep = 1 - mix;
      const [red, green, blue] = [water[0] * mix, water[1] * mix, water[2] * mix];
      const path = 1 / (16 + near * 90);
      // Steps through the tiles are fixed-point numbers, 8 bits behind the point.
      const stepA = Math.round(zoom * 256);
      const stepB = Math.round(zoom * 0.6 * 256);
      let u = Math.round(seconds * 9 * 256 - (width / 2) * stepA);
      let v = Math.round(-seconds * 6 * 256 - (width / 2) * stepB);
      const bend = near * 0.12;
      for (let x = 0, i = y * width; x < width; x++, i++, u += stepA, v += stepB) {
        const r = ripples[wave + ((u >> 8) & WRAP)]! + ripples[swell + ((v >> 8) & WRAP)]! - 256;
        let row = (mirrored + r * reach) | 0;
        row = row < 0 ? 0 : row >= horizon ? horizon - 1 : row;
        let column = (x + r * bend) | 0;
        column = column < 0 ? 0 : column >= width ? width - 1 : column;
        const from = row * width + column;
        const shine = (r > 40 ? (r - 40) * 0.5 : r * 0.12) * (1 + near);
        let sparkle = 0;
        if (r > 24) {
          const away = (x - sunX) * path;
          sparkle = ((r - 24) * 2.2) / (1 + away * away);
        }
        data[i] = data[from]! * keep + red + shine + sparkle * glowR;
        data[i + area] = data[from + area]! * keep + green + shine + sparkle * glowG;
        data[i + 2 * area] = data[from + 2 * area]! * keep + blue + shine + sparkle * glowB;
      }
    }
  }
}

/** A profile's height between two of its points; it repeats after its length, a power of two. */
function between(profile: Uint8Array, at: number): number {
  const left = Math.floor(at);
  const a = profile[left & (profile.length - 1)]!;
  const b = profile[(left + 1) & (profile.length - 1)]!;
  return a + (b - a) * (at - left);
}

function glowMap({ width, height }: Size): Uint8Array {
  const map = new Uint8Array(4 * width * height);
  const radius = height / 15;
  for (let y = 0; y < 2 * height; y++)
    for (let x = 0; x < 2 * width; x++) {
      const distance = Math.hypot(x - width, y - height) / radius;
      const disc = clampUnit((1.04 - distance) * 12) * 150;
      map[y * 2 * width + x] = clamp(disc + 150 / (1 + (distance / 2.6) ** 2));
    }
  return map;
}
