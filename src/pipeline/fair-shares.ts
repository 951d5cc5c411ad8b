/**
 * How far ahead of the one who had least one may be before others go first: so many microseconds of painting, and so
 * many of its calls. Bursts are no flood.
 */
const [BURST, CALLS] = [50_000, 2];
/** What was painted this long ago counts by a third still, in microseconds. */
const MEMORY = 3_000_000;

/**
 * Who had how much of an engine lately, while there was not enough for all. It forgets everything once the engine has
 * nothing to do: whoever asks for much while nobody else waits takes nothing from anyone.
 */
export class FairShares {
  /** Microseconds of painting by owner, the older the less they count. */
  readonly #had = new Map<object, number>();
  #at = 0;
  /** What the last call took of one owner, in microseconds. */
  #last = 0;

  /** Someone waits; who comes anew stands no worse and no better than the one who had least. */
  enter(owner: object): void {
    if (this.#had.has(owner)) return;
    this.#had.set(owner, this.#had.size > 0 ? Math.min(...this.#had.values()) : 0);
  }

  /** Someone was painted for, until `now`. */
  charge(owner: object, us: number, now: number): void {
    this.#fade(now);
    this.#last = us;
    this.#had.set(owner, (this.#had.get(owner) ?? 0) + us);
  }

  /** Those among the ones who wait that have had more than their share. */
  ahead(waiting: ReadonlySet<object>): ReadonlySet<object> {
    const had = (owner: object) => this.#had.get(owner) ?? 0;
    const least = Math.min(...[...waiting].map(had));
    const most = least + Math.max(BURST, CALLS * this.#last);
    return new Set([...waiting].filter((owner) => had(owner) > most));
  }

  /** The engine has nothing to do. */
  clear(): void {
    this.#had.clear();
  }

  #fade(now: number): void {
    const left = Math.exp((this.#at - now) / MEMORY);
    this.#at = now;
    for (const [owner, us] of this.#had)
      if (us * left < 1) this.#had.delete(owner);
      else this.#had.set(owner, us * left);
  }
}
