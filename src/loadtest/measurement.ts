import { availableParallelism, cpus } from 'node:os';
import { LivebrushError } from '../errors.js';
import type { ServerInfo, StreamInfo } from '../server/protocol.js';
import type { Crowd } from './crowd.js';
import { Durations, round, spreadOf } from './figures.js';
import { Growth, type Sample } from './prometheus.js';
import type { Publisher } from './publisher.js';
import type { LoadNow, LoadOptions, LoadResult, ServerResult, StreamResult } from './result.js';
import type { Target } from './target.js';
import type { Viewer } from './viewer.js';

/** How long the server is asked for its numbers. */
const ASK_MS = 5000;
const patience = () => AbortSignal.timeout(ASK_MS);

/** What the server told between two looks at it. */
interface Told {
  readonly growth: Growth | undefined;
  readonly after: readonly Sample[];
  /** Seconds between them. */
  readonly seconds: number;
}

/** Counts over a span of time, from `begin` to `end`. */
export class Measurement {
  readonly #crowd: Crowd;
  readonly #target: Target;
  readonly #before: readonly Sample[] | undefined;
  readonly #askedAt: number;
  readonly #began = performance.now();
  readonly #cpu = process.cpuUsage();
  #last: { at: number; sent: number; seen: number };

  private constructor(crowd: Crowd, target: Target, before: readonly Sample[] | undefined, askedAt: number) {
    this.#crowd = crowd;
    this.#target = target;
    this.#before = before;
    this.#askedAt = askedAt;
    for (const publisher of crowd.publishers) publisher.reset();
    for (const viewer of crowd.viewers) viewer.reset(this.#began);
    crowd.recent.clear();
    this.#last = { at: this.#began, sent: 0, seen: 0 };
  }

  static async begin(crowd: Crowd, target: Target): Promise<Measurement> {
    const before = await target.numbers(patience());
    return new Measurement(crowd, target, before, performance.now());
  }

  /** Seconds so far. */
  get seconds(): number {
    return (performance.now() - this.#began) / 1000;
  }

  /** How it stands; figures a second are of the time since it was last asked. */
  now(): Omit<LoadNow, 'of'> {
    const { publishers, viewers, recent } = this.#crowd;
    const { at, sent: before, seen: old } = this.#last;
    const sent = publishers.reduce((sum, one) => sum + one.sent, 0);
    const seen = viewers.reduce((sum, one) => sum + one.frames, 0);
    this.#last = { at: performance.now(), sent, seen };
    const each = (count: number, among: number) =>
      round((1000 * count) / Math.max(1, among) / Math.max(1, this.#last.at - at));
    const latency = recent.timing();
    recent.clear();
    return {
      ...{ seconds: round(this.seconds), streams: publishers.length, viewers: viewers.length, latency },
      published: each(sent - before, publishers.length),
      received: each(seen - old, viewers.length),
      freezes: viewers.reduce((sum, { freezes }) => sum + freezes, 0),
    };
  }

  async end(options: LoadOptions, info: ServerInfo, interrupted: boolean): Promise<LoadResult> {
    const { publishers, viewers, faults } = this.#crowd;
    const seconds = this.seconds;
    const now = performance.now();
    const { user, system } = process.cpuUsage(this.#cpu);
    for (const viewer of viewers) viewer.finish(now);
    // Taken before the server is asked, which takes its time.
    const counted = publishers.map((one) => this.#counted(one, seconds));
    const told = await this.#ask();
    this.#checkAll();
    const streams = await Promise.all(counted.map((one) => this.#told(one, told)));
    return {
      loadtest: { ...options, token: undefined },
      date: new Date().toISOString(),
      machine: {
        cpu: cpus()[0]?.model.trim() ?? 'unknown',
        ...{ cores: availableParallelism(), node: process.version },
      },
      server: { ...serverOf(told), url: options.url, ...aboutOf(info) },
      ...{ seconds: round(seconds, 2), interrupted },
      publishers: {
        ...{ wanted: options.publishers, came: publishers.length },
        connectMs: timingOf(publishers.map(({ session }) => session.connectMs)),
      },
      viewers: {
        ...{ wanted: options.viewers, came: viewers.length },
        connectMs: timingOf(viewers.map(({ session }) => session.connectMs)),
        firstPictureMs: timingOf(viewers.map(({ firstPictureMs }) => firstPictureMs ?? Number.NaN)),
      },
      streams,
      together: this.#together(streams, seconds),
      generator: {
        cpuPercent: round((user + system) / 1e4 / Math.max(seconds, 1e-3)),
        lateMs: merged(publishers.map(({ late }) => late)),
        rssMB: Math.round(process.memoryUsage.rss() / 1e6),
      },
      faults,
      ok:
        faults.length === 0 && publishers.length === options.publishers && viewers.length === options.viewers,
    };
  }

  /** Who lost the connection, or was never shown anything. */
  #checkAll(): void {
    const { publishers, viewers } = this.#crowd;
    for (const { stream, session } of publishers)
      if (!session.connected) this.#crowd.fault('publisher', stream, lost);
    for (const { stream, session, frames } of viewers) {
      if (!session.connected) this.#crowd.fault('viewer', stream, lost);
      else if (frames === 0) this.#crowd.fault('viewer', stream, blind);
    }
  }

  async #ask(): Promise<Told> {
    const after = await this.#target.numbers(patience());
    const seconds = (performance.now() - this.#askedAt) / 1000;
    return { growth: this.#before && after && new Growth(this.#before, after), after: after ?? [], seconds };
  }

  /** What we saw of a stream ourselves. */
  #counted({ stream, sent, keyRequests }: Publisher, seconds: number): StreamResult {
    const viewers = this.#crowd.viewers.filter((viewer) => viewer.stream === stream);
    const sum = (of: (viewer: Viewer) => number) => viewers.reduce((total, viewer) => total + of(viewer), 0);
    const received = spreadOf(viewers.map(({ frames }) => frames / seconds));
    return {
      ...{ stream, styles: this.#crowd.styles.get(stream) ?? [], viewers: viewers.length },
      published: round(sent / seconds),
      ...(received && { received }),
      latency: merged(viewers.map(({ latency }) => latency)),
      unread: sum(({ unread }) => unread),
      freezes: sum(({ freezes }) => freezes),
      longestGapMs: Math.round(Math.max(0, ...viewers.map(({ longestGapMs }) => longestGapMs))),
      lostPackets: sum(({ lost: count }) => count),
      keyRequests: { server: keyRequests, viewers: sum((viewer) => viewer.keyRequests) },
    };
  }

  /** The same with what the server tells of it. */
  async #told(counted: StreamResult, { growth, after, seconds }: Told): Promise<StreamResult> {
    const { stream } = counted;
    const of = (name: string) => growth?.sum(`livebrush_frames_${name}_total`, { stream });
    const [arrived, painted] = [of('in'), of('out')];
    const dropped = growth?.of('livebrush_frames_dropped_total', { stream });
    const hitRate = hitRateOf(stream, growth, after);
    const work = workOf(await this.#target.stream(stream, patience()));
    return {
      ...counted,
      ...(arrived !== undefined && { arrived: round(arrived / seconds) }),
      ...(painted !== undefined && { painted: round(painted / seconds) }),
      ...(dropped && {
        dropped: Object.fromEntries(dropped.map((it) => [it.labels.reason ?? '', it.value])),
      }),
      ...(hitRate !== undefined && { hitRate }),
      ...work,
    };
  }

  #together(streams: readonly StreamResult[], seconds: number): LoadResult['together'] {
    const { viewers } = this.#crowd;
    const known = <T>(values: readonly (T | undefined)[]) => values.filter((value) => value !== undefined);
    const published = spreadOf(streams.map((one) => one.published));
    const painted = spreadOf(known(streams.map((one) => one.painted)));
    const received = spreadOf(viewers.map(({ frames }) => frames / seconds));
    const drops = known(streams.map(({ dropped }) => dropped));
    const rates = known(streams.map(({ hitRate }) => hitRate));
    return {
      ...(published && { published }),
      ...(painted && { painted }),
      ...(received && { received }),
      latency: merged(viewers.map(({ latency }) => latency)),
      ...(drops.length > 0 && { dropped: added(drops) }),
      ...(rates.length > 0 && {
        hitRate: round(rates.reduce((sum, rate) => sum + rate, 0) / rates.length, 3),
      }),
      freezes: streams.reduce((sum, { freezes }) => sum + freezes, 0),
      longestGapMs: Math.max(0, ...streams.map(({ longestGapMs }) => longestGapMs)),
    };
  }
}

const lost = new LivebrushError('The connection was lost while it was measured.');
const blind = new LivebrushError('It was connected, but no whole picture came while it was measured.');

const aboutOf = ({ version, engine, model }: ServerInfo) => ({ version, engine, model });

function serverOf({ growth, after, seconds }: Told): Pick<ServerResult, 'cpuPercent' | 'rssMB'> {
  const cpu = growth?.sum('process_cpu_seconds_total');
  const rss = after.find(({ name }) => name === 'process_resident_memory_bytes')?.value;
  return {
    ...(cpu !== undefined && { cpuPercent: round((100 * cpu) / seconds) }),
    ...(rss !== undefined && { rssMB: Math.round(rss / 1e6) }),
  };
}

function workOf(info: StreamInfo | undefined): Pick<StreamResult, 'work' | 'level'> {
  const { width, height, level } = info?.degraded ?? {};
  return width && height ? { work: `${width}x${height}`, level: level ?? 0 } : {};
}

/** Share of the frames that came that were handed on in time, where the server counts them; else as it stands now. */
function hitRateOf(stream: string, growth: Growth | undefined, after: readonly Sample[]): number | undefined {
  const [onTime, came] = ['on_time', 'in'].map((name) =>
    growth?.sum(`livebrush_frames_${name}_total`, { stream }),
  );
  if (onTime !== undefined && came) return round(Math.min(1, onTime / came), 3);
  return after.find(({ name, labels }) => name === 'livebrush_hit_ratio' && labels.stream === stream)?.value;
}

function merged(all: readonly Durations[]) {
  const sum = new Durations();
  for (const one of all) sum.merge(one);
  return sum.timing();
}

function timingOf(values: readonly number[]) {
  const durations = new Durations();
  for (const value of values) durations.add(value);
  return durations.timing();
}

function added(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const one of counts)
    for (const [name, value] of Object.entries(one)) sum[name] = (sum[name] ?? 0) + value;
  return sum;
}
