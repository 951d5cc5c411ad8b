import { randomBytes } from 'node:crypto';
import { LivebrushError, Overloaded, TooMany } from '../errors.js';
import type { ChangeInput, Role } from '../server/protocol.js';
import { Durations } from './figures.js';
import type { Loop } from './loop.js';
import { Publisher } from './publisher.js';
import type { Fault, LoadOptions } from './result.js';
import type { Target } from './target.js';
import { Viewer } from './viewer.js';

/** Sessions that are opened at once: well below what a server lets be half open. */
const AT_ONCE = 4;

/** Everyone who takes part: publishers that came in, and the viewers of their streams. */
export class Crowd {
  readonly publishers: Publisher[] = [];
  readonly viewers: Viewer[] = [];
  readonly faults: Fault[] = [];
  /** Styles of each stream, the one that it begins with first. */
  readonly styles = new Map<string, readonly string[]>();
  /** Latencies since they were last looked at, of all streams. */
  readonly recent = new Durations();
  readonly #target: Target;
  readonly #options: LoadOptions;
  /** So that tests beside each other do not meet. */
  readonly #prefix = `load-${randomBytes(3).toString('hex')}`;

  constructor(target: Target, options: LoadOptions) {
    this.#target = target;
    this.#options = options;
  }

  fault(part: string, stream: string, error: unknown): void {
    const told = error instanceof Error ? error.message : String(error);
    const { hint } = error instanceof LivebrushError ? error : { hint: undefined };
    const full = isFull(error) ? { fullForS: error.retryAfterS } : {};
    this.faults.push({ part, stream, message: told, ...(hint ? { hint } : {}), ...full });
  }

  /** Opens all publishers; those that fail are faults. Once the server is full, no more are tried. */
  async publish(loop: Loop, signal: AbortSignal): Promise<void> {
    const { publishers: count } = this.#options;
    const { access, local } = this.#target;
    const names = Array.from({ length: count }, (_, i) => `${this.#prefix}-${i + 1}`);
    await this.#all('publisher', names, signal, async (stream) => {
      const publisher = await Publisher.open({ access, local, stream }, loop, signal);
      this.publishers.push(publisher);
      publisher.begin(this.publishers.length / count);
    });
    this.publishers.sort((one, other) => names.indexOf(one.stream) - names.indexOf(other.stream));
  }

  /** Gives each stream a look of its own, where some are asked for. */
  async dress(names: readonly string[], signal: AbortSignal): Promise<void> {
    if (names.length === 0) return;
    const streams = this.publishers.map(({ stream }) => stream);
    await this.#all('look', streams, signal, async (stream) => {
      const first = streams.indexOf(stream) % names.length;
      const own = [...names.slice(first), ...names.slice(0, first)];
      const { switchEvery } = this.#options;
      const change: ChangeInput =
        switchEvery === undefined
          ? { style: own[0]!, fadeMs: 0 }
          : { cycle: { styles: own, everyFrames: switchEvery } };
      await this.#target.change(stream, change);
      this.styles.set(stream, switchEvery === undefined ? own.slice(0, 1) : own);
    });
  }

  /** Opens all viewers, dealt to the streams in turn; the first of each stream reads latency. */
  async watch(signal: AbortSignal): Promise<void> {
    const { codec, viewers } = this.#options;
    const { access, local } = this.#target;
    const { publishers } = this;
    const places = Array.from({ length: viewers }, (_, i) => publishers[i % publishers.length]!);
    const read = new Set<string>();
    const one = async (publisher: Publisher) => {
      const { stream } = publisher;
      const latency = {
        ageOf: (number: number, at: number) => publisher.ageOf(number, at),
        onLatency: (ms: number) => this.recent.add(ms),
      };
      const reads = !read.has(stream) && latency;
      this.viewers.push(await Viewer.open({ access, local, stream, codec, ...reads }, signal));
      if (reads) read.add(stream);
    };
    // Those who read come first: where not all find room, latency is known all the same.
    const first = places.splice(0, publishers.length);
    if (await this.#all('viewer', first, signal, one)) await this.#all('viewer', places, signal, one);
  }

  /**
   * Does something for each place, some at once; stops where the server is full.
   * @returns whether there was room. @throws the signal's reason
   */
  async #all<T extends string | { readonly stream: string }>(
    part: string,
    places: readonly T[],
    signal: AbortSignal,
    work: (place: T) => Promise<void>,
  ): Promise<boolean> {
    const waiting = [...places];
    let room = true;
    const one = async () => {
      for (let place = waiting.shift(); place !== undefined; place = waiting.shift()) {
        signal.throwIfAborted();
        try {
          await work(place);
        } catch (error) {
          signal.throwIfAborted();
          this.fault(part, typeof place === 'string' ? place : place.stream, error);
          if (!isFull(error)) continue;
          room = false;
          waiting.length = 0;
        }
      }
    };
    const settled = await Promise.allSettled(Array.from({ length: AT_ONCE }, one));
    for (const result of settled) if (result.status === 'rejected') throw result.reason;
    return room;
  }

  /** Ends it all: streams with all their sessions where that is allowed, else session by session. */
  async leave(role: Role): Promise<void> {
    await Promise.all(this.publishers.map((publisher) => publisher.stop()));
    await Promise.all(this.viewers.map((viewer) => viewer.stop()));
    const gone = new Set<string>();
    const ending = this.publishers.map(async ({ stream }) => {
      if (await this.#target.end(stream, role)) gone.add(stream);
    });
    await Promise.all(ending);
    await Promise.all(
      [...this.viewers, ...this.publishers].map(({ stream, session }) =>
        gone.has(stream) ? session.drop() : session.leave(),
      ),
    );
  }
}

/** Whether the server says that it has no room, rather than that it was asked too often. */
const isFull = (error: unknown): error is Overloaded =>
  error instanceof Overloaded && !(error instanceof TooMany);
