import type { SoundPacket } from '../live.js';
import type { Payload } from '../rtp/index.js';

/** One encoded picture, cut into RTP payloads that all viewers share. */
export interface PackedPicture {
  readonly payloads: readonly Payload[];
  readonly bytes: number;
  /** Microseconds of the live clock. */
  readonly timestamp: number;
  readonly key: boolean;
}

/** Whoever watches: takes shared payloads, puts its own headers before them and sends them. Nothing here waits. */
export interface Viewer {
  /** Packets that wait to leave; it grows where the other side stopped reading. */
  readonly backlog: number;
  /** Bits a second that the other side says its line carries; 0: not known. */
  readonly estimate: number;
  picture(picture: PackedPicture): void;
  sound(packet: SoundPacket): void;
  /** Calls `ask` whenever the other side cannot go on without a key picture, until disposed. */
  onKeyRequest(ask: () => void): Disposable;
}

/** Packets that may wait for one viewer; beyond, it is left out. Back in once it has read most of them. */
export const BACKLOG = 512;
const RESUMED = 64;
/** How long a new viewer's estimate is not believed: it begins low, wherever the line ends. */
const SETTLING_MS = 3000;
/** How often a slow viewer may cost everyone a key picture. */
const SLOW_KEY_MS = 4000;

/** A viewer's place at an encoder: decides which pictures it gets, so that it only ever sees whole runs from a key on. */
export class Seat {
  readonly viewer: Viewer;
  /** Pictures that were left out. */
  skipped = 0;
  readonly #floor: number;
  readonly #joined: number;
  #waits = true;
  #stalled = false;
  /** Bits that a viewer below the floor may still be sent, and when they were counted. */
  #budget = 0;
  #counted: number;
  #askedAt = Number.NEGATIVE_INFINITY;

  /** `floor`: bits a second below which the shared encoder does not go; `now` in milliseconds. */
  constructor(viewer: Viewer, floor: number, now: number) {
    this.viewer = viewer;
    this.#floor = floor;
    this.#joined = now;
    this.#counted = now;
  }

  /** What its line carries, once that is known. */
  estimate(now: number): number {
    return now - this.#joined < SETTLING_MS ? 0 : this.viewer.estimate;
  }

  /** Whether its line carries less than the encoder's least. */
  slow(now: number): boolean {
    const estimate = this.estimate(now);
    return estimate > 0 && estimate < this.#floor;
  }

  /** Whether a key picture now would bring it back. */
  wantsKey(now: number): boolean {
    if (!this.#waits || this.#blocked(now)) return false;
    if (!this.slow(now)) return true;
    if (now - this.#askedAt < SLOW_KEY_MS) return false;
    this.#askedAt = now;
    return true;
  }

  /** Sends a picture, or leaves it out. */
  offer(picture: PackedPicture, now: number): void {
    if (this.#blocked(now)) this.#waits = true;
    else if (picture.key) this.#waits = false;
    if (this.#waits) {
      this.skipped++;
      return;
    }
    this.#budget -= picture.bytes * 8;
    this.viewer.picture(picture);
  }

  #blocked(now: number): boolean {
    const { backlog } = this.viewer;
    this.#stalled = backlog > (this.#stalled ? RESUMED : BACKLOG);
    return this.#stalled || this.#spent(now);
  }

  /** Whether a slow viewer has had what its line carries. */
  #spent(now: number): boolean {
    const estimate = this.estimate(now);
    const passed = Math.max(0, now - this.#counted);
    this.#counted = now;
    if (!this.slow(now)) {
      this.#budget = 0;
      return false;
    }
    this.#budget = Math.min(this.#budget + (estimate * passed) / 1000, estimate);
    // Once it waits, it waits until a key picture and some more fit.
    return this.#waits ? this.#budget < estimate / 2 : this.#budget < -estimate / 2;
  }
}
