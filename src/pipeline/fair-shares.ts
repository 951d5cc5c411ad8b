/**
 * How far ahead of the one who had least one may be before others go first, in microseconds of painting: bursts are
 * no flood.
 */
const BURST = 50_000;

/**
 * Who had how much of an engine while there was not enough for all (start-time fair queueing: Goyal, Vin and Cheng,
 * 1996). It forgets all once the engine has nothing to do: whoever asks for much while nobody else waits takes nothing
 * from anyone.
 */
export class FairShares {
  /** Microseconds of painting by owner, on a scale on which nobody who comes anew starts behind. */
  #had = new Map<object, number>();
  /** Where who comes anew starts. */
  #start = 0;

  /** Someone waits. */
  enter(owner: object): void {
    this.#had.set(owner, Math.max(this.#had.get(owner) ?? 0, this.#start));
  }

  /** Someone was painted for. */
  charge(owner: object, us: number): void {
    this.#had.set(owner, (this.#had.get(owner) ?? this.#start) + us);
  }

  /** Those among the ones who wait that have had more than their share. */
  ahead(waiting: ReadonlySet<object>): ReadonlySet<object> {
    const had = (owner: object) => this.#had.get(owner) ?? this.#start;
    const least = Math.min(...[...waiting].map(had));
    if (waiting.size > 0) this.#start = Math.max(this.#start, least);
    return new Set([...waiting].filter((owner) => had(owner) - least > BURST));
  }

  /** The engine has nothing to do. */
  clear(): void {
    this.#had = new Map();
    this.#start = 0;
  }
}
