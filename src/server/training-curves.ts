import type { TrainingCurves } from './training-protocol.js';

type Values = Readonly<Record<string, number | null>>;

/** The mean of neighbouring rows. */
interface Bin {
  readonly step: number;
  readonly count: number;
  readonly values: Values;
}

const mean = (a: number | null, b: number | null, share: number): number | null =>
  a === null || b === null ? (a ?? b) : a + (b - a) * share;

function merged(a: Bin, b: Bin): Bin {
  const count = a.count + b.count;
  const names = new Set([...Object.keys(a.values), ...Object.keys(b.values)]);
  const values = [...names].map((name) => [
    name,
    mean(a.values[name] ?? null, b.values[name] ?? null, b.count / count),
  ]);
  return { step: b.step, count, values: Object.fromEntries(values) };
}

const rounded = (value: number | null | undefined): number | null =>
  value === null || value === undefined ? null : Number(value.toPrecision(6));

/**
 * Rows of numbers over steps, bounded: when there are too many, neighbours become one, their mean, all along alike.
 */
export class Curves {
  #bins: Bin[] = [];
  /** Rows a bin holds. */
  #stride = 1;

  constructor(readonly most: number) {}

  push(step: number, values: Values): void {
    const row = { step, count: 1, values };
    const last = this.#bins.at(-1);
    if (last && last.count < this.#stride) this.#bins[this.#bins.length - 1] = merged(last, row);
    else this.#bins.push(row);
    if (this.#bins.length <= this.most) return;
    const before = this.#bins;
    this.#bins = [];
    for (let i = 0; i < before.length; i += 2) {
      const [one, other] = [before[i]!, before[i + 1]];
      this.#bins.push(other ? merged(one, other) : one);
    }
    this.#stride *= 2;
  }

  /** Forgets every row later than a step: the training was taken up from there. */
  rewind(step: number): void {
    const keep = this.#bins.findLastIndex((bin) => bin.step <= step);
    this.#bins.length = keep + 1;
  }

  columns(): TrainingCurves {
    const names = new Set(this.#bins.flatMap(({ values }) => Object.keys(values)));
    return {
      steps: this.#bins.map(({ step }) => step),
      values: Object.fromEntries(
        [...names].map((name) => [name, this.#bins.map(({ values }) => rounded(values[name]))]),
      ),
    };
  }
}
