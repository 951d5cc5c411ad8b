import { LivebrushError } from '../errors.js';
import type { ServerInfo } from '../server/protocol.js';
import type { Crowd } from './crowd.js';
import { merged, round, spreadOf, timingOf } from './figures.js';
import { Growth, type Sample } from './prometheus.js';
import type { Publisher } from './publisher.js';
import type { Arrivals, LoadNow, LoadOptions, LoadResult, StreamResult } from './result.js';
import type { Target } from './target.js';
import { serverOf, streamOf, type Told, togetherOf } from './told.js';
import type { Viewer } from './viewer.js';

/** How long the server is asked for its numbers. */
const ASK_MS = 5000;
/** A viewer that is shown nothing for so long at the end is given up, in milliseconds. */
const STILL_MS = 4000;
const patience = () => AbortSignal.timeout(ASK_MS);

/** What a result tells beside what was measured. */
interface About {
  readonly machine: LoadResult['machine'];
  readonly options: LoadOptions;
  readonly info: ServerInfo;
}

/** What viewers saw, of all streams. */
type Seen = Pick<LoadResult['together'], 'received' | 'latency'>;

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

  /** Counts no further, and asks the server what it saw. */
  async end({ machine, options, info }: About, interrupted: boolean): Promise<LoadResult> {
    const { publishers, viewers, faults } = this.#crowd;
    const seconds = this.seconds;
    // All of ours is taken before the server is asked, which takes its time.
    const ours = this.#ours(seconds);
    const counted = publishers.map((one) => this.#counted(one, seconds));
    const told = await this.#ask();
    const infos = await Promise.all(counted.map(({ stream }) => this.#target.stream(stream, patience())));
    const streams = counted.map((one, i) => ({ ...one, ...streamOf(one.stream, told, infos[i]) }));
    const { url, token: _, ...asked } = options;
    return {
      loadtest: { url, ...asked },
      date: new Date().toISOString(),
      machine,
      server: { url, ...aboutOf(info), ...serverOf(told) },
      ...{ seconds: round(seconds, 2), interrupted },
      publishers: arrivalsOf(options.publishers, publishers),
      viewers: {
        ...arrivalsOf(options.viewers, viewers),
        firstPictureMs: timingOf(viewers.map(({ firstPictureMs }) => firstPictureMs ?? Number.NaN)),
      },
      streams,
      together: { ...ours.together, ...togetherOf(streams) },
      generator: ours.generator,
      faults,
      ok:
        faults.length === 0 && publishers.length === options.publishers && viewers.length === options.viewers,
    };
  }

  /** What we saw of all streams, and of ourselves. */
  #ours(seconds: number): Pick<LoadResult, 'generator'> & { together: Seen } {
    const { publishers, viewers } = this.#crowd;
    const { user, system } = process.cpuUsage(this.#cpu);
    const now = performance.now();
    for (const viewer of viewers) this.#check(viewer, viewer.finish(now));
    for (const { stream, session } of publishers)
      if (!session.connected) this.#crowd.fault('publisher', stream, lost);
    const received = spreadOf(viewers.map(({ frames }) => frames / seconds));
    const latency = merged(viewers.map((viewer) => viewer.latency));
    return {
      together: { ...(received && { received }), latency },
      generator: {
        cpuPercent: round((user + system) / 1e4 / Math.max(seconds, 1e-3)),
        lateMs: merged(publishers.map(({ late }) => late)),
        rssMB: Math.round(process.memoryUsage.rss() / 1e6),
      },
    };
  }

  /** Whether a viewer is still shown something. */
  #check({ stream, session, frames }: Viewer, stillMs: number): void {
    const crowd = this.#crowd;
    if (!session.connected) crowd.fault('viewer', stream, lost);
    else if (frames === 0) crowd.fault('viewer', stream, blind);
    else if (stillMs > STILL_MS) crowd.fault('viewer', stream, still);
  }

  async #ask(): Promise<Told> {
    await this.#target.check(patience()).catch((error: unknown) => this.#crowd.fault('server', '', error));
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
}

const lost = new LivebrushError('The connection was lost while it was measured.');
const still = new LivebrushError(`Nothing came any more for the last ${STILL_MS / 1000} s or longer.`);
const blind = new LivebrushError('It was connected, but no whole picture came while it was measured.');

const arrivalsOf = (wanted: number, all: readonly (Publisher | Viewer)[]): Arrivals => ({
  ...{ wanted, came: all.length },
  twice: all.filter(({ session }) => session.attempts > 1).length,
  connectMs: timingOf(all.map(({ session }) => session.connectMs)),
});

const aboutOf = ({ version, engine, model }: ServerInfo) => ({ version, engine, model });
