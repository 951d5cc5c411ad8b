import type { FormatContext, Stream } from 'node-av/lib';
import { BadInput, Interrupted, Unsupported } from '../../errors.js';
import { masked } from '../address.js';
import { type Av, AvFailure, loadAv } from '../codec/av.js';
import type { Hardware } from '../codec/hardware/hardware.js';
import { nameOf, uprightOf } from '../codec/info.js';
import { LiveDemux } from '../codec/live-demux.js';
import { openLiveFormat, schemeFor } from '../codec/live-open.js';
import { LivePictures } from '../codec/live-pictures.js';
import { LiveSounds } from '../codec/live-sounds.js';
import { videoStream } from '../codec/open.js';
import { PacketDecoder } from '../codec/packet-decoder.js';
import { openToOpus, type ToOpus } from '../codec/to-opus.js';
import type { Frame } from '../frame.js';
import type { LiveInfo, LiveSource, SoundPacket } from '../live.js';
import { ArrivalClock, PacedClock } from '../live-clock.js';
import { type Admit, WebRelay } from './web-relay.js';

/** How a live input is opened. */
export interface LiveSourceOptions {
  /** Left out: told by the address (`rtmp`, `rtsp`, `srt`, `hls`, `file`). */
  readonly kind?: string;
  /** What messages call it; left out: its address, with passwords masked. */
  readonly name?: string;
  /** Lets pass each address of the web that is asked: this one, what it redirects to, what a playlist names; or any. */
  readonly admit?: Admit | undefined;
  /** Whether a file begins again at its end. */
  readonly loop?: boolean;
  /** Whether to wait for a publisher at this address (rtmp, srt) instead of calling it. */
  readonly listen?: boolean;
  /** How long opening may take, in milliseconds: 10,000; a listener waits for its publisher until `signal` aborts. */
  readonly openTimeoutMs?: number;
  /** How long nothing may come before the source counts as broken, in milliseconds: 5000, and 20,000 for HLS. */
  readonly stallTimeoutMs?: number;
  /** Decodes pictures where it can. */
  readonly hardware?: Hardware | undefined;
  readonly signal?: AbortSignal;
}

const OPEN_MS = 10_000;

/**
 * Opens a live input: rtmp(s), rtsp(s), srt, http(s) (HLS or a file), or the path of a file, which plays at its own
 * pace. Whether an address may be opened at all is the caller's to decide. Can be read once.
 * @throws NotFound (no such file, nobody answers), BadInput (no video, damaged), Unsupported (scheme, codec),
 * Interrupted.
 */
export async function openLiveSource(address: string, options: LiveSourceOptions = {}): Promise<LiveSource> {
  const { listen = false, admit, name = masked(address), signal } = options;
  const scheme = schemeFor(address, listen);
  const av = await loadAv();
  const timeoutMs = options.openTimeoutMs ?? (listen ? Number.POSITIVE_INFINITY : OPEN_MS);
  const relay = admit && scheme.kind === 'hls' ? await WebRelay.open(address, admit) : undefined;
  const opened: Disposable[] = [];
  let format: FormatContext | undefined;
  try {
    format = await openLiveFormat(av, address, { scheme, listen, timeoutMs, name, instead: relay, signal });
    const streams = await openStreams(av, format, name, opened, options.hardware);
    return new AvLiveSource({
      ...streams,
      av,
      format,
      relay,
      name,
      kind: options.kind ?? scheme.kind,
      paced: scheme.paced,
      loop: scheme.kind === 'file' && (options.loop ?? false),
      stallMs: options.stallTimeoutMs && scheme.kind !== 'file' ? options.stallTimeoutMs : scheme.stallMs,
    });
  } catch (error) {
    for (const thing of opened) thing[Symbol.dispose]();
    await format?.closeInput();
    await relay?.[Symbol.asyncDispose]();
    if (relay?.problem && !(error instanceof Interrupted)) throw relay.problem;
    if (error instanceof AvFailure) throw new BadInput(`${name}: ${error.message}.`, { cause: error });
    throw error;
  }
}

interface Streams {
  readonly picture: Stream;
  readonly decoder: PacketDecoder;
  readonly sound: Stream | undefined;
  readonly toOpus: ToOpus | undefined;
}

/** More threads only bring memory: decoding is a small part of painting. */
const DECODER_THREADS = 2;

async function openStreams(
  av: Av,
  format: FormatContext,
  name: string,
  opened: Disposable[],
  hardware: Hardware | undefined,
): Promise<Streams> {
  const picture = videoStream(av, format);
  if (!picture) {
    const others = format.streams.map((stream) => nameOf(av, stream)).join(', ');
    throw new BadInput(`${name} holds no video: ${others || 'no streams at all'}.`);
  }
  const decoder = await PacketDecoder.open(av, picture, DECODER_THREADS, hardware);
  if (!decoder) throw new Unsupported(`${name} holds ${nameOf(av, picture)}, which cannot be decoded here.`);
  opened.push(decoder);
  const best = format.findBestStream(av.C.AVMEDIA_TYPE_AUDIO, -1, picture.index);
  const sound = best >= 0 ? format.streams[best] : undefined;
  const toOpus = sound && (await openToOpus(av, sound));
  if (toOpus) opened.push(toOpus);
  return { picture, decoder, sound: toOpus && sound, toOpus };
}

interface Opened extends Streams {
  readonly av: Av;
  readonly format: FormatContext;
  readonly relay: WebRelay | undefined;
  readonly name: string;
  readonly kind: string;
  readonly paced: boolean;
  readonly loop: boolean;
  readonly stallMs: number;
}

class AvLiveSource implements LiveSource {
  readonly live = true;
  readonly #opened: Opened;
  readonly #demux: LiveDemux;
  readonly #pictures: LivePictures;
  readonly #sounds: LiveSounds | undefined;
  readonly #stop = new AbortController();
  readonly #codecs: { readonly codec: string; readonly sound?: string };
  /** The tasks that hold native things: nothing may be freed before they are over. */
  #busy: Promise<unknown> = Promise.resolve();
  #state: 'new' | 'read' | 'closed' = 'new';

  constructor(opened: Opened) {
    this.#opened = opened;
    const { av, picture, sound, toOpus, paced } = opened;
    const clock = paced ? new PacedClock() : new ArrivalClock();
    this.#demux = new LiveDemux({ ...opened, clock });
    const upright = uprightOf(av, picture);
    this.#pictures = new LivePictures({ ...opened, clock, upright, queue: this.#demux.pictures });
    this.#sounds =
      toOpus && new LiveSounds({ toOpus, clock, paced, queue: this.#demux.sounds, stream: sound! });
    this.#codecs = {
      codec: av.avGetCodecName(picture.codecpar.codecId) ?? 'unknown',
      ...(sound && { sound: describeSound(av, sound) }),
    };
  }

  get info(): LiveInfo {
    const { rate, keyIntervalMs } = this.#demux;
    return {
      kind: this.#opened.kind,
      ...this.#codecs,
      ...this.#pictures.size,
      fps: Math.round(this.#pictures.rate.rate * 10) / 10,
      bitrate: Math.round(rate.sum),
      ...(keyIntervalMs !== undefined && { keyIntervalMs }),
    };
  }

  onSound(take: (packet: SoundPacket) => void): Disposable {
    return this.#sounds?.on(take) ?? { [Symbol.dispose]() {} };
  }

  async *frames(signal: AbortSignal): AsyncGenerator<Frame, void> {
    if (this.#state !== 'new') throw new Error(`${this.#opened.name} can be read only once.`);
    this.#state = 'read';
    const done = new AbortController();
    const halt = AbortSignal.any([signal, this.#stop.signal, done.signal]);
    let failure: unknown;
    const fail = (error: unknown) => {
      failure ??= error;
      done.abort();
    };
    const empty = () => {
      this.#demux.pictures[Symbol.dispose]();
      this.#demux.sounds[Symbol.dispose]();
    };
    halt.addEventListener('abort', empty, { once: true });
    const tasks = [this.#demux.run(halt).catch(fail), this.#sounds?.run(halt).catch(fail)];
    this.#busy = Promise.all(tasks);
    try {
      yield* this.#pictures.frames(halt);
      if (!halt.aborted) await this.#busy;
      if (failure !== undefined) throw failure;
    } catch (error) {
      if (signal.aborted || this.#stop.signal.aborted) return;
      if (!(error instanceof AvFailure)) throw error;
      throw new BadInput(`${this.#opened.name}: ${error.message}.`, { cause: error });
    } finally {
      done.abort();
      await this.#busy;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#stop.abort();
    this.#opened.format.interrupt();
    await this.#busy;
    await this.#pictures[Symbol.asyncDispose]();
    this.#opened.toOpus?.[Symbol.dispose]();
    this.#demux[Symbol.dispose]();
    await this.#opened.format.closeInput();
    await this.#opened.relay?.[Symbol.asyncDispose]();
  }
}

const LAYOUTS: Readonly<Record<number, string>> = { 1: 'mono', 2: 'stereo' };

function describeSound(av: Av, { codecpar }: Stream): string {
  const channels = codecpar.channelLayout.nbChannels;
  const codec = av.avGetCodecName(codecpar.codecId) ?? 'unknown';
  return `${codec} ${codecpar.sampleRate / 1000} kHz ${LAYOUTS[channels] ?? `${channels} channels`}`;
}
