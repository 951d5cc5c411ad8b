import { setTimeout as sleep } from 'node:timers/promises';
import type { Packet, Frame as Picture, Stream } from 'node-av/lib';
import type { Size } from '../../models/pixels.js';
import { borrowedFrame, type Frame } from '../frame.js';
import { liveNow } from '../live.js';
import type { LiveClock } from '../live-clock.js';
import { RateMeter } from '../rate-meter.js';
import { type Av, code } from './av.js';
import { ToPixels } from './color.js';
import { Deinterlacer } from './deinterlacer.js';
import type { PacketDecoder } from './packet-decoder.js';
import type { PacketQueue } from './packet-queue.js';
import { Preparation } from './prepare.js';
import { ticksToMicros } from './ticks.js';
import type { Upright } from './upright.js';

/** Frames closer together than this, in microseconds, are one: a burst, or a broken stream's repeated time. */
const CLOSEST = 1000;
/** So many packets waiting for the decoder mean that it is behind; until it is not, one frame in this time is shown. */
const BEHIND = 8;
const BEHIND_MICROS = 100_000;

/** Where pictures come from. */
export interface LivePicturesOptions {
  readonly av: Av;
  readonly queue: PacketQueue;
  readonly decoder: PacketDecoder;
  readonly picture: Stream;
  readonly clock: LiveClock;
  readonly upright: Upright;
  readonly paced: boolean;
}

/** Decodes every picture of a queue and turns those that come in time into frames on the live clock. Owns the decoder. */
export class LivePictures implements AsyncDisposable {
  /** Decoded pictures, over the last seconds. */
  readonly rate = new RateMeter();
  readonly #of: LivePicturesOptions;
  readonly #deinterlacer: Deinterlacer;
  readonly #preparation: Preparation;
  #toPixels: ToPixels;
  #size: Size;
  #last = Number.NEGATIVE_INFINITY;
  #lastMedia: number | undefined;
  /** Native work in flight: nothing may be freed before it is over. */
  #busy: Promise<void> = Promise.resolve();
  #rest: () => void = () => {};

  constructor(of: LivePicturesOptions) {
    this.#of = of;
    this.#size = { width: of.upright.width, height: of.upright.height };
    this.#deinterlacer = new Deinterlacer(of.av, of.picture, of.decoder.fieldOrder);
    this.#preparation = new Preparation(of.av, of.upright.filters);
    this.#toPixels = new ToPixels(of.av, this.#size);
  }

  /** Size of the newest frame. */
  get size(): Size {
    return this.#size;
  }

  /** Frames until the queue ends or `halt` aborts. */
  async *frames(halt: AbortSignal): AsyncGenerator<Frame, void> {
    const { queue } = this.#of;
    this.#work();
    try {
      for (;;) {
        const packet = await queue.take();
        const last = packet === undefined;
        try {
          if (halt.aborted) return;
          for await (const picture of this.#decoded(last || packet === 'again' ? null : packet)) {
            if (halt.aborted) return;
            const shown = await this.#show(picture, halt);
            if (!shown) continue;
            this.#rest();
            yield shown;
            if (halt.aborted) return;
            this.#work();
          }
        } finally {
          if (!last && packet !== 'again') packet.free();
        }
        if (last) return;
      }
    } finally {
      this.#rest();
    }
  }

  /** What a packet (null: the last has come) yields, whole. */
  async *#decoded(packet: Packet | null): AsyncGenerator<Picture, void> {
    for await (const picture of this.#of.decoder.decode(packet)) yield* this.#deinterlacer.whole(picture);
    if (!packet) yield* this.#deinterlacer.whole(undefined);
  }

  #work(): void {
    this.#busy = new Promise((resolve) => {
      this.#rest = resolve;
    });
  }

  /** The frame of a picture at its time; undefined for one that comes too late or too early after the one before. */
  async #show(picture: Picture, halt: AbortSignal): Promise<Frame | undefined> {
    const { clock, paced, queue } = this.#of;
    this.rate.add();
    const media = this.#timeOf(picture);
    clock.showing(media);
    const timestamp = Math.round(clock.at(media) ?? liveNow());
    if (timestamp < this.#last + CLOSEST) return undefined;
    const behind = paced ? liveNow() - timestamp > BEHIND_MICROS : queue.length > BEHIND;
    if (behind && timestamp < this.#last + BEHIND_MICROS) return undefined;
    this.#last = timestamp;
    const prepared = await this.#preparation.prepare(picture);
    this.#fit(prepared);
    const pixels = await this.#toPixels.convert(prepared);
    const early = timestamp - liveNow();
    if (paced && early > 1000) await sleep(early / 1000, undefined, { signal: halt }).catch(() => undefined);
    return halt.aborted ? undefined : borrowedFrame(pixels, timestamp);
  }

  #timeOf(picture: Picture): number {
    const { timeBase, avgFrameRate } = this.#of.picture;
    const { bestEffortTimestamp } = picture;
    // A raw stream without times: one picture after the other at the rate that it claims.
    const step = avgFrameRate.num > 0 ? (1e6 * avgFrameRate.den) / avgFrameRate.num : 40_000;
    const guess = this.#lastMedia === undefined ? 0 : this.#lastMedia + step;
    this.#lastMedia =
      bestEffortTimestamp === code.noPts ? guess : ticksToMicros(bestEffortTimestamp, timeBase);
    return this.#lastMedia;
  }

  /** Publishers change their size in mid-stream; frames follow. */
  #fit({ width, height }: Size): void {
    if (width === this.#size.width && height === this.#size.height) return;
    this.#toPixels[Symbol.dispose]();
    this.#toPixels = new ToPixels(this.#of.av, { width, height });
    this.#size = { width, height };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#busy;
    this.#toPixels[Symbol.dispose]();
    this.#preparation[Symbol.dispose]();
    this.#deinterlacer[Symbol.dispose]();
    this.#of.decoder[Symbol.dispose]();
  }
}
