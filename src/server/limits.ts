import { isIPv6 } from 'node:net';
import { LRUCache } from 'lru-cache';

/** Addresses and the like that limits remember at most; the one not seen for longest is forgotten. */
const KEYS = 10_000;

/** How often something may happen. */
export interface Rate {
  /** Units a second in the long run. */
  readonly perSecond: number;
  /** Units at once, after a rest. */
  readonly burst: number;
}

/** A token bucket for each key: units flow in at a rate and are taken out. */
export class Buckets {
  readonly #rate: Rate;
  readonly #now: () => number;
  readonly #left: LRUCache<string, { units: number; atMs: number }>;

  constructor(
    rate: Rate,
    { keys = KEYS, now = () => performance.now() }: { keys?: number; now?: () => number } = {},
  ) {
    this.#rate = rate;
    this.#now = now;
    this.#left = new LRUCache({ max: keys });
  }

  #of(key: string): { units: number; atMs: number } {
    const { perSecond, burst } = this.#rate;
    const now = this.#now();
    const before = this.#left.get(key) ?? { units: burst, atMs: now };
    return { units: Math.min(burst, before.units + ((now - before.atMs) / 1000) * perSecond), atMs: now };
  }

  /** Seconds until `amount` can be taken; 0: now. */
  wait(key: string, amount = 1): number {
    return Math.max(0, (Math.min(amount, this.#rate.burst) - this.#of(key).units) / this.#rate.perSecond);
  }

  /** Takes `amount`, into debt where it is known only afterwards. */
  spend(key: string, amount = 1): void {
    const { units, atMs } = this.#of(key);
    this.#left.set(key, { units: units - amount, atMs });
  }

  /** Takes `amount` and returns 0, or takes nothing and returns the seconds after which to ask again. */
  take(key: string, amount = 1): number {
    const wait = this.wait(key, amount);
    if (wait === 0) this.spend(key, amount);
    return wait;
  }

  /** Keys remembered at the moment. */
  get size(): number {
    return this.#left.size;
  }
}

/** How many things each key holds open at the moment. */
export class Holds {
  readonly #held = new Map<string, number>();
  constructor(readonly most: number) {}

  /** One more, to be disposed; undefined where the key has as many as it may. */
  take(key: string): Disposable | undefined {
    const held = this.#held.get(key) ?? 0;
    if (held >= this.most) return undefined;
    this.#held.set(key, held + 1);
    let free = false;
    return {
      [Symbol.dispose]: () => {
        if (free) return;
        free = true;
        const now = this.#held.get(key)! - 1;
        if (now > 0) this.#held.set(key, now);
        else this.#held.delete(key);
      },
    };
  }
}

/** What limits know an address by: itself, or the /64 network of an IPv6 address, which one customer has whole. */
export function limitKey(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const left = head ? head.split(':') : [];
  const right = tail ? tail.split(':') : [];
  const gap = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array<string>(gap).fill('0'), ...right]
    .slice(0, 4)
    .map((part) => part.replace(/^0+(?=.)/, ''))
    .join(':');
}

/** `::ffff:1.2.3.4` as `1.2.3.4`. */
export const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');
