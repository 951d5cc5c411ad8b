import type { NetSpec } from './net.js';
import type { Pixels, Size } from './pixels.js';
import type { Weights } from './weights.js';

/** Runs networks: one of ONNX Runtime, TensorFlow.js or the identity, on one device. */
export interface Engine extends AsyncDisposable {
  /** Such as `native/cpu`, `onnx/webgpu`, `tfjs/tensorflow`, `identity`. */
  readonly name: string;
  /** Pictures that it paints at the same time, each in a lane of its own; 1 where one takes all that there is. */
  readonly lanes: number;
  /** Pictures of one style that a call may gain by, where they are small; 1 if left out: two take as long as one twice. */
  readonly batch?: number;
  /**
   * A TransformNet compiled and warmed for pictures of one size, whose sides must be multiples of `net.stride`.
   * `base` holds the net's own params; each style brings the rest.
   */
  painter(net: NetSpec, base: Weights, size: Size, options?: PainterOptions): Promise<Painter>;
  /** A MetaNet compiled: style picture to weights. */
  styler(net: NetSpec, base: Weights): Promise<Styler>;
}

/** What a painter is for. */
export interface PainterOptions {
  /**
   * How many lanes share the processor's cores, up to the engine's; left out: all of its lanes. In many, most pictures
   * a second are painted; in one alone, a picture has every core and is painted soonest.
   */
  readonly lanes?: number;
}

/** A TransformNet ready to paint pictures of one size. */
export interface Painter extends AsyncDisposable {
  readonly size: Size;
  /** Pictures of one style that a call may gain by at this size; 1 if left out. */
  readonly batch?: number;
  /** Puts a style's weights in place, ahead of the first frame that needs them; the switch is then one assignment. */
  bind(style: Weights): Promise<Bound>;
  /** Paints each picture in its own style, in order. Bytes in, bytes out; the inputs may be reused once it resolves. */
  paint(batch: readonly { pixels: Pixels; style: Bound }[]): Promise<Pixels[]>;
}

/** Weights that a painter holds ready; opaque to everyone else. Disposing twice is harmless. */
export interface Bound extends Disposable {
  readonly painter: Painter;
}

/** A MetaNet ready to turn style pictures into weights. */
export interface Styler extends AsyncDisposable {
  /** The style params that a MetaNet makes from a picture, shaped as its TransformNet wants them. */
  weights(picture: Pixels): Promise<Weights>;
}
