/** The time, and a call at a later time; tests bring their own. */
export interface Timing {
  /** Milliseconds. */
  now(): number;
  /** Calls `call` once after `ms`; the result calls it off. */
  after(ms: number, call: () => void): () => void;
}

/** What a reorder buffer tells, and how long it waits. */
export interface ReorderOptions<T> {
  /** Takes the packets in order. */
  readonly onPacket: (packet: T) => void;
  /** Called before the packet that follows a gap, with how many are missing; 0: the numbering started anew. */
  readonly onLoss: (count: number) => void;
  /** How long a gap may stay open. */
  readonly waitMs?: number;
  /** How many packets wait behind gaps, at most. */
  readonly limit?: number;
  readonly timing?: Timing;
}

const realTiming: Timing = {
  now: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** A step forward by this many numbers or more is no loss but a new numbering (RFC 3550, A.1). */
const MAX_DROPOUT = 3000;
/** How far behind a late packet may lie and still be a late packet. */
const MAX_MISORDER = 512;

/** Steps from one sequence number to another, -32768 to 32767. */
const steps = (from: number, to: number): number => ((to - from) << 16) >> 16;

/**
 * Puts packets in the order of their 16-bit sequence numbers. What comes in order passes at once; at a gap it waits
 * for the missing ones (retransmissions) and then goes on without them.
 */
export class Reorder<T extends { readonly sequence: number }> implements Disposable {
  /** Packets that came again, or after they had been given up. */
  late = 0;
  /** Packets that never came in time. */
  lost = 0;
  readonly #options: Required<ReorderOptions<T>>;
  /** By sequence number, in order of arrival. */
  readonly #held = new Map<number, { packet: T; arrival: number }>();
  #next: number | undefined;
  /** The first packet of what may be a new numbering: a second one proves it. */
  #stray: T | undefined;
  #callOff: (() => void) | undefined;
  #disposed = false;

  constructor(options: ReorderOptions<T>) {
    this.#options = { waitMs: 150, limit: 512, timing: realTiming, ...options };
  }

  push(packet: T): void {
    if (this.#disposed) return;
    const sequence = packet.sequence & 0xffff;
    this.#next ??= sequence;
    const ahead = steps(this.#next, sequence);
    if (ahead >= MAX_DROPOUT || ahead < -MAX_MISORDER) {
      this.#suspect(packet, sequence);
      return;
    }
    this.#stray = undefined;
    if (ahead < 0 || this.#held.has(sequence)) {
      this.late++;
      return;
    }
    if (ahead === 0) {
      this.#pass(packet);
      this.#drain();
    } else {
      this.#held.set(sequence, { packet, arrival: this.#options.timing.now() });
      if (this.#held.size >= this.#options.limit) this.#skip();
    }
    this.#watch();
  }

  #pass(packet: T): void {
    this.#next = (packet.sequence + 1) & 0xffff;
    this.#options.onPacket(packet);
  }

  #drain(): void {
    for (;;) {
      // `onPacket` may dispose of us.
      const waiting = this.#disposed ? undefined : this.#held.get(this.#next!);
      if (!waiting) return;
      this.#held.delete(this.#next!);
      this.#pass(waiting.packet);
    }
  }

  /** Gives the missing ones up and goes on with the next that is here. */
  #skip(): void {
    let nearest = Number.POSITIVE_INFINITY;
    for (const sequence of this.#held.keys()) nearest = Math.min(nearest, steps(this.#next!, sequence));
    if (!Number.isFinite(nearest)) return;
    this.lost += nearest;
    this.#next = (this.#next! + nearest) & 0xffff;
    this.#options.onLoss(nearest);
    this.#drain();
  }

  /** A number far off is an error of one packet, or a publisher that started again: the next packet tells. */
  #suspect(packet: T, sequence: number): void {
    const before = this.#stray;
    if (!before || steps(before.sequence, sequence) !== 1) {
      if (before) this.late++;
      this.#stray = packet;
      return;
    }
    this.#stray = undefined;
    this.#held.clear();
    this.#options.onLoss(0);
    this.#pass(before);
    if (!this.#disposed) this.#pass(packet);
    this.#watch();
  }

  /** Sees to it that a gap closes in time, also when nothing comes any more. */
  #watch(): void {
    const [oldest] = this.#held.values();
    if (!oldest || this.#disposed) {
      this.#callOff?.();
      this.#callOff = undefined;
      return;
    }
    const { timing, waitMs } = this.#options;
    this.#callOff ??= timing.after(Math.max(0, oldest.arrival + waitMs - timing.now()), () => {
      this.#callOff = undefined;
      this.#expire();
    });
  }

  #expire(): void {
    const { timing, waitMs } = this.#options;
    for (;;) {
      const [oldest] = this.#held.values();
      // Timers may fire a little early.
      if (!oldest || oldest.arrival + waitMs > timing.now() + 1) break;
      this.#skip();
    }
    this.#watch();
  }

  /** Drops what waits; nothing is called any more. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#held.clear();
    this.#watch();
  }
}
