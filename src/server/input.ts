import { Conflict, LivebrushError } from '../errors.js';
import { log } from '../log.js';
import { Fanout, type Tap } from '../pipeline/fanout.js';
import type { Frame } from '../pipeline/frame.js';
import { type LiveInfo, type LiveSource, liveNow, type SoundPacket } from '../pipeline/live.js';
import { RateMeter } from '../pipeline/rate-meter.js';
import { supervise } from '../pipeline/supervise.js';
import { Turns } from '../turns.js';
import type { InputInfo } from './protocol.js';

/** A publisher's hold on a stream: disposing it ends the publisher, whose end resolves `closed`. */
export interface Publication extends AsyncDisposable {
  readonly closed: Promise<void>;
}

/** What feeds a stream while nobody publishes; opened again whenever it breaks or ends. */
export interface Base {
  readonly kind: string;
  /** Whether to open it only while someone looks and nobody publishes. */
  readonly lazy?: boolean;
  /** @throws LivebrushError whose message is for everyone who may read. */
  open(signal: AbortSignal): Promise<LiveSource>;
  /** Called when it is not needed any more. */
  release?(): void;
}

/** What an input needs from around it. */
export interface InputOptions {
  /** Draws what viewers see while nothing comes, in the size that they saw last. */
  readonly card: (size: { readonly width: number; readonly height: number }) => LiveSource;
  /** Someone began or ceased to publish, or the base broke: `problem` says why. */
  readonly onChange?: (problem?: string) => void;
}

/** How long nothing may come before the card is shown, in milliseconds. */
const STARVED_MS = 1000;
const LOOK_MS = 250;

const END = new LivebrushError('The input ended.');
const FAILED = 'The input failed; the log of the server says more.';

/**
 * What comes into a stream: one publisher at a time, else its base, else a card. Readers never notice the seams:
 * it is one stream of frames whose times rise.
 */
export class Input implements AsyncDisposable {
  readonly #options: InputOptions;
  readonly #frames = new Fanout();
  readonly #sound = new Set<(packet: SoundPacket) => void>();
  readonly #closed = new AbortController();
  readonly #rate = new RateMeter();
  #publisher: { source: LiveSource; stop: AbortController } | undefined;
  #base: { base: Base; stop: AbortController; done: Promise<void> } | undefined;
  /** One base is over before the next begins. */
  readonly #bases = new Turns();
  #problem: string | undefined;
  #source: LiveSource | undefined;
  #card: AbortController | undefined;
  #size = { width: 640, height: 360 };
  #last = 0;
  #cameUs = Number.NEGATIVE_INFINITY;
  #cardUs = Number.NEGATIVE_INFINITY;
  #looked: (() => void) | undefined;
  readonly #watch: NodeJS.Timeout;
  /** Frames that came, and those left out since they were older than one before them. */
  readonly counts = { in: 0, disordered: 0, replaced: 0 };

  constructor(options: InputOptions) {
    this.#options = options;
    this.#watch = setInterval(() => this.#fill(), LOOK_MS);
    this.#watch.unref();
  }

  /** Whether someone publishes. */
  get published(): boolean {
    return this.#publisher !== undefined;
  }

  /** Whether something feeds the stream while nobody publishes. */
  get fed(): boolean {
    return this.#base !== undefined;
  }

  /** Whether there is more to show than the card. */
  get live(): boolean {
    return this.published || this.#source !== undefined;
  }

  /** What is known of an input while there is only the card. */
  get #nothing(): LiveInfo {
    const { base } = this.#base ?? {};
    // A lazy one waits for someone to look, and is there for whoever does.
    return { kind: base?.lazy ? base.kind : 'card', ...this.#size, fps: 0, bitrate: 0 };
  }

  get info(): InputInfo {
    const source = this.#publisher?.source ?? this.#source;
    const { kind, width, height, decodeMs: _, replaced: __, ...rest } = source?.info ?? this.#nothing;
    const seen = width > 0 ? { width, height } : this.#size;
    const problem = this.published ? undefined : this.#problem;
    return {
      ...{ ...rest, kind, ...seen, fps: Number(this.#rate.rate.toFixed(1)) },
      ...(problem === undefined ? {} : { problem }),
    };
  }

  /** Pictures that publishers decoded, and that were replaced before they got here, so far. */
  get replaced(): number {
    return this.counts.replaced + (this.#publisher?.source.info.replaced ?? 0);
  }

  /** Milliseconds that decoding a picture takes, where it is known. */
  get decodeMs(): number | undefined {
    return (this.#publisher?.source ?? this.#source)?.info.decodeMs;
  }

  /** Whether the card is what is shown. */
  get resting(): boolean {
    return this.#card !== undefined;
  }

  /** When the card was drawn last, in microseconds of the live clock. */
  get cardUs(): number {
    return this.#cardUs;
  }

  /** Frames from now on, the newest one at once. */
  tap(): Tap {
    const tap = this.#frames.tap({ primed: true });
    this.#looked?.();
    this.#fill();
    return tap;
  }

  /** The newest frame. */
  last(): Frame | undefined {
    return this.#frames.last();
  }

  /** Calls `take` for each packet of sound, in order, until disposed. */
  onSound(take: (packet: SoundPacket) => void): Disposable {
    this.#sound.add(take);
    return { [Symbol.dispose]: () => this.#sound.delete(take) };
  }

  /** Takes a publisher's source over. @throws Conflict while another one publishes. */
  publish(source: LiveSource): Publication {
    if (this.#publisher)
      throw new Conflict('Someone publishes this stream already.', {
        hint: 'Wait for them to end, or publish under another name.',
      });
    if (this.#closed.signal.aborted) throw new Conflict('This stream is closed.');
    const stop = new AbortController();
    const publisher = { source, stop };
    this.#publisher = publisher;
    const closed: Promise<void> = this.#feed(
      source,
      AbortSignal.any([stop.signal, this.#closed.signal]),
      () => true,
    )
      .then(
        () => {},
        (error: unknown) => log.info({ err: error }, 'a publisher broke off'),
      )
      .finally(async () => {
        this.counts.replaced += source.info.replaced ?? 0;
        if (this.#publisher === publisher) this.#publisher = undefined;
        this.#looked?.();
        this.#starve();
        await source[Symbol.asyncDispose]();
        this.#options.onChange?.();
      });
    this.#options.onChange?.();
    return {
      closed,
      async [Symbol.asyncDispose]() {
        stop.abort(END);
        await closed;
      },
    };
  }

  /** Sets what feeds the stream while nobody publishes; undefined for the card alone. */
  setBase(base: Base | undefined): Promise<void> {
    this.#base?.stop.abort(END);
    return this.#bases.take(async () => {
      const before = this.#base;
      before?.stop.abort(END);
      await before?.done;
      this.#problem = undefined;
      this.#base = undefined;
      if (this.#closed.signal.aborted) base?.release?.();
      else if (base) this.#base = this.#begin(base);
    });
  }

  #begin(base: Base) {
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.#closed.signal]);
    const onRetry = (error: unknown) => {
      if (!(error instanceof LivebrushError)) log.error({ err: error }, 'an input failed');
      this.#problem = error instanceof LivebrushError ? error.message : FAILED;
      this.#options.onChange?.(this.#problem);
    };
    const done = supervise((until) => this.#play(base, until), { signal, onRetry })
      .catch((error: unknown) => log.warn({ err: error }, 'an input is given up'))
      .finally(() => base.release?.());
    return { base, stop, done };
  }

  /** Plays the base to its end; a lazy one rests while nobody sees it. What it shows counts while nobody publishes. */
  async #play(base: Base, signal: AbortSignal): Promise<void> {
    let rests = base.lazy === true;
    while (!signal.aborted) {
      if (rests) await this.#wanted(signal);
      if (signal.aborted) return;
      rests = await this.#show(base, signal);
      if (!rests) break;
    }
    if (!signal.aborted && base.kind !== 'file') throw new LivebrushError(`The ${base.kind} input ended.`);
    this.#options.onChange?.();
  }

  /** @returns whether it ended only since nobody sees it. */
  async #show(base: Base, signal: AbortSignal): Promise<boolean> {
    const source = await base.open(signal);
    try {
      this.#source = source;
      this.#problem = undefined;
      this.#options.onChange?.();
      const rest = () => base.lazy === true && !this.#wants;
      return await this.#feed(source, signal, () => !this.#publisher, rest);
    } finally {
      this.#source = undefined;
      if (!this.#publisher) this.#starve();
      await source[Symbol.asyncDispose]();
    }
  }

  /** Whether a base would be seen. */
  get #wants(): boolean {
    return this.#frames.readers > 0 && !this.#publisher;
  }

  async #wanted(signal: AbortSignal): Promise<void> {
    const wake = () => this.#looked?.();
    signal.addEventListener('abort', wake);
    while (!this.#wants && !signal.aborted)
      await new Promise<void>((resolve) => {
        this.#looked = resolve;
      });
    signal.removeEventListener('abort', wake);
  }

  /**
   * @param counts whether this source's frames are the stream's.
   * @param rest asked after each frame: whether to end for now.
   * @returns whether it ended by that.
   */
  async #feed(
    source: LiveSource,
    signal: AbortSignal,
    counts: () => boolean,
    rest = () => false,
  ): Promise<boolean> {
    using _sound = source.onSound((packet) => {
      if (counts()) for (const take of this.#sound) take(packet);
    });
    for await (const one of source.frames(signal)) {
      if (counts()) {
        this.#cameUs = liveNow();
        this.#card?.abort(END);
        this.#write(one);
      } else one[Symbol.dispose]();
      if (rest()) return true;
    }
    return false;
  }

  #write(one: Frame): void {
    this.counts.in++;
    if (one.timestamp <= this.#last) {
      this.counts.disordered++;
      one[Symbol.dispose]();
      return;
    }
    this.#last = one.timestamp;
    this.#size = { width: one.width, height: one.height };
    this.#rate.add();
    void this.#frames.write(one);
  }

  /** Nothing more comes for now: the card may show at once. */
  #starve(): void {
    this.#cameUs = Number.NEGATIVE_INFINITY;
    this.#fill();
  }

  /** Shows the card where nothing comes and someone looks. */
  #fill(): void {
    const starved = liveNow() - this.#cameUs > STARVED_MS * 1000;
    if (!starved || this.#card || this.#closed.signal.aborted || this.#frames.readers === 0) return;
    const stop = new AbortController();
    this.#card = stop;
    const show = async () => {
      await using card = this.#options.card(this.#size);
      for await (const one of card.frames(stop.signal)) {
        if (stop.signal.aborted) one[Symbol.dispose]();
        else {
          this.#cardUs = one.timestamp;
          this.#write(one);
        }
        if (this.#frames.readers === 0) break;
      }
    };
    show()
      .catch((error: unknown) => log.error({ err: error }, 'the card cannot be shown'))
      .finally(() => {
        this.#card = undefined;
      });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#watch);
    this.#closed.abort(END);
    this.#card?.abort(END);
    const publisher = this.#publisher;
    publisher?.stop.abort(END);
    await this.#bases.take(async () => this.#base?.done);
    await this.#frames.finish();
    await publisher?.source[Symbol.asyncDispose]();
  }
}
