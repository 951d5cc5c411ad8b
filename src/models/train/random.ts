/** FNV-1a, 32 bits: a stable hash of text, the same on every machine. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  // Finalised as in MurmurHash3, so that similar names land far apart.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The whole state of a generator: four 32-bit numbers. */
export type RandomState = readonly [number, number, number, number];

/** A small seeded generator (sfc32 by Chris Doty-Humphrey, PractRand): its state can be saved and put back. */
export class Random {
  #state: [number, number, number, number];

  constructor(state: RandomState) {
    this.#state = [...state];
  }

  /** A generator that depends on all of `parts` and nothing else, such as a seed, a purpose and an index. */
  static from(...parts: readonly (string | number)[]): Random {
    const text = parts.join('/');
    const random = new Random([hash32(`a${text}`), hash32(`b${text}`), hash32(`c${text}`), 1]);
    for (let i = 0; i < 12; i++) random.next();
    return random;
  }

  get state(): RandomState {
    return [...this.#state];
  }

  /** Uniform in [0, 1), 32 bits. */
  next(): number {
    let [a, b, c, d] = this.#state;
    const t = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    this.#state = [a, b, c, d];
    return (t >>> 0) / 4294967296;
  }

  /** Uniform integer from 0 up to `n`, not included. */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  /** Standard normal (Box and Muller). */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.next())) * Math.cos(2 * Math.PI * this.next());
  }

  /** A random order of 0 to n - 1 (Fisher and Yates). */
  permutation(n: number): Uint32Array {
    const order = Uint32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}
