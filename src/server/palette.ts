import type { Weights } from '../models/weights.js';
import { type Look, Mixer, type Mood } from '../pipeline/look.js';

/** Readies a style's weights: `Gallery.resolve`. */
export type Resolve = (name: string) => Promise<Weights>;

/** The styles that streams paint with, each made ready once. */
export class Palette {
  readonly #resolve: Resolve;
  readonly #weights = new Map<string, Weights>();
  readonly #pending = new Map<string, Promise<Weights>>();
  /** Styles that changed since they were made ready. */
  readonly #stale = new Set<string>();
  #mixer = new Mixer(this.#weights);

  constructor(resolve: Resolve) {
    this.#resolve = resolve;
  }

  /** Makes styles ready, so that `look` can mix them at once. @throws NotFound with the names there are. */
  async ready(names: Iterable<string>): Promise<void> {
    for (const name of names) if (!this.#weights.has(name) || this.#stale.has(name)) await this.#make(name);
  }

  /** A style was replaced or removed: who paints with it goes on as before, who asks for it anew gets it anew. */
  forget(name: string): void {
    this.#stale.add(name);
  }

  /** A style is painted in another way: who paints with it sees that as soon as it is ready. @throws as `ready` */
  async renew(name: string): Promise<void> {
    if (!this.#weights.has(name)) return;
    this.forget(name);
    await this.ready([name]);
  }

  /** Whether all styles of a mood were made ready. */
  has({ mix }: Mood): boolean {
    return [...mix.keys()].every((name) => this.#weights.has(name));
  }

  /** A mood in numbers; its styles were made ready. */
  look(mood: Mood): Look {
    return this.#mixer.look(mood);
  }

  async #make(name: string): Promise<void> {
    const making = this.#pending.get(name) ?? this.#resolve(name);
    this.#pending.set(name, making);
    try {
      this.#weights.set(name, await making);
      // Mixes of the weights before this are of no use any more.
      if (this.#stale.delete(name)) this.#mixer = new Mixer(this.#weights);
    } finally {
      this.#pending.delete(name);
    }
  }
}
