import type { StreamInfo } from '../server/protocol.js';
import { round, spreadOf } from './figures.js';
import type { Growth, Sample } from './prometheus.js';
import type { LoadResult, ServerResult, StreamResult } from './result.js';

/** What the server told between two looks at its numbers. */
export interface Told {
  /** Left out where it did not show them. */
  readonly growth: Growth | undefined;
  readonly after: readonly Sample[];
  /** Seconds between them. */
  readonly seconds: number;
}

/** What the server needed. */
export function serverOf({ growth, after, seconds }: Told): Pick<ServerResult, 'cpuPercent' | 'rssMB'> {
  const cpu = growth?.sum('process_cpu_seconds_total');
  const rss = after.find(({ name }) => name === 'process_resident_memory_bytes')?.value;
  return {
    ...(cpu !== undefined && { cpuPercent: round((100 * cpu) / seconds) }),
    ...(rss !== undefined && { rssMB: Math.round(rss / 1e6) }),
  };
}

type OfServer = Pick<StreamResult, 'arrived' | 'painted' | 'dropped' | 'hitRate' | 'work' | 'level'>;

/** What the server tells of a stream. */
export function streamOf(stream: string, told: Told, info: StreamInfo | undefined): OfServer {
  const { growth, seconds } = told;
  const of = (name: string) => growth?.sum(`livebrush_frames_${name}_total`, { stream });
  const [arrived, painted] = [of('in'), of('out')];
  const dropped = growth?.of('livebrush_frames_dropped_total', { stream });
  const hitRate = hitRateOf(stream, told);
  const { width, height, level } = info?.degraded ?? {};
  return {
    ...(arrived !== undefined && { arrived: round(arrived / seconds) }),
    ...(painted !== undefined && { painted: round(painted / seconds) }),
    ...(dropped && {
      dropped: Object.fromEntries(dropped.map(({ labels, value }) => [labels.reason ?? '', value])),
    }),
    ...(hitRate !== undefined && { hitRate }),
    ...(width && height ? { work: `${width}x${height}`, level: level ?? 0 } : {}),
  };
}

/** Share of the frames that came that were handed on in time, where the server counts them; else as it stands now. */
function hitRateOf(stream: string, { growth, after }: Told): number | undefined {
  const onTime = growth?.sum('livebrush_frames_on_time_total', { stream });
  const came = growth?.sum('livebrush_frames_in_total', { stream });
  if (onTime !== undefined && came) return round(Math.min(1, onTime / came), 3);
  return after.find(({ name, labels }) => name === 'livebrush_hit_ratio' && labels.stream === stream)?.value;
}

type OfStreams = Omit<LoadResult['together'], 'received' | 'latency'>;

/** Figures of all streams together. */
export function togetherOf(streams: readonly StreamResult[]): OfStreams {
  const known = <T>(values: readonly (T | undefined)[]) => values.filter((value) => value !== undefined);
  const published = spreadOf(streams.map((one) => one.published));
  const painted = spreadOf(known(streams.map((one) => one.painted)));
  const drops = known(streams.map(({ dropped }) => dropped));
  const rates = known(streams.map(({ hitRate }) => hitRate));
  return {
    ...(published && { published }),
    ...(painted && { painted }),
    ...(drops.length > 0 && { dropped: added(drops) }),
    ...(rates.length > 0 && { hitRate: round(rates.reduce((sum, rate) => sum + rate, 0) / rates.length, 3) }),
    freezes: streams.reduce((sum, { freezes }) => sum + freezes, 0),
    longestGapMs: Math.max(0, ...streams.map(({ longestGapMs }) => longestGapMs)),
  };
}

function added(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const one of counts)
    for (const [name, value] of Object.entries(one)) sum[name] = (sum[name] ?? 0) + value;
  return sum;
}
