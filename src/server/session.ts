import { randomUUID } from 'node:crypto';
import { Overloaded } from '../errors.js';
import { log } from '../log.js';
import type { Pixels } from '../models/pixels.js';
import type { Hardware } from '../pipeline/codec/hardware/hardware.js';
import type { Cue } from '../pipeline/cues.js';
import type { Frame } from '../pipeline/frame.js';
import type { LiveCodec, LiveSource } from '../pipeline/live.js';
import { liveNow } from '../pipeline/live.js';
import type { Mood } from '../pipeline/look.js';
import { type AppliedChange, Performance } from '../pipeline/performance.js';
import type { Viewer } from '../pipeline/sinks/webrtc.js';
import { WebrtcSink } from '../pipeline/sinks/webrtc.js';
import type { BranchParts } from './branch.js';
import { Branches } from './branches.js';
import { PAINTED_SLOTS } from './encoders.js';
import { type Base, Input, type Publication } from './input.js';
import { Outputs } from './outputs.js';
import type { OwnLook } from './own-look.js';
import type {
  Change,
  Degraded,
  InputRequest,
  LookState,
  OutputInfo,
  OutputRequest,
  ServerMessage,
  Stats,
  StreamInfo,
  StreamSettings,
} from './protocol.js';

/** What sessions share: the painter, the styles, and what the server lets them do. */
export interface SessionParts {
  readonly branch: BranchParts;
  /** The look that streams begin with; its styles are ready. */
  readonly opening: Mood;
  readonly bitrate: { readonly min: number; readonly start: number; readonly max: number };
  /** Encodes H.264 where it can. */
  readonly hardware?: Hardware | undefined;
  readonly card: (size: { readonly width: number; readonly height: number }) => LiveSource;
  /** What an input request stands for; `trusted` where the configuration asks. @throws Denied, NotFound, BadInput */
  readonly base: (request: InputRequest, trusted: boolean) => Promise<Base>;
  /** @throws Denied when an output may not be opened. */
  readonly checkOutput: (request: OutputRequest) => Promise<void>;
  readonly folders: { readonly recordings: string; readonly hls: string };
  /** @throws Overloaded when one more viewer would be too many. */
  readonly admitViewer?: () => void;
  /** Told when other styles than before are asked for. */
  readonly onStyles?: () => void;
  /** Different looks that one stream may be painted in at once. */
  readonly maxLooks: number;
  /** How old a frame may be when its turn to be painted comes, in milliseconds, until a stream is set otherwise. */
  readonly maxAge: number;
}

type Listen = (message: ServerMessage) => void;

/** How often changes take effect while nothing is painted, since nobody looks, in milliseconds. */
const IDLE_MS = 100;
/** How long a picture may take that nobody painted yet, in milliseconds. */
const SNAPSHOT_MS = 3000;

/** One stream: what comes in, how it looks, who watches. */
export class Session implements AsyncDisposable {
  readonly name: string;
  readonly #over = new AbortController();
  readonly #parts: SessionParts;
  readonly #input: Input;
  readonly #performance: Performance;
  readonly #outputs: Outputs;
  readonly #branches: Branches;
  readonly #listeners = new Set<Listen>();
  readonly #idle: NodeJS.Timeout;
  #maxAge: number;
  #closed = false;

  constructor(name: string, parts: SessionParts) {
    this.name = name;
    this.#parts = parts;
    this.#maxAge = parts.maxAge;
    this.#performance = new Performance(parts.opening, (applied) => this.#applied(applied));
    this.#input = new Input({
      card: parts.card,
      onChange: (problem) => {
        if (problem) this.#tell({ type: 'notice', level: 'warning', text: problem });
        this.#changed();
      },
    });
    this.#branches = new Branches({
      ...{ parts: parts.branch, input: this.#input, opening: parts.opening, most: parts.maxLooks },
      moodOf: (frame) => this.#performance.next(frame),
      maxAge: () => this.#maxAge,
      keepMain: () => this.#outputs.paint,
      onLoad: () => this.#load(),
      onChange: () => this.#changed(),
    });
    const painted = () => this.#branches.main().painted.tap({ slots: PAINTED_SLOTS });
    this.#outputs = new Outputs({
      stream: name,
      tap: (what) => (what === 'source' ? this.#input.tap() : painted()),
      onSound: (take) => this.#input.onSound(take),
      cues: (from, to) => this.#performance.cues(from, to),
      folders: parts.folders,
      hardware: parts.hardware,
      onChange: () => this.#changed(),
    });
    this.#input.onSound((packet) => {
      for (const { encoders } of this.#branches.all) encoders.sound(packet);
    });
    this.#idle = setInterval(() => this.#tick(), IDLE_MS);
    this.#idle.unref();
  }

  /**
   * Aborts when the stream is over; whoever still watches may go. A signal, since a stream outlives its viewers: what
   * waits for a promise cannot be taken back, and would be kept with all it holds until then.
   */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Whether someone publishes. */
  get live(): boolean {
    return this.#input.published;
  }

  get viewers(): number {
    return this.#branches.viewers;
  }

  /** Whether nobody publishes, feeds, watches, controls or records it. */
  get idle(): boolean {
    const { published, fed } = this.#input;
    return !published && !fed && this.viewers === 0 && this.listeners === 0 && !this.#outputs.busy;
  }

  /** Takes a publisher's source over. @throws Conflict while another one publishes. */
  publish(source: LiveSource): Publication {
    return this.#input.publish(source);
  }

  /**
   * Joins the encoder that all viewers of this look and codec share; leaving is disposing.
   * @throws NotFound (style), Overloaded (too many looks).
   */
  async watch(codec: LiveCodec, viewer: Viewer, own?: OwnLook): Promise<Disposable> {
    this.#parts.admitViewer?.();
    const { encoders } = own ? await this.#branches.own(own) : this.#branches.main();
    if (own) this.#parts.onStyles?.();
    const { bitrate, hardware } = this.#parts;
    const shared = encoders.share(codec, () => new WebrtcSink({ codec, bitrate, hardware }));
    const seat = shared.sink.join(viewer);
    this.#changed();
    return {
      [Symbol.dispose]: () => {
        seat[Symbol.dispose]();
        shared[Symbol.dispose]();
        this.#changed();
        this.#branches.tidyLater();
      },
    };
  }

  /** Plans a change of the look. @returns its id. @throws NotFound (style), Overloaded (too many wait). */
  async change(change: Change, id: string = randomUUID()): Promise<string> {
    const { cycle, atFrame, atTimestamp, ...rest } = change;
    const { style, strength, keepColor, steady, show } = rest;
    const styles = [...namesOf(style), ...(cycle?.styles ?? [])];
    using _ready = await this.#branches.ready(styles);
    if (this.#performance.full) throw new Overloaded('Too many changes wait for their frame.');
    const plain = [style, strength, keepColor, steady, show].some((it) => it !== undefined);
    this.#performance.plan({
      id,
      ...(plain ? { change: rest } : {}),
      ...(cycle ? { cycle } : {}),
      ...(atFrame === undefined ? {} : { atFrame }),
      ...(atTimestamp === undefined ? {} : { atTimestamp }),
    });
    if (styles.length > 0) this.#parts.onStyles?.();
    return id;
  }

  /** Styles of its looks, those to come among them, by name. */
  get styles(): string[] {
    return [...this.#performance.styles, ...this.#branches.styles];
  }

  /** Takes back a change that has not taken effect. @returns whether there was one. */
  cancel(id: string): boolean {
    return this.#performance.cancel(id);
  }

  /** Changes settings of the stream, from the next frame on. */
  set({ maxAge }: StreamSettings): void {
    if (maxAge === undefined || maxAge === this.#maxAge) return;
    this.#maxAge = maxAge;
    this.#changed();
  }

  /** What was played since a time of the live clock, or all of it, as a cue list. */
  cues(from = 0): Cue[] {
    return this.#performance.cues(from);
  }

  /** The folder of the HLS output that runs, if there is one. */
  get hls(): string | undefined {
    return this.#outputs.hls;
  }

  /** @throws Denied, NotFound, Overloaded, CannotWrite, Unsupported */
  async addOutput(request: OutputRequest): Promise<OutputInfo> {
    await this.#parts.checkOutput(request);
    return this.#outputs.add(request);
  }

  /** @throws NotFound */
  async removeOutput(id: string): Promise<OutputInfo> {
    const info = await this.#outputs.remove(id);
    this.#branches.tidyLater();
    return info;
  }

  /** Feeds the stream while nobody publishes. @throws Denied, NotFound, BadInput */
  async setInput(request: InputRequest, trusted = false): Promise<void> {
    await this.#input.setBase(await this.#parts.base(request, trusted));
    this.#changed();
  }

  async clearInput(): Promise<void> {
    await this.#input.setBase(undefined);
    this.#changed();
  }

  /** The newest painting, one made now where nobody looks; undefined where none comes within a while. */
  async snapshot(): Promise<Pixels | undefined> {
    using painting = this.#branches.painting?.painted.last() ?? (await this.#paintOne());
    return painting && { data: painting.data.slice(), width: painting.width, height: painting.height };
  }

  async #paintOne(): Promise<Frame | undefined> {
    await using tap = this.#branches.main().painted.tap();
    let card: Frame | undefined;
    try {
      for await (const one of tap.frames(AbortSignal.any([AbortSignal.timeout(SNAPSHOT_MS), this.over]))) {
        card?.[Symbol.dispose]();
        card = undefined;
        // What feeds the stream may begin only now that someone looks.
        if (!this.#input.fed || one.timestamp > this.#input.cardUs) return one;
        card = one;
      }
      return card;
    } finally {
      this.#branches.tidyLater();
    }
  }

  /** What comes in from now on, unpainted and without the card; each frame is the caller's. */
  async *incoming(signal: AbortSignal): AsyncGenerator<Frame, void> {
    await using tap = this.#input.tap();
    for await (const one of tap.frames(signal)) {
      if (this.#input.resting) one[Symbol.dispose]();
      else yield one;
    }
  }

  /** Calls `listen` with what happens, until disposed. */
  on(listen: Listen): Disposable {
    this.#listeners.add(listen);
    return { [Symbol.dispose]: () => this.#listeners.delete(listen) };
  }

  /** How many listen. */
  get listeners(): number {
    return this.#listeners.size;
  }

  /** The gallery changed. */
  restyled(): void {
    this.#tell({ type: 'styles' });
  }

  get look(): LookState {
    return lookState(this.#performance.mood);
  }

  info(): StreamInfo {
    const { cycle } = this.#performance;
    return {
      name: this.name,
      live: this.live,
      input: this.#input.info,
      look: this.look,
      ...(cycle ? { cycle: { styles: [...cycle.styles], everyFrames: cycle.everyFrames } } : {}),
      maxAge: this.#maxAge,
      viewers: this.viewers,
      outputs: this.#outputs.list,
      degraded: this.#degraded(),
    };
  }

  stats(): Stats {
    const branch = this.#branches.painting;
    const { decodeMs } = this.#input;
    const { in: came, painted, onTime, unsent, busy, late } = this.#branches.counts;
    const hitRate = branch?.tally.hitRate;
    const { disordered } = this.#input.counts;
    const { replaced } = this.#input;
    return {
      type: 'stats',
      frame: Math.max(0, this.#performance.frame),
      timestamp: this.#performance.timestamp,
      input: this.#input.info,
      fps: Number((branch?.tally.rate.rate ?? 0).toFixed(1)),
      viewers: this.viewers,
      stages: {
        ...(decodeMs === undefined ? {} : { decode: { p50: decodeMs, p95: decodeMs } }),
        ...(branch ? { paint: branch.paintMs.timing(), encode: branch.encoders.encodeMs.timing() } : {}),
      },
      latency: branch?.encoders.latencyMs.timing() ?? { p50: 0, p95: 0 },
      frames: {
        in: came + disordered + replaced,
        painted,
        onTime,
        unsent,
        dropped: { busy, late, disordered, replaced },
      },
      hitRate: hitRate === undefined ? null : Number(hitRate.toFixed(3)),
      bitrate: branch?.encoders.bitrate ?? 0,
      degraded: this.#degraded(),
      outputs: this.#outputs.list,
    };
  }

  /** How often the painter ran for each look that is being painted, by look. */
  painted(): Record<string, number> {
    return this.#branches.painted();
  }

  /** While nobody looks nothing is painted; changes take effect all the same. */
  #tick(): void {
    if (this.#branches.painting || !this.#performance.waiting) return;
    this.#performance.next({ timestamp: liveNow() });
  }

  #applied({ id, frame, timestamp, mood, cycle }: AppliedChange): void {
    const look = lookState(mood);
    const turns = cycle && { styles: [...cycle.styles], everyFrames: cycle.everyFrames };
    this.#tell({ type: 'applied', id, frame, timestamp, look, ...(turns ? { cycle: turns } : {}) });
  }

  #load(): void {
    const { level, reason, width, height } = this.#degraded();
    log.warn({ stream: this.name, level }, reason ?? `Painting at ${width}x${height} again.`);
    this.#changed();
  }

  #degraded(): Degraded {
    const branch = this.#branches.painting;
    const { width, height } = branch?.work ?? { width: 0, height: 0 };
    const level = branch?.level ?? 0;
    const reason = `The painter cannot keep up: it paints at ${width}x${height}.`;
    const model = branch?.model ?? this.#parts.branch.tiers[0].model;
    return { level, width, height, model, ...(level > 0 ? { reason } : {}) };
  }

  #changed(): void {
    if (this.#listeners.size > 0) this.#tell({ type: 'stream', stream: this.info() });
  }

  #tell(message: ServerMessage): void {
    for (const listen of this.#listeners) listen(message);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#idle);
    await this.#outputs[Symbol.asyncDispose]();
    await this.#input[Symbol.asyncDispose]();
    await this.#branches[Symbol.asyncDispose]();
    this.#listeners.clear();
    this.#over.abort();
  }
}

/** Styles that a change names. */
const namesOf = (style: Change['style']): string[] =>
  style === undefined ? [] : typeof style === 'string' ? [style] : style.map((part) => part.style);

/** A mood as clients see it. */
export function lookState({ mix, strength, keepColor, steady, show }: Mood): LookState {
  const parts = [...mix].filter(([, share]) => share > 0).map(([style, weight]) => ({ style, weight }));
  return { mix: parts, strength, keepColor, steady, show };
}
