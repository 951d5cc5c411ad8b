import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** From 1 ms to 1 s, in seconds. */
const BUCKETS = [1, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 500, 1000].map((ms) => ms / 1000);

/** What there is at the moment, asked for when someone looks. */
export interface Gauges {
  readonly streams: number;
  readonly publishers: number;
  readonly viewers: number;
  readonly sockets: number;
  readonly jobs: number;
  /** WebRTC connections that stand, or are being set up. */
  readonly peers: number;
  /** Pictures that are held in memory. */
  readonly frames: number;
  /** Bytes that wait on control sockets. */
  readonly buffered: number;
}

/** Numbers of one stream, as they stand. */
export interface StreamCounts {
  readonly stream: string;
  readonly in: number;
  readonly painted: number;
  /** Of those, frames that were handed on before they were too old. */
  readonly onTime: number;
  /** Of those painted, frames that an encoder for viewers left out. */
  readonly unsent: number;
  /** Of the frames that came over the last seconds, the share that was; null: none came. */
  readonly hitRate: number | null;
  readonly dropped: Readonly<Record<string, number>>;
  /** How far the painter has stepped down. */
  readonly degraded: number;
}

/** The server in numbers, for Prometheus. Labels are names of streams and stages, and never of viewers. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #stages: Histogram<'stage'>;
  readonly #latency: Histogram;
  readonly #rejected: Counter<'why'>;
  readonly #requests: Counter<'status'>;
  readonly #engine: Gauge<'engine' | 'model' | 'version'>;
  readonly #last = new Map<string, StreamCounts>();
  readonly #in: Counter<'stream'>;
  readonly #out: Counter<'stream'>;
  readonly #onTime: Counter<'stream'>;
  readonly #unsent: Counter<'stream'>;
  readonly #dropped: Counter<'stream' | 'reason'>;
  readonly #hitRate: Gauge<'stream'>;
  readonly #degraded: Gauge<'stream'>;
  #streams: () => readonly StreamCounts[] = () => [];

  constructor() {
    const registers = [this.#registry];
    const counter = <L extends string>(name: string, help: string, labelNames: L[]) =>
      new Counter({ name, help, labelNames, registers });
    collectDefaultMetrics({ register: this.#registry });
    this.#stages = new Histogram({
      ...{ name: 'livebrush_stage_seconds', help: 'Time of a frame in a stage.', registers },
      ...{ labelNames: ['stage'] as const, buckets: BUCKETS },
    });
    this.#latency = new Histogram({
      ...{
        name: 'livebrush_latency_seconds',
        help: "From a frame's arrival to its packets' leaving.",
        registers,
      },
      buckets: BUCKETS,
    });
    this.#in = counter('livebrush_frames_in_total', 'Frames that came.', ['stream']);
    this.#out = counter('livebrush_frames_out_total', 'Frames that were painted.', ['stream']);
    this.#onTime = counter(
      'livebrush_frames_on_time_total',
      'Frames that were painted and handed on within their maxAge.',
      ['stream'],
    );
    this.#unsent = counter(
      'livebrush_frames_unsent_total',
      'Frames that were painted and that an encoder for viewers left out.',
      ['stream'],
    );
    this.#dropped = counter('livebrush_frames_dropped_total', 'Frames that were not painted.', [
      'stream',
      'reason',
    ]);
    this.#rejected = counter('livebrush_rejected_total', 'Requests that were refused.', ['why']);
    this.#requests = counter('livebrush_requests_total', 'Requests by the class of their status.', [
      'status',
    ]);
    const gauge = { registers };
    this.#degraded = new Gauge({
      ...gauge,
      ...{
        name: 'livebrush_degraded',
        help: 'How far the painter has stepped down.',
        labelNames: ['stream'],
      },
      collect: () => this.#collect(),
    });
    this.#hitRate = new Gauge({
      ...gauge,
      ...{
        name: 'livebrush_hit_ratio',
        help: 'Share of the frames of the last seconds that were handed on within their maxAge.',
        labelNames: ['stream'],
      },
    });
    this.#engine = new Gauge({
      ...gauge,
      ...{ name: 'livebrush_engine_info', help: 'What paints.', labelNames: ['engine', 'model', 'version'] },
    });
  }

  /** Tells what paints. */
  about(labels: { engine: string; model: string; version: string }): void {
    this.#engine.set(labels, 1);
  }

  /** Time of a frame in a stage: `decode`, `resize`, `paint`, `steady`, `encode`. */
  observeStage(stage: string, seconds: number): void {
    this.#stages.observe({ stage }, seconds);
  }

  /** From a frame's arrival here to its packets' leaving. */
  observeLatency(seconds: number): void {
    this.#latency.observe(seconds);
  }

  /** A request or message was refused, and why: `denied`, `too-many`, `overloaded`. */
  reject(why: string): void {
    this.#rejected.inc({ why });
  }

  request(status: number): void {
    this.#requests.inc({ status: `${Math.floor(status / 100)}xx` });
  }

  /** Where numbers of streams are asked for: totals since each began. */
  watchStreams(streams: () => readonly StreamCounts[]): void {
    this.#streams = streams;
  }

  /** Where the rest is asked for. */
  watch(look: () => Gauges): void {
    const registers = [this.#registry];
    new Gauge({
      ...{ name: 'livebrush_sessions', help: 'What is open at the moment.', labelNames: ['kind'], registers },
      collect() {
        const { buffered: _b, frames: _f, ...kinds } = look();
        for (const [kind, value] of Object.entries(kinds)) this.set({ kind }, value);
      },
    });
    new Gauge({
      ...{ name: 'livebrush_ws_buffered_bytes', help: 'Bytes that wait on control sockets.', registers },
      collect() {
        this.set(look().buffered);
      },
    });
    new Gauge({
      ...{ name: 'livebrush_frames_alive', help: 'Pictures that are held in memory.', registers },
      collect() {
        this.set(look().frames);
      },
    });
  }

  #collect(): void {
    const now = this.#streams();
    for (const counts of now) this.#advance(counts);
    const names = new Set(now.map(({ stream }) => stream));
    for (const stream of this.#last.keys()) if (!names.has(stream)) this.#forget(stream);
  }

  #advance(counts: StreamCounts): void {
    const { stream } = counts;
    const before = this.#last.get(stream);
    // A stream that was closed and opened again counts from zero.
    const more = (value: number, old = 0) => (value >= old ? value - old : value);
    this.#in.inc({ stream }, more(counts.in, before?.in));
    this.#out.inc({ stream }, more(counts.painted, before?.painted));
    this.#onTime.inc({ stream }, more(counts.onTime, before?.onTime));
    this.#unsent.inc({ stream }, more(counts.unsent, before?.unsent));
    if (counts.hitRate === null) this.#hitRate.remove({ stream });
    else this.#hitRate.set({ stream }, counts.hitRate);
    for (const [reason, value] of Object.entries(counts.dropped))
      this.#dropped.inc({ stream, reason }, more(value, before?.dropped[reason]));
    this.#degraded.set({ stream }, counts.degraded);
    this.#last.set(stream, counts);
  }

  #forget(stream: string): void {
    for (const reason of Object.keys(this.#last.get(stream)?.dropped ?? {}))
      this.#dropped.remove({ stream, reason });
    const all = [this.#in, this.#out, this.#onTime, this.#unsent, this.#hitRate, this.#degraded];
    for (const metric of all) metric.remove({ stream });
    this.#last.delete(stream);
  }

  /** In Prometheus' text format. */
  async text(): Promise<{ readonly type: string; readonly body: string }> {
    // Counters of streams are brought up to date before any of them is written.
    this.#collect();
    return { type: this.#registry.contentType, body: await this.#registry.metrics() };
  }
}
