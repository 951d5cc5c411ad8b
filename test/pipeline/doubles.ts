import type { Bound } from '../../src/models/engine.js';
import { blank, type Pixels, type Size } from '../../src/models/pixels.js';
import type { Weights } from '../../src/models/weights.js';
import type { LeasedPainter } from '../../src/pipeline/batcher.js';
import { type Frame, frame } from '../../src/pipeline/frame.js';
import type { FrameSink } from '../../src/pipeline/sink.js';
import type { FrameSource } from '../../src/pipeline/source.js';

/** A grey picture. */
export function grey(value: number, size: Size = { width: 4, height: 2 }): Pixels {
  const pixels = blank(size);
  pixels.data.fill(value);
  return pixels;
}

/** Frames 0, 1, 2, … a millisecond apart, their number in every byte. Counts what was asked of it. */
export class CountingSource implements FrameSource {
  pulled = 0;
  closed = false;
  constructor(
    readonly count: number,
    readonly live = false,
    readonly pause: (index: number, signal: AbortSignal) => Promise<unknown> = async () => {},
  ) {}
  async *frames(signal: AbortSignal): AsyncGenerator<Frame> {
    try {
      for (let i = 0; i < this.count && !signal.aborted; i++) {
        await this.pause(i, signal);
        if (signal.aborted) return;
        this.pulled++;
        yield frame(grey(i % 256), i * 1000);
      }
    } finally {
      this.closed = true;
    }
  }
  async [Symbol.asyncDispose]() {}
}

/** Keeps timestamps and first bytes. */
export class ListSink implements FrameSink {
  readonly times: number[] = [];
  readonly bytes: number[] = [];
  finished = 0;
  constructor(readonly pause: (index: number) => Promise<void> = async () => {}) {}
  async write(held: Frame) {
    using one = held;
    await this.pause(this.times.length);
    this.times.push(one.timestamp);
    this.bytes.push(one.data[0]!);
  }
  async finish() {
    this.finished++;
  }
  async [Symbol.asyncDispose]() {}
}

/** A style of one number, which `AddingPainter` adds to every byte. */
export const adding = (value: number): Weights =>
  new Map([['add', { shape: [1], data: Float32Array.of(value) }]]);

/** Adds its style's number to every byte, and writes down all that happens to it. */
export class AddingPainter implements LeasedPainter {
  room = 1;
  fill = 1;
  binds = 0;
  bounds = 0;
  closed = 0;
  readonly batches: number[][] = [];
  readonly #styles = new Map<Bound, number>();
  constructor(
    readonly size: Size,
    readonly pause: () => Promise<void> = async () => {},
  ) {}

  async bind(style: Weights): Promise<Bound> {
    this.binds++;
    this.bounds++;
    const bound: Bound = {
      painter: this,
      [Symbol.dispose]: () => {
        if (this.#styles.delete(bound)) this.bounds--;
      },
    };
    this.#styles.set(bound, style.get('add')!.data[0]!);
    return bound;
  }

  async paint(batch: readonly { pixels: Pixels; style: Bound }[]): Promise<Pixels[]> {
    this.batches.push(batch.map(({ pixels }) => pixels.data[0]!));
    await this.pause();
    return batch.map(({ pixels: { data, width, height }, style }) => {
      if (width !== this.size.width || height !== this.size.height) throw new Error('wrong size');
      const add = this.#styles.get(style);
      if (add === undefined) throw new Error('style is not bound');
      return { data: data.map((byte) => byte + add), width, height };
    });
  }

  async [Symbol.asyncDispose]() {
    this.closed++;
  }
}

/** Resolves after every microtask and I/O callback that is due now. */
export const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A promise and the way to resolve it. */
export function gate(): { open: () => void; passed: Promise<void> } {
  let open = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, passed };
}
