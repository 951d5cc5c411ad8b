import { LiveDecoder } from '../pipeline/codec/live-decode.js';
import { liveNow } from '../pipeline/live.js';
import { type Depacketizer, depacketizer, Reorder, type Unit } from '../pipeline/rtp/index.js';
import type { Client, PicturePart } from './client.js';
import { Durations } from './figures.js';
import { readMark } from './mark.js';
import { type SessionOptions, WishSession } from './session.js';

/** Nothing to be seen for longer than this is a freeze, in milliseconds. */
export const FREEZE_MS = 500;
/** Requests for key pictures go out no closer than this. */
const ASK_MS = 500;

/** What a viewer is opened with. */
export interface ViewerOptions extends Omit<SessionOptions, 'part'> {
  /** Milliseconds since the picture with this mark was sent; given, the viewer decodes and reads marks. */
  readonly ageOf?: (number: number, at: number) => number | undefined;
  /** Called with each latency, in milliseconds. */
  readonly onLatency?: (ms: number) => void;
}

/** Watches a stream: puts pictures together and counts them, and decodes them where latency is asked for. */
export class Viewer {
  readonly stream: string;
  /** Figures since the last `reset`. */
  frames = 0;
  packets = 0;
  freezes = 0;
  longestGapMs = 0;
  keyRequests = 0;
  /** From a picture's sending to the coming of the last packet of its painting, in milliseconds. */
  readonly latency = new Durations();
  /** Decoded paintings whose mark could not be read. */
  unread = 0;
  /** Milliseconds from the request to the first whole picture, once there is one. */
  firstPictureMs: number | undefined;
  readonly #began = performance.now();
  readonly #options: ViewerOptions;
  readonly #parts: Depacketizer;
  readonly #order: Reorder<PicturePart>;
  #session: WishSession | undefined;
  #client: Client | undefined;
  #decoder: LiveDecoder | undefined;
  #lostBefore = 0;
  #lastAt: number | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  private constructor(options: ViewerOptions, decoder: LiveDecoder | undefined) {
    this.stream = options.stream;
    this.#options = options;
    this.#decoder = decoder;
    this.#parts = depacketizer(options.codec);
    this.#order = new Reorder<PicturePart>({
      onPacket: (packet) => {
        for (const unit of this.#parts.push(packet)) this.#see(unit);
        if (this.#parts.needsKey) this.#askKey();
      },
      onLoss: () => this.#parts.lost(),
    });
  }

  /** @throws as `WishSession.open`; Unsupported where node-av is missing and pictures are to be decoded. */
  static async open(options: ViewerOptions, signal: AbortSignal): Promise<Viewer> {
    const decoder = options.ageOf && (await LiveDecoder.open(options.codec));
    const viewer = new Viewer(options, decoder);
    try {
      viewer.#session = await WishSession.open({ ...options, part: 'whep' }, signal, (client) => {
        viewer.#client = client;
        client.onPacket((packet) => {
          viewer.packets++;
          if (!viewer.#closed) viewer.#order.push(packet);
        });
      });
      return viewer;
    } catch (error) {
      await viewer.stop();
      throw error;
    }
  }

  get session(): WishSession {
    return this.#session!;
  }

  /** Packets that never came, since the last `reset`. */
  get lost(): number {
    return this.#order.lost - this.#lostBefore;
  }

  /** Counts from zero again, at a time; a freeze counts from here. */
  reset(now: number): void {
    this.frames = 0;
    this.packets = 0;
    this.freezes = 0;
    this.longestGapMs = 0;
    this.keyRequests = 0;
    this.unread = 0;
    this.latency.clear();
    this.#lostBefore = this.#order.lost;
    this.#lastAt = now;
  }

  /** Looks how long nothing has come, at the end of what is measured. @returns that, in milliseconds */
  finish(now: number): number {
    const since = now - (this.#lastAt ?? now);
    this.#gap(now);
    return since;
  }

  #gap(now: number): void {
    const gap = this.#lastAt === undefined ? 0 : now - this.#lastAt;
    if (gap > FREEZE_MS) this.freezes++;
    this.longestGapMs = Math.max(this.longestGapMs, gap);
    this.#lastAt = now;
  }

  #see({ data, key }: Unit): void {
    const now = performance.now();
    this.firstPictureMs ??= now - this.#began;
    this.#gap(now);
    this.frames++;
    if (this.#decoder && !this.#closed) void this.#read(this.#decoder, data, key);
  }

  /** The decoder carries the time of coming along, so that waiting for it does not count. */
  async #read(decoder: LiveDecoder, data: Uint8Array, key: boolean): Promise<void> {
    using picture = await decoder.decode({ data, key, timestamp: liveNow() });
    if (decoder.needsKey) this.#askKey();
    if (!picture || this.#closed) return;
    const number = readMark(picture);
    const age = number === undefined ? undefined : this.#options.ageOf?.(number, picture.timestamp / 1000);
    if (age === undefined) {
      this.unread++;
      return;
    }
    this.latency.add(age);
    this.#options.onLatency?.(age);
  }

  #askKey(): void {
    const now = performance.now();
    if (now - this.#askedAt < ASK_MS || this.#closed) return;
    this.#askedAt = now;
    this.keyRequests++;
    this.#client?.askKey();
  }

  /** Looks at nothing any more; the session is left by whoever opened it. */
  async stop(): Promise<void> {
    this.#closed = true;
    this.#order[Symbol.dispose]();
    const decoder = this.#decoder;
    this.#decoder = undefined;
    await decoder?.[Symbol.asyncDispose]();
  }
}
