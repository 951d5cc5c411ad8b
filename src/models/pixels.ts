/** Planar 8-bit RGB: all red rows, then green, then blue (NCHW without N). `data` holds 3 * width * height bytes. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** Width and height in pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Fresh black pixels of a size. */
export function blank({ width, height }: Size): Pixels {
  return { data: new Uint8Array(3 * width * height), width, height };
}

/** `[height, width]` of the smallest size that holds `size` and whose sides are multiples of `stride` and at least `least`. */
export function paddedSize({ width, height }: Size, stride: number, least = stride): Size {
  const up = (n: number) => Math.max(Math.ceil(n / stride), Math.ceil(least / stride)) * stride;
  return { width: up(width), height: up(height) };
}

/** Index of the sample that reflection without repeated edge (numpy `reflect`) shows at `i` of a row of `n`; any `i`. */
export function reflected(i: number, n: number): number {
  if (n === 1) return 0;
  const period = 2 * (n - 1);
  const k = ((i % period) + period) % period;
  return k < n ? k : period - k;
}

/** Grows a picture to `to` by reflection at the right and the bottom. Whole rows are copied, only the margin is gathered. */
export function padReflect(from: Pixels, to: Size): Pixels {
  if (from.width === to.width && from.height === to.height) return from;
  const out = blank(to);
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < to.height; y++) {
      const source = (channel * from.height + reflected(y, from.height)) * from.width;
      const target = (channel * to.height + y) * to.width;
      out.data.set(from.data.subarray(source, source + from.width), target);
      for (let x = from.width; x < to.width; x++)
        out.data[target + x] = from.data[source + reflected(x, from.width)]!;
    }
  }
  return out;
}

/** The top left `to` of a picture: undoes `padReflect`. */
export function cropTo(from: Pixels, to: Size): Pixels {
  if (from.width === to.width && from.height === to.height) return from;
  const out = blank(to);
  for (let channel = 0; channel < 3; channel++) {
    for (let y = 0; y < to.height; y++) {
      const source = (channel * from.height + y) * from.width;
      out.data.set(from.data.subarray(source, source + to.width), (channel * to.height + y) * to.width);
    }
  }
  return out;
}

/** Packed RGB (rgbrgb…, what picture libraries give) to planar. */
export function fromPacked(rgb: Uint8Array, { width, height }: Size): Pixels {
  const out = blank({ width, height });
  const plane = width * height;
  for (let i = 0, j = 0; i < plane; i++, j += 3) {
    out.data[i] = rgb[j]!;
    out.data[i + plane] = rgb[j + 1]!;
    out.data[i + 2 * plane] = rgb[j + 2]!;
  }
  return out;
}

/** Planar to packed RGB. */
export function toPacked({ data, width, height }: Pixels): Uint8Array {
  const plane = width * height;
  const rgb = new Uint8Array(3 * plane);
  for (let i = 0, j = 0; i < plane; i++, j += 3) {
    rgb[j] = data[i]!;
    rgb[j + 1] = data[i + plane]!;
    rgb[j + 2] = data[i + 2 * plane]!;
  }
  return rgb;
}
