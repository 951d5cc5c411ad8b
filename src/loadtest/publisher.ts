import { ticks } from '../pipeline/pace.js';
import { Durations } from './figures.js';
import type { Loop } from './loop.js';
import { type SessionOptions, WishSession } from './session.js';

/** Sends a loop at its pace, and knows when each of its pictures left. */
export class Publisher {
  readonly stream: string;
  readonly session: WishSession;
  /** Pictures sent, and how often the server asked for a key picture, since the last `reset`. */
  sent = 0;
  keyRequests = 0;
  /** By how many milliseconds pictures left later than at their time: what this process itself is behind. */
  readonly late = new Durations();
  readonly #loop: Loop;
  readonly #stop = new AbortController();
  /** When each picture of the loop was last sent, in milliseconds of `performance.now()`. */
  readonly #sentAt: Float64Array;
  #needsKey = false;
  #running: Promise<void> | undefined;

  private constructor(stream: string, session: WishSession, loop: Loop) {
    this.stream = stream;
    this.session = session;
    this.#loop = loop;
    this.#sentAt = new Float64Array(loop.pictures.length).fill(Number.NaN);
  }

  /** Connects; nothing is sent before `begin`. @throws as `WishSession.open`. */
  static async open(
    options: Omit<SessionOptions, 'part' | 'codec'>,
    loop: Loop,
    signal: AbortSignal,
  ): Promise<Publisher> {
    let publisher: Publisher | undefined;
    const session = await WishSession.open(
      { ...options, part: 'whip', codec: loop.codec },
      signal,
      (client) =>
        client.onKeyRequest(() => {
          if (publisher) publisher.#asked();
        }),
    );
    publisher = new Publisher(options.stream, session, loop);
    return publisher;
  }

  #asked(): void {
    this.keyRequests++;
    this.#needsKey = true;
  }

  /** Counts from zero again. */
  reset(): void {
    this.sent = 0;
    this.keyRequests = 0;
    this.late.clear();
  }

  /** Milliseconds since a picture of the loop left, at a time; undefined where it did not. */
  ageOf(number: number, at: number): number | undefined {
    const age = at - (this.#sentAt[number] ?? Number.NaN);
    return age >= 0 ? age : undefined;
  }

  /** Begins to send, `phase` of a picture's time later: publishers shall not all send at once. */
  begin(phase = 0): void {
    this.#running ??= this.#send(phase);
  }

  async #send(phase: number): Promise<void> {
    const { fps, pictures } = this.#loop;
    await new Promise((resolve) => setTimeout(resolve, (1000 / fps) * phase));
    let next = 0;
    for await (const due of ticks(fps, this.#stop.signal)) {
      if (this.#needsKey) next = this.#keyFrom(next);
      this.#needsKey = false;
      const { payloads } = pictures[next]!;
      const now = performance.now();
      this.late.add(Math.max(0, now - due / 1000));
      this.#sentAt[next] = now;
      const timestamp = Math.round(due * 0.09) % 2 ** 32;
      for (const { payload, marker } of payloads) await this.session.client.send(payload, timestamp, marker);
      if (payloads.length > 0) this.sent++;
      next = (next + 1) % pictures.length;
    }
  }

  /** The next key picture from a place in the loop on: what lies between is left out. */
  #keyFrom(from: number): number {
    const { pictures } = this.#loop;
    const ahead = pictures.findIndex((_, i) => pictures[(from + i) % pictures.length]!.key);
    return (from + Math.max(0, ahead)) % pictures.length;
  }

  /** Sends nothing any more. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
