import { log } from '../log.js';
import type { Fanout, Tap } from '../pipeline/fanout.js';
import { type LiveCodec, type LiveSink, liveNow, type SoundPacket } from '../pipeline/live.js';
import { Meter } from '../pipeline/meter.js';
import { run } from '../pipeline/run.js';
import type { FrameSink } from '../pipeline/sink.js';
import { Window } from '../pipeline/window.js';

/** Who hears how long encoding takes. */
export interface EncoderParts {
  /** Told of each step's time, for the metrics. */
  readonly onStep?: (step: string, ms: number) => void;
  /** Told how long each frame was in here, from its arrival to its packets' leaving. */
  readonly onLatency?: (ms: number) => void;
}

/** An encoder that viewers of one look share. */
interface Encoding {
  readonly sink: LiveSink & { readonly stats?: { readonly target: number } };
  readonly stop: AbortController;
  readonly done: Promise<void>;
  viewers: number;
}

/** Painted frames that may wait for an encoder, or for what records them: frames painted side by side come together. */
export const PAINTED_SLOTS = 3;

/** How long an encoder, or a branch, outlives its last viewer, who may just reload the page. */
export const LINGER_MS = 3000;

/** The encoders of one look: one for each codec that someone watches. */
export class Encoders implements AsyncDisposable {
  readonly encodeMs = new Window();
  /** From a frame's arrival here to its packets' leaving, in milliseconds. */
  readonly latencyMs = new Window();
  readonly #painted: Fanout;
  readonly #parts: EncoderParts;
  readonly #stop = new AbortController();
  readonly #encodings = new Map<LiveCodec, Encoding>();
  readonly #taps = new Set<Tap>();
  #pastUnsent = 0;

  constructor(painted: Fanout, parts: EncoderParts) {
    this.#painted = painted;
    this.#parts = parts;
  }

  /** Those who share encoders. */
  get viewers(): number {
    return [...this.#encodings.values()].reduce((sum, { viewers }) => sum + viewers, 0);
  }

  /** Paintings that were left out so far: encoders were too slow for them, or closed. */
  get unsent(): number {
    return [...this.#taps].reduce((sum, { newest }) => sum + newest.dropped, this.#pastUnsent);
  }

  /** Bits a second that they aim at, together. */
  get bitrate(): number {
    return [...this.#encodings.values()].reduce((sum, { sink }) => sum + (sink.stats?.target ?? 0), 0);
  }

  /** The encoder of a codec, opened by the first who asks. Each call is one viewer, until disposed. */
  share<Sink extends LiveSink>(codec: LiveCodec, open: () => Sink): { readonly sink: Sink } & Disposable {
    const encoding = this.#encodings.get(codec) ?? this.#encode(codec, open());
    encoding.viewers++;
    let left = false;
    const leave = () => {
      if (left) return;
      left = true;
      encoding.viewers--;
      setTimeout(() => {
        if (encoding.viewers === 0) this.#close(codec, encoding);
      }, LINGER_MS).unref();
    };
    return { sink: encoding.sink as Sink, [Symbol.dispose]: leave };
  }

  sound(packet: SoundPacket): void {
    for (const { sink } of this.#encodings.values()) sink.sound(packet);
  }

  #encode(codec: LiveCodec, sink: Encoding['sink']): Encoding {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#stop.signal]);
    const meter = new Meter((step, ms) => {
      if (step !== 'encode') return;
      this.encodeMs.add(ms);
      this.#parts.onStep?.('encode', ms);
    });
    const source = this.#painted.tap({ primed: true, slots: PAINTED_SLOTS });
    this.#taps.add(source);
    const done = run({ source, stages: [], sink: this.#timed(sink), signal, meter })
      .catch((error: unknown) => {
        if (!signal.aborted) log.error({ err: error }, 'an encoder broke');
      })
      .finally(async () => {
        if (this.#encodings.get(codec)?.sink === sink) this.#encodings.delete(codec);
        this.#pastUnsent += source.newest.dropped;
        this.#taps.delete(source);
        await sink[Symbol.asyncDispose]();
      });
    const encoding = { sink, stop, done, viewers: 0 };
    this.#encodings.set(codec, encoding);
    return encoding;
  }

  #timed(sink: FrameSink): FrameSink {
    return {
      write: async (frame) => {
        const { timestamp } = frame;
        await sink.write(frame);
        const ms = (liveNow() - timestamp) / 1000;
        this.latencyMs.add(ms);
        this.#parts.onLatency?.(ms);
      },
      finish: () => sink.finish(),
      [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
    };
  }

  #close(codec: LiveCodec, encoding: Encoding): void {
    if (this.#encodings.get(codec) === encoding) this.#encodings.delete(codec);
    encoding.stop.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all([...this.#encodings.values()].map(({ done }) => done));
  }
}
