import { setTimeout as sleep } from 'node:timers/promises';
import { blendWeights, type Weights } from '../models/weights.js';
import { type Look, Mixer, type Mood } from '../pipeline/look.js';

/** Between two mixes of a fade, in milliseconds. */
const STEP_MS = 80;

/** Styles that stay ready although no look names them, so that going back to one is at once. */
const KEPT = 32;

/** Readies a style's weights: `Gallery.resolve`. */
export type Resolve = (name: string) => Promise<Weights>;

/** The styles that streams paint with, each made ready once. */
export class Palette {
  readonly #resolve: Resolve;
  /** Those used last at the end. */
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
    for (const name of names) {
      if (!this.#weights.has(name) || this.#stale.has(name)) await this.#make(name);
      this.#touch(name);
    }
  }

  /** Lets go of styles that no look names: of those that changed, and of all but the last ones that were used. */
  tidy(named: ReadonlySet<string>): void {
    for (const name of named) this.#touch(name);
    const free = [...this.#weights.keys()].filter((name) => !named.has(name));
    const stale = free.filter((name) => this.#stale.has(name));
    const fresh = free.filter((name) => !this.#stale.has(name));
    for (const name of [...stale, ...fresh.slice(0, -KEPT)]) this.#drop(name);
  }

  /** How many styles are ready. */
  get size(): number {
    return this.#weights.size;
  }

  /** A style was replaced or removed: who paints with it goes on as before, who asks for it anew gets it anew. */
  forget(name: string): void {
    if (this.#weights.has(name) || this.#pending.has(name)) this.#stale.add(name);
  }

  /** A style is painted in another way: for who paints with it, it becomes so within `fadeMs`. @throws as `ready` */
  async renew(name: string, fadeMs: number): Promise<void> {
    const before = this.#weights.get(name);
    if (!before) return;
    const after = await this.#resolve(name);
    const steps = Math.ceil(fadeMs / STEP_MS);
    let shown = before;
    for (let step = 1; step < steps; step++) {
      const share = step / steps;
      const mixed = blendWeights([
        { weights: before, share: 1 - share },
        { weights: after, share },
      ]);
      // Whoever made it anew meanwhile has the last word.
      if (!this.#replace(name, shown, mixed)) return;
      shown = mixed;
      await sleep(STEP_MS, undefined, { ref: false });
    }
    if (this.#replace(name, shown, after)) this.#stale.delete(name);
  }

  /** Puts other weights in the place of those that are expected there. @returns whether they were. */
  #replace(name: string, expected: Weights, weights: Weights): boolean {
    if (this.#weights.get(name) !== expected) return false;
    this.#weights.set(name, weights);
    this.#mixer = new Mixer(this.#weights);
    return true;
  }

  /** Whether all styles of a mood were made ready. */
  has({ mix }: Mood): boolean {
    return [...mix.keys()].every((name) => this.#weights.has(name));
  }

  /** A mood in numbers; its styles were made ready. */
  look(mood: Mood): Look {
    return this.#mixer.look(mood);
  }

  #touch(name: string): void {
    const weights = this.#weights.get(name);
    if (!weights) return;
    this.#weights.delete(name);
    this.#weights.set(name, weights);
  }

  #drop(name: string): void {
    this.#weights.delete(name);
    this.#stale.delete(name);
    this.#mixer.forget(name);
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
