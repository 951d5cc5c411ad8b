import { LivebrushError } from '../../errors.js';
import type { Addon, NativeMemory, NativeStyle } from '../../native.js';
import type { Bound, Painter } from '../engine.js';
import type { NetSpec } from '../net.js';
import { blank, type Pixels, type Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import { checkPainted, checkWeights, refuseBound, refuseClosed } from './checks.js';
import type { NativeProgram } from './native-program.js';

/** The addon fails only where memory is missing, and says so. @throws LivebrushError */
function ask<T>(what: () => T): T {
  try {
    return what();
  } catch (cause) {
    throw new LivebrushError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

class NativeBound implements Bound {
  memory: NativeStyle | undefined;

  constructor(
    readonly painter: NativePainter,
    memory: NativeStyle,
  ) {
    this.memory = memory;
  }

  [Symbol.dispose]() {
    if (this.memory) this.painter.made.addon.release(this.memory);
    this.memory = undefined;
  }
}

/** What to paint with. */
export interface NativePainterOptions {
  readonly addon: Addon;
  /** Index of the way to multiply that the program is for. */
  readonly way: number;
  readonly program: NativeProgram;
  readonly net: NetSpec;
  readonly base: Weights;
  readonly size: Size;
  readonly threads: number;
  readonly onClose: (painter: NativePainter) => void;
}

/** Paints with our own kernels, in the thread that asks: nothing of it waits, so that what was begun is done. */
export class NativePainter implements Painter {
  #memory: NativeMemory | undefined;

  constructor(readonly made: NativePainterOptions) {
    const { addon, way, program, threads } = made;
    const { steps, mixes, tensors } = program;
    this.#memory = ask(() => addon.create(way, steps, mixes, tensors, threads));
  }

  get size(): Size {
    return this.made.size;
  }

  async bind(style: Weights): Promise<NativeBound> {
    const { addon, base, net, program } = this.made;
    const memory = this.#memory ?? refuseClosed('painter');
    checkWeights(style, net, 'style');
    const weights = program.weights.map((name) => (style.get(name) ?? base.get(name))!.data);
    return new NativeBound(
      this,
      ask(() => addon.bind(memory, weights)),
    );
  }

  async paint(batch: readonly { pixels: Pixels; style: Bound }[]): Promise<Pixels[]> {
    const memory = this.#memory ?? refuseClosed('painter');
    const work = batch.map(({ pixels, style }) => {
      checkPainted(pixels, this.size);
      if (!(style instanceof NativeBound) || style.painter !== this) refuseBound('foreign');
      return { pixels, style: style.memory ?? refuseBound('disposed') };
    });
    return work.map(({ pixels, style }) => {
      const picture = blank(this.size);
      this.made.addon.paint(memory, style, pixels.data, picture.data);
      return picture;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#memory) return;
    this.made.addon.release(this.#memory);
    this.#memory = undefined;
    this.made.onClose(this);
  }
}
