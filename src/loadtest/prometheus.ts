/** One value of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
/** Lines that are read at most, whatever comes. */
const MOST_LINES = 20_000;

/** Reads Prometheus' text format; lines that are none of it are left out. */
export function readSamples(text: string): Sample[] {
  return text
    .split('\n', MOST_LINES)
    .map((line) => LINE.exec(line.trim()))
    .filter((found) => found !== null)
    .map(([, name, labels = '', value]) => ({
      name: name!,
      labels: Object.fromEntries(
        [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, label]) => [key!, label!]),
      ),
      value: Number(value),
    }))
    .filter(({ value }) => !Number.isNaN(value));
}

/** How much counters grew from one reading to the next: what was not there before counts from zero. */
export class Growth {
  readonly #before: ReadonlyMap<string, number>;
  readonly #after: readonly Sample[];

  constructor(before: readonly Sample[], after: readonly Sample[]) {
    this.#before = new Map(before.map((sample) => [keyOf(sample), sample.value]));
    this.#after = after;
  }

  /** Samples of a name and of all these labels, with what they grew by. */
  of(name: string, labels: Readonly<Record<string, string>> = {}): Sample[] {
    return this.#after
      .filter((sample) => sample.name === name)
      .filter((sample) => Object.entries(labels).every(([key, label]) => sample.labels[key] === label))
      .map((sample) => ({ ...sample, value: sample.value - (this.#before.get(keyOf(sample)) ?? 0) }));
  }

  /** Their sum; undefined where there is no such sample. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number | undefined {
    const found = this.of(name, labels);
    return found.length > 0 ? found.reduce((sum, { value }) => sum + value, 0) : undefined;
  }
}

const keyOf = ({ name, labels }: Sample): string =>
  `${name} ${JSON.stringify(Object.entries(labels).sort())}`;
