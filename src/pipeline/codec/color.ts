import type { AVPixelFormat } from 'node-av/constants';
import type { Frame, SoftwareScaleContext } from 'node-av/lib';
import type { Pixels, Size } from '../../models/pixels.js';
import { borrow } from '../recycle.js';
import { type Av, check } from './av.js';

/** RGB, grey and palette formats: their numbers are no YUV, so no matrix applies to them. */
const withoutMatrix = /^(rgb|bgr|gbr|argb|abgr|0rgb|0bgr|x2|pal8|gray|mono|ya)/;

/**
 * Fills in what the file leaves open about a picture's colours: BT.709 from 720 lines or more than 1024 columns on,
 * else BT.601, limited range (full for the `yuvj` formats, which swscale knows by itself).
 */
export function assumeColors(av: Av, frame: Frame): void {
  const { C } = av;
  const format = av.avGetPixFmtName(frame.format as AVPixelFormat) ?? '';
  if (withoutMatrix.test(format)) return;
  const { colorSpace } = frame;
  if (colorSpace === C.AVCOL_SPC_UNSPECIFIED || colorSpace === C.AVCOL_SPC_RESERVED) {
    const high = frame.height >= 720 || frame.width > 1024;
    frame.colorSpace = high ? C.AVCOL_SPC_BT709 : C.AVCOL_SPC_SMPTE170M;
  }
  if (frame.colorRange === C.AVCOL_RANGE_UNSPECIFIED)
    frame.colorRange = format.startsWith('yuvj') ? C.AVCOL_RANGE_JPEG : C.AVCOL_RANGE_MPEG;
}

/** A picture of FFmpeg's with memory of its own. The caller frees it. */
export function pictureOf(av: Av, { width, height }: Size, format: AVPixelFormat): Frame {
  const frame = new av.Frame();
  frame.alloc();
  frame.width = width;
  frame.height = height;
  frame.format = format;
  check(av, frame.getBuffer(0), 'Cannot allocate a picture');
  return frame;
}

/** gbrp holds green, blue, red; pixels are red, green, blue. */
const planeOf = [2, 0, 1] as const;

/**
 * The planes of a picture in RGB, red first, for as long as it lives. Asked for once: each time, node-av makes buffers over
 * the whole picture anew, which V8 counts as garbage of that size.
 */
export function planesOf(rgb: Frame): readonly Uint8Array[] {
  const planes = rgb.data ?? [];
  return planeOf.map((plane) => planes[plane]!);
}

/** Bytes from one row to the next in each of these planes. */
export const stridesOf = ({ linesize }: Frame): readonly number[] => planeOf.map((plane) => linesize[plane]!);

/** Turns decoded pictures of any format into 8-bit full-range planar RGB of one size. */
export class ToPixels implements Disposable {
  readonly #av: Av;
  readonly #scaler: SoftwareScaleContext;
  readonly #rgb: Frame;
  readonly #planes: readonly Uint8Array[];
  readonly #strides: readonly number[];

  constructor(av: Av, size: Size) {
    this.#av = av;
    this.#scaler = new av.SoftwareScaleContext();
    // Not getContext: that one ignores the pictures' own colour tags.
    this.#scaler.allocContext();
    this.#rgb = pictureOf(av, size, av.C.AV_PIX_FMT_GBRP);
    this.#rgb.colorSpace = av.C.AVCOL_SPC_RGB;
    this.#rgb.colorRange = av.C.AVCOL_RANGE_JPEG;
    this.#planes = planesOf(this.#rgb);
    this.#strides = stridesOf(this.#rgb);
  }

  /** The pixels are a copy in borrowed memory: `frame` may be freed afterwards. Its colour tags are filled in where they are missing. */
  async convert(frame: Frame): Promise<Pixels> {
    assumeColors(this.#av, frame);
    const { C } = this.#av;
    // BT.2020 is wider than a screen shows; naming the target's primaries lets swscale map it.
    this.#rgb.colorPrimaries =
      frame.colorPrimaries === C.AVCOL_PRI_BT2020 ? C.AVCOL_PRI_BT709 : frame.colorPrimaries;
    this.#rgb.colorTrc = frame.colorTrc;
    // H.264 and its kin put chroma at the left; where nothing is told, swscale would have it in the middle.
    if (frame.chromaLocation === C.AVCHROMA_LOC_UNSPECIFIED) frame.chromaLocation = C.AVCHROMA_LOC_LEFT;
    // What has fields still, as a picture that is one, stays as it is: swscale refuses those that say so.
    frame.flags &= ~C.AV_FRAME_FLAG_INTERLACED;
    check(this.#av, await this.#scaler.scaleFrame(this.#rgb, frame), 'Cannot convert a picture to RGB');
    const pixels = borrow(this.#rgb);
    const area = pixels.width * pixels.height;
    for (const [channel, plane] of this.#planes.entries())
      copyRows(plane, this.#strides[channel]!, pixels.data, channel * area, pixels);
    return pixels;
  }

  [Symbol.dispose](): void {
    this.#scaler.freeContext();
    this.#rgb.free();
  }
}

/** Packs the rows of a plane, which lie `stride` bytes apart, into `target` from `offset` on. */
export function copyRows(
  plane: Uint8Array,
  stride: number,
  target: Uint8Array,
  offset: number,
  size: Size,
): void {
  const { width, height } = size;
  if (stride === width) {
    target.set(plane.subarray(0, width * height), offset);
    return;
  }
  for (let y = 0; y < height; y++)
    target.set(plane.subarray(y * stride, y * stride + width), offset + y * width);
}

/** Turns planar RGB into what encoders take: 4:2:0, limited range, BT.709 mostly. */
export class FromPixels implements Disposable {
  readonly #av: Av;
  readonly #scaler: SoftwareScaleContext;
  readonly #rgb: Frame;
  readonly #planes: readonly Uint8Array[];
  readonly #strides: readonly number[];
  readonly #padded: Size;
  readonly #format: AVPixelFormat;
  readonly #matrix: 'bt709' | 'bt601';

  /** `padded` is the size to encode: that of the pixels, or a row and a column more, which repeat the edge. */
  constructor(av: Av, padded: Size, format: AVPixelFormat, matrix: 'bt709' | 'bt601' = 'bt709') {
    this.#av = av;
    this.#matrix = matrix;
    this.#scaler = new av.SoftwareScaleContext();
    this.#scaler.allocContext();
    this.#padded = padded;
    this.#format = format;
    this.#rgb = pictureOf(av, padded, av.C.AV_PIX_FMT_GBRP);
    this.#rgb.colorSpace = av.C.AVCOL_SPC_RGB;
    this.#rgb.colorRange = av.C.AVCOL_RANGE_JPEG;
    this.#planes = planesOf(this.#rgb);
    this.#strides = stridesOf(this.#rgb);
  }

  /** A picture to encode, without a time. It holds no part of `pixels`. The caller frees it. */
  async convert(pixels: Pixels): Promise<Frame> {
    const { C } = this.#av;
    for (const [channel, plane] of this.#planes.entries())
      spreadRows(pixels, channel, plane, this.#strides[channel]!, this.#padded);
    const yuv = pictureOf(this.#av, this.#padded, this.#format);
    try {
      yuv.colorSpace = this.#matrix === 'bt709' ? C.AVCOL_SPC_BT709 : C.AVCOL_SPC_SMPTE170M;
      yuv.colorRange = C.AVCOL_RANGE_MPEG;
      check(this.#av, await this.#scaler.scaleFrame(yuv, this.#rgb), 'Cannot convert a picture from RGB');
      yuv.colorPrimaries = C.AVCOL_PRI_BT709;
      yuv.colorTrc = C.AVCOL_TRC_BT709;
      yuv.chromaLocation = C.AVCHROMA_LOC_LEFT;
      return yuv;
    } catch (error) {
      yuv.free();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#scaler.freeContext();
    this.#rgb.free();
  }
}

/** Lays a channel's rows `stride` bytes apart, repeating its last column and row up to `padded`. */
export function spreadRows(
  pixels: Pixels,
  channel: number,
  plane: Uint8Array,
  stride: number,
  padded: Size,
): void {
  const { data, width, height } = pixels;
  const first = channel * width * height;
  if (stride === width && padded.height === height) {
    plane.set(data.subarray(first, first + width * height));
    return;
  }
  for (let y = 0; y < padded.height; y++) {
    const from = first + Math.min(y, height - 1) * width;
    plane.set(data.subarray(from, from + width), y * stride);
    if (padded.width > width)
      plane.fill(data[from + width - 1]!, y * stride + width, y * stride + padded.width);
  }
}
