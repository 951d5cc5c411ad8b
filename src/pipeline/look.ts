import { blendWeights, type Weights } from '../models/weights.js';

/** Shares of styles by name; they add up to 1. */
export type Mix = ReadonlyMap<string, number>;

/** What to show: the painting, the source as it is, or black. */
export type Show = 'paint' | 'bypass' | 'blackout';

/** How a frame shall look, in words: which styles in which shares, how strongly, with whose colours. */
export interface Mood {
  readonly mix: Mix;
  /** 0 leaves the source as it is, 1 is the painting alone. */
  readonly strength: number;
  /** 0 takes the painting's colours, 1 the source's, between them a blend. */
  readonly keepColor: number;
  /** 0 paints every frame afresh, 1 holds what does not move. */
  readonly steady: number;
  readonly show: Show;
}

/** How a frame shall look, in numbers: read anew at each frame. */
export interface Look extends Omit<Mood, 'mix'> {
  readonly weights: Weights;
}

/** Shares that add up to 1, a style named twice counted together. Weights are positive. */
export function mixOf(parts: readonly { style: string; weight: number }[]): Mix {
  const sum = parts.reduce((total, { weight }) => total + weight, 0);
  const mix = new Map<string, number>();
  for (const { style, weight } of parts) mix.set(style, (mix.get(style) ?? 0) + weight / sum);
  return mix;
}

const KEPT = 8;

/** Mixes styles in weight space. The same mix gives the same object again while it is among the last ones asked for. */
export class Mixer {
  readonly #kept = new Map<string, Weights>();

  /** @param styles every style a mix may name, by that name. */
  constructor(readonly styles: ReadonlyMap<string, Weights>) {}

  weights(mix: Mix): Weights {
    const parts = [...mix].filter(([, share]) => share > 0);
    const [[name, share] = ['', 0]] = parts;
    if (parts.length === 1 && share === 1) return this.#style(name);
    const key = JSON.stringify(parts);
    const weights =
      this.#kept.get(key) ??
      blendWeights(parts.map(([style, part]) => ({ weights: this.#style(style), share: part })));
    this.#kept.delete(key);
    this.#kept.set(key, weights);
    if (this.#kept.size > KEPT) this.#kept.delete(this.#kept.keys().next().value!);
    return weights;
  }

  /** A style is gone: mixes with it are let go of. */
  forget(name: string): void {
    for (const key of this.#kept.keys())
      if ((JSON.parse(key) as [string, number][]).some(([style]) => style === name)) this.#kept.delete(key);
  }

  look({ mix, ...rest }: Mood): Look {
    return { weights: this.weights(mix), ...rest };
  }

  #style(name: string): Weights {
    const weights = this.styles.get(name);
    if (!weights) throw new Error(`style ${name} was not resolved before it was mixed`);
    return weights;
  }
}
