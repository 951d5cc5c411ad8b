import { setTimeout as sleep } from 'node:timers/promises';
import type { Packet, Stream } from 'node-av/lib';
import { liveNow, type SoundPacket } from '../live.js';
import type { LiveClock } from '../live-clock.js';
import { SoundListeners } from '../sound-listeners.js';
import { code } from './av.js';
import type { PacketQueue } from './packet-queue.js';
import { ticksToMicros } from './ticks.js';
import type { ToOpus } from './to-opus.js';

/** How much before its time sound is handed on, in microseconds: decoding and encoding take a while. */
const EARLY = 40_000;
/** Sound that would begin this much before the sound before it has ended is left out. */
const OVERLAP = 15_000;

/** Where sound comes from. */
export interface LiveSoundsOptions {
  readonly queue: PacketQueue;
  readonly stream: Stream;
  readonly toOpus: ToOpus;
  readonly clock: LiveClock;
  readonly paced: boolean;
}

/** Hands the sound of a queue, as Opus on the live clock, to whoever listens. */
export class LiveSounds {
  readonly #of: LiveSoundsOptions;
  readonly #listeners = new SoundListeners();
  #end = Number.NEGATIVE_INFINITY;

  constructor(of: LiveSoundsOptions) {
    this.#of = of;
  }

  on(take: (packet: SoundPacket) => void): Disposable {
    return this.#listeners.on(take);
  }

  /** Runs until the queue ends or `halt` aborts. */
  async run(halt: AbortSignal): Promise<void> {
    const { queue, toOpus } = this.#of;
    for (;;) {
      const packet = await queue.take();
      if (packet === undefined) return;
      try {
        if (packet !== 'again') await this.#due(packet, halt);
        if (halt.aborted) return;
        if (this.#listeners.any) await toOpus.put(packet === 'again' ? null : packet, this.#take);
      } finally {
        if (packet !== 'again') packet.free();
      }
    }
  }

  /** Waits for a packet's time, and before that for the first picture, which sets the clock. */
  async #due(packet: Packet, halt: AbortSignal): Promise<void> {
    const { paced, clock, stream } = this.#of;
    if (!paced || packet.pts === code.noPts) return;
    const media = ticksToMicros(packet.pts, stream.timeBase);
    while (!halt.aborted) {
      const time = clock.at(media);
      const early = time === undefined ? 20_000 : time - EARLY - liveNow();
      if (early < 1000) return;
      await sleep(Math.min(early / 1000, 200), undefined, { signal: halt }).catch(() => undefined);
    }
  }

  readonly #take = ({ data, timestamp, duration }: SoundPacket): void => {
    const time = this.#of.clock.at(timestamp);
    if (time === undefined || time < this.#end - OVERLAP) return;
    this.#end = time + duration;
    this.#listeners.tell({ data, timestamp: Math.round(time), duration });
  };
}
