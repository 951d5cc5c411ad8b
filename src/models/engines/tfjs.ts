import * as tf from '@tensorflow/tfjs';
import type { Bound, Engine, Painter, Styler } from '../engine.js';
import type { NetSpec } from '../net.js';
import { blank, type Pixels, type Size } from '../pixels.js';
import type { Tensor, Weights } from '../weights.js';
import {
  checkPainter,
  checkStyles,
  checkWeights,
  generated,
  refuseBound,
  refuseClosed,
  stylePicture,
} from './checks.js';
import { GPU_BATCH, gpuBatch, groupByStyle, zeroStyle } from './painting.js';
import { on, startBackend, type TfBackend } from './tfjs-backend.js';
import { allToDevice, forward, type Tensors } from './tfjs-forward.js';
import { checkRefusals } from './tfjs-refusals.js';

export type { TfBackend } from './tfjs-backend.js';
export { probeTfjs } from './tfjs-probe.js';

/**
 * Planar pictures of one size as one tensor of whole numbers [N, H, W, 3]. They are floats since the WebGPU backend
 * cannot transpose integers. Call it inside tf.tidy.
 */
function toTensor(pictures: readonly Pixels[]): tf.Tensor4D {
  const [{ width, height }] = pictures as [Pixels];
  const length = 3 * width * height;
  const planes = new Float32Array(pictures.length * length);
  for (const [i, { data }] of pictures.entries()) planes.set(data, i * length);
  return tf.transpose(tf.tensor4d(planes, [pictures.length, 3, height, width]), [0, 2, 3, 1]);
}

/** Takes a tensor of whole numbers [N, 3, H, W] within 0 to 255, and disposes it. */
async function toPixels(planes: tf.Tensor, { width, height }: Size): Promise<Pixels[]> {
  try {
    const values = await planes.data();
    const length = 3 * width * height;
    return Array.from({ length: planes.shape[0]! }, (_, i) => ({
      data: new Uint8Array(values.subarray(i * length, (i + 1) * length)),
      width,
      height,
    }));
  } finally {
    planes.dispose();
  }
}

/** The weights' numbers apart from their owner's, since some backends hold on to the array they are given. */
const copied = (weights: Weights): Weights =>
  new Map([...weights].map(([name, { shape, data }]) => [name, { shape, data: data.slice() }]));

/** Weights on the device until they are disposed, which may happen at any time and twice. */
class Held implements Disposable {
  #tensors: Tensors | undefined;
  constructor(weights: Weights, backend: TfBackend) {
    this.#tensors = on(backend, () => allToDevice(copied(weights)));
  }
  get tensors() {
    return this.#tensors;
  }
  [Symbol.dispose]() {
    if (this.#tensors) tf.dispose(this.#tensors as Record<string, tf.Tensor>);
    this.#tensors = undefined;
  }
}

class TfBound extends Held implements Bound {
  constructor(
    readonly painter: TfPainter,
    style: Weights,
    readonly forget: (bound: TfBound) => void,
  ) {
    super(style, painter.backend);
  }
  override [Symbol.dispose]() {
    super[Symbol.dispose]();
    this.forget(this);
  }
}

class TfPainter implements Painter {
  readonly #base: Held;
  readonly #bounds = new Set<TfBound>();

  constructor(
    readonly backend: TfBackend,
    readonly net: NetSpec,
    base: Weights,
    readonly size: Size,
    readonly batch: number,
    readonly forget: (painter: TfPainter) => void,
  ) {
    this.#base = new Held(base, backend);
  }

  async bind(style: Weights): Promise<TfBound> {
    if (!this.#base.tensors) refuseClosed('painter');
    checkWeights(style, this.net, 'style');
    const bound = new TfBound(this, style, (disposed) => this.#bounds.delete(disposed));
    this.#bounds.add(bound);
    return bound;
  }

  /** All work is handed to the device before the first wait, so a style disposed meanwhile does no harm. */
  async paint(batch: readonly { pixels: Pixels; style: Bound }[]): Promise<Pixels[]> {
    const base = this.#base.tensors ?? refuseClosed('painter');
    const groups = groupByStyle(batch, this.size, (style) => {
      if (!(style instanceof TfBound) || style.painter !== this) refuseBound('foreign');
      return style.tensors ?? refuseBound('disposed');
    });
    const launched = on(this.backend, () =>
      tf.tidy(() => groups.map(({ style, pictures }) => this.#forward(pictures, { ...base, ...style }))),
    );
    const painted: Pixels[] = new Array(batch.length);
    const read = await Promise.all(launched.map((planes) => toPixels(planes, this.size)));
    checkRefusals();
    for (const [i, { places }] of groups.entries())
      for (const [j, place] of places.entries()) painted[place] = read[i]![j]!;
    return painted;
  }

  #forward(pictures: readonly Pixels[], params: Tensors): tf.Tensor {
    const [input] = this.net.inputs as [string];
    const { picture } = forward(this.net, { [input]: toTensor(pictures) }, params, ['picture'], {
      frugal: true,
    });
    // A product makes floats of integers on every backend; on WebGPU a cast changes only what they are called.
    return tf.transpose(tf.mul(picture, 1), [0, 3, 1, 2]);
  }

  /** Has kernels compiled and buffers taken before the first frame. */
  async warm(): Promise<void> {
    using style = await this.bind(zeroStyle(this.net));
    await this.paint([{ pixels: blank(this.size), style }]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const bound of this.#bounds) bound[Symbol.dispose]();
    this.#base[Symbol.dispose]();
    this.forget(this);
  }
}

class TfStyler implements Styler {
  readonly #base: Held;

  constructor(
    readonly backend: TfBackend,
    readonly net: NetSpec,
    base: Weights,
    readonly forget: (styler: TfStyler) => void,
  ) {
    this.#base = new Held(base, backend);
  }

  async weights(picture: Pixels): Promise<Weights> {
    const params = this.#base.tensors ?? refuseClosed('styler');
    const [input] = this.net.inputs as [string];
    const whole = stylePicture(this.net, picture);
    const made = on(this.backend, () =>
      tf.tidy(() =>
        forward(this.net, { [input]: toTensor([whole]) }, params, Object.keys(this.net.outputs), {
          frugal: true,
        }),
      ),
    );
    const weights = new Map<string, Tensor>();
    try {
      for (const [name, tensor] of Object.entries(made))
        weights.set(name, generated(this.net, name, Float32Array.from(await tensor.data())));
    } finally {
      tf.dispose(made);
    }
    checkRefusals();
    return weights;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#base[Symbol.dispose]();
    this.forget(this);
  }
}

class TfEngine implements Engine {
  readonly lanes = 1;
  readonly #opened = new Set<TfPainter | TfStyler>();
  readonly #forget = (closed: TfPainter | TfStyler) => void this.#opened.delete(closed);
  #closed = false;

  constructor(
    readonly backend: TfBackend,
    readonly onGpu: boolean,
  ) {}

  get batch(): number {
    return this.onGpu ? GPU_BATCH : 1;
  }

  get name() {
    return `tfjs/${this.backend}`;
  }

  async painter(net: NetSpec, base: Weights, size: Size): Promise<Painter> {
    if (this.#closed) refuseClosed('engine');
    checkPainter(net, base, size);
    const batch = this.onGpu ? gpuBatch(size) : 1;
    const painter = new TfPainter(this.backend, net, base, size, batch, this.#forget);
    this.#opened.add(painter);
    try {
      await painter.warm();
    } catch (error) {
      await painter[Symbol.asyncDispose]();
      throw error;
    }
    return painter;
  }

  async styler(net: NetSpec, base: Weights): Promise<Styler> {
    if (this.#closed) refuseClosed('engine');
    checkStyles(net);
    checkWeights(base, net, 'net');
    const styler = new TfStyler(this.backend, net, base, this.#forget);
    this.#opened.add(styler);
    return styler;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const opened of this.#opened) await opened[Symbol.asyncDispose]();
  }
}

/** @throws Unsupported with the way to get it, when this machine does not have the backend. */
export async function openTfjs(backend: TfBackend): Promise<Engine> {
  await startBackend(backend);
  const native = on(backend, () => tf.backend() as { readonly isUsingGpuDevice?: boolean });
  return new TfEngine(backend, backend === 'webgpu' || native.isUsingGpuDevice === true);
}
