import { setTimeout as sleep } from 'node:timers/promises';
import { LivebrushError, Usage } from '../../errors.js';
import type { Bound, Engine, Painter, Styler } from '../engine.js';
import { type NetSpec, sizeOf } from '../net.js';
import type { Pixels, Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import {
  checkPainted,
  checkPainter,
  checkPicture,
  checkStyles,
  checkWeights,
  generated,
  refuseBound,
  refuseClosed,
} from './checks.js';

/** How the identity engine misbehaves on demand, so that everything around an engine can be tried out. */
export interface IdentityOptions {
  /** Milliseconds that each picture takes, or so many as `batch` says. */
  readonly delayMs: number;
  /** Share of the calls that fail, 0 to 1: 0.01 fails every hundredth. */
  readonly fail: number;
  /** Pictures of a call that take as long as one, as on a graphics processor; 1 if left out. */
  readonly batch?: number;
}

const MOST_DELAY = 60_000;
const MOST_BATCH = 64;

/** Reads `delay=66ms,fail=0.01,batch=8`. @throws Usage */
export function identityOptions(text = ''): IdentityOptions {
  let delayMs = 0;
  let fail = 0;
  let batch = 1;
  for (const part of text.split(',').filter(Boolean)) {
    const [, name, number, unit] = /^(delay|fail|batch)=(\d+(?:\.\d+)?)(ms|s)?$/.exec(part) ?? [];
    const value = Number(number) * (unit === 's' ? 1000 : 1);
    if (name === 'delay' && value <= MOST_DELAY) delayMs = value;
    else if (name === 'fail' && !unit && value <= 1) fail = value;
    else if (name === 'batch' && !unit && Number.isInteger(value) && value >= 1 && value <= MOST_BATCH)
      batch = value;
    else
      throw new Usage(`The identity engine does not know the option ${part}.`, {
        hint: `Options are delay=66ms (up to 60s), fail=0.01 (a share of 1) and batch=8 (up to ${MOST_BATCH}), joined by commas.`,
      });
  }
  return { delayMs, fail, batch };
}

/** Whatever is not identity about an engine: its time and its failures. Fails evenly, not by chance. */
class Temper {
  #due = 0;
  constructor(readonly options: IdentityOptions) {}

  async act(): Promise<void> {
    if (this.options.delayMs > 0) await sleep(this.options.delayMs);
    this.#due += this.options.fail;
    if (this.#due < 1 - 1e-9) return;
    this.#due -= 1;
    throw new LivebrushError('The identity engine failed, as it was asked to.');
  }
}

class IdentityBound implements Bound {
  disposed = false;
  constructor(readonly painter: IdentityPainter) {}
  [Symbol.dispose]() {
    this.disposed = true;
  }
}

class IdentityPainter implements Painter {
  #closed = false;
  constructor(
    readonly net: NetSpec,
    readonly size: Size,
    readonly temper: Temper,
  ) {}

  get batch(): number {
    return this.temper.options.batch ?? 1;
  }

  async bind(style: Weights): Promise<Bound> {
    if (this.#closed) refuseClosed('painter');
    checkWeights(style, this.net, 'style');
    return new IdentityBound(this);
  }

  async paint(batch: readonly { pixels: Pixels; style: Bound }[]): Promise<Pixels[]> {
    if (this.#closed) refuseClosed('painter');
    for (const { pixels, style } of batch) {
      checkPainted(pixels, this.size);
      if (!(style instanceof IdentityBound) || style.painter !== this) refuseBound('foreign');
      if (style.disposed) refuseBound('disposed');
    }
    const painted: Pixels[] = [];
    for (const [i, { pixels }] of batch.entries()) {
      if (i % this.batch === 0) await this.temper.act();
      painted.push({ ...this.size, data: pixels.data.slice() });
    }
    return painted;
  }

  async [Symbol.asyncDispose]() {
    this.#closed = true;
  }
}

class IdentityStyler implements Styler {
  #closed = false;
  constructor(
    readonly net: NetSpec,
    readonly temper: Temper,
  ) {}

  async weights(picture: Pixels): Promise<Weights> {
    if (this.#closed) refuseClosed('styler');
    checkPicture(picture);
    await this.temper.act();
    const { net } = this;
    return new Map(
      Object.keys(net.outputs).map((name) => [
        name,
        generated(net, name, new Float32Array(sizeOf(net.makes?.[name] ?? [1]))),
      ]),
    );
  }

  async [Symbol.asyncDispose]() {
    this.#closed = true;
  }
}

/** The engine that changes nothing: painters return copies of their pictures, stylers make zeros. */
export class IdentityEngine implements Engine {
  readonly name = 'identity';
  readonly lanes = 1;
  readonly #temper: Temper;
  readonly #open = new Set<AsyncDisposable>();
  #closed = false;

  constructor(options: IdentityOptions = identityOptions()) {
    this.#temper = new Temper(options);
  }

  get batch(): number {
    return this.#temper.options.batch ?? 1;
  }

  async painter(net: NetSpec, base: Weights, size: Size): Promise<Painter> {
    if (this.#closed) refuseClosed('engine');
    checkPainter(net, base, size);
    return this.#keep(new IdentityPainter(net, size, this.#temper));
  }

  async styler(net: NetSpec, base: Weights): Promise<Styler> {
    if (this.#closed) refuseClosed('engine');
    checkStyles(net);
    checkWeights(base, net, 'net');
    return this.#keep(new IdentityStyler(net, this.#temper));
  }

  #keep<T extends AsyncDisposable>(part: T): T {
    this.#open.add(part);
    return part;
  }

  async [Symbol.asyncDispose]() {
    this.#closed = true;
    for (const part of this.#open) await part[Symbol.asyncDispose]();
    this.#open.clear();
  }
}
