import type { Spread, Timing } from '../loadtest/figures.js';
import type { Arrivals, Fault, LoadNow, LoadResult, StreamResult } from '../loadtest/result.js';
import { print, tell } from '../log.js';

/** One line in this time where there is no terminal, in milliseconds. */
const LINE_EVERY_MS = 2000;

const ms = ({ count, p50, p95, p99 }: Timing): string =>
  count === 0 ? '–' : [p50, p95, p99].map((value) => value!.toFixed(0)).join(' / ');
const fps = (value: number | undefined): string => (value === undefined ? '–' : value.toFixed(1));
const spread = (value: Spread | undefined): string =>
  value === undefined ? '–' : [value.min, value.median, value.max].map((it) => it.toFixed(1)).join(' / ');
const percent = (share: number | undefined): string =>
  share === undefined ? '–' : `${(100 * share).toFixed(1)} %`;
const drops = (dropped: Readonly<Record<string, number>> | undefined): string => {
  const some = Object.entries(dropped ?? {}).filter(([, count]) => count > 0);
  if (some.length === 0) return dropped ? '0' : '–';
  return some.map(([reason, count]) => `${reason} ${count}`).join(', ');
};

/** Rows in columns: the first to the left, all others to the right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const cell = (text: string, i: number) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!));
  return rows.map((row) => row.map(cell).join('  ').trimEnd());
}

/** How a test stands, in a line. */
function lineOf({ seconds, of, streams, viewers, published, received, latency, freezes }: LoadNow): string {
  const frozen = freezes > 0 ? `, ${freezes} freezes` : '';
  return (
    `${seconds.toFixed(0)} of ${of} s: ${streams} streams, ${viewers} viewers, ` +
    `${fps(published)} frames/s sent, ${fps(received)} received, latency ${ms(latency)} ms${frozen}`
  );
}

/** Tells how a test goes: one line that is written anew on a terminal, JSON lines otherwise. */
export function openLive(json: boolean): {
  step(text: string): void;
  now(now: LoadNow): void;
  stop(): void;
} {
  const terminal = !json && process.stderr.isTTY;
  const clear = () => void (terminal && process.stderr.write('\r\u001b[K'));
  let last = Number.NEGATIVE_INFINITY;
  return {
    step(text) {
      if (terminal) process.stderr.write(`\r\u001b[K${text} …`);
      else if (!json) tell(`${text} …`);
    },
    now(now) {
      if (terminal) {
        process.stderr.write(
          `\r\u001b[K${lineOf(now).slice(0, Math.max(20, (process.stderr.columns || 80) - 1))}`,
        );
        return;
      }
      if (performance.now() - last < LINE_EVERY_MS) return;
      last = performance.now();
      (json ? print : tell)(JSON.stringify({ progress: now }));
    },
    stop: clear,
  };
}

const head = [
  ...['stream', 'sent', 'painted', 'received min/med/max', 'latency p50/p95/p99', 'dropped', 'in time'],
  ...['freezes', 'painted at'],
];

const rowOf = (name: string, stream: StreamResult): string[] => [
  ...[name, fps(stream.published), fps(stream.painted), spread(stream.received), ms(stream.latency)],
  ...[drops(stream.dropped), percent(stream.hitRate), String(stream.freezes)],
  stream.work === undefined ? '–' : `${stream.work}${stream.level ? ` (−${stream.level})` : ''}`,
];

function togetherOf({ together }: LoadResult): string[] {
  const { published, painted, received, latency, dropped, hitRate, freezes } = together;
  return [
    ...['together', fps(published?.median), fps(painted?.median), spread(received), ms(latency)],
    ...[drops(dropped), percent(hitRate), String(freezes), ''],
  ];
}

const cameIn = (who: string, { wanted, came, twice, connectMs: { count, p50, p95 } }: Arrivals): string =>
  `${came} of ${wanted} ${who}${count > 0 ? `, connected in ${p50} ms (p50), ${p95} ms (p95)` : ''}${twice > 0 ? `, ${twice} at the second attempt` : ''}`;

/** Faults by their words: the same one of many is told once. */
function faultLines(faults: readonly Fault[]): string[] {
  const found = new Map<string, { readonly fault: Fault; count: number }>();
  for (const fault of faults) {
    const key = `${fault.part} ${fault.message}`;
    const known = found.get(key) ?? { fault, count: 0 };
    known.count++;
    found.set(key, known);
  }
  return [...found.values()].flatMap(({ fault: { part, stream, message, hint, fullForS }, count }) => [
    `${fullForS === undefined ? '' : 'the server is full: '}${count > 1 ? `${count} ${part}s` : stream ? `${part} of ${stream}` : part}: ${message}`,
    ...(hint ? [`  ${hint}`] : []),
    ...(fullForS ? [`  It says to ask again in ${fullForS} s.`] : []),
  ]);
}

/** Share of one core beyond which the generator is suspected of being what is slow. */
const BUSY_PERCENT = 85;
const LATE_MS = 20;

function generatorLines({ generator: { cpuPercent, lateMs, rssMB } }: LoadResult): string[] {
  const late = lateMs.count > 0 ? `, its pictures left ${lateMs.p95} ms late (p95)` : '';
  const line = `this load generator: ${cpuPercent} % of a core, ${rssMB} MB${late}`;
  return cpuPercent > BUSY_PERCENT || (lateMs.p95 ?? 0) > LATE_MS
    ? [
        line,
        '  It was at its limit: these figures are its own as much as the server’s. Take fewer, or another machine.',
      ]
    : [line];
}

/** Prints what was found, for people. */
export function printResult(result: LoadResult): void {
  const { server, machine, streams, publishers, viewers, seconds, interrupted, loadtest: asked } = result;
  print(
    `${server.url}, Livebrush ${server.version}, ${server.model} on ${server.engine}; ${machine.cpu}, ${machine.cores} cores, load before ${machine.loadBefore.join(' ')}, Node ${machine.node}`,
  );
  print(
    `${asked.width}x${asked.height}, ${asked.fps} frames/s, ${asked.codec}, ${seconds.toFixed(1)} s${interrupted ? ' (interrupted)' : ''}`,
  );
  const { count, p50, p95 } = viewers.firstPictureMs;
  print(cameIn('publishers', publishers));
  print(cameIn('viewers', viewers) + (count > 0 ? `, first picture after ${p50} ms, ${p95} ms` : ''));
  if (streams.length > 0) {
    const rows = streams.map((stream) =>
      rowOf([stream.stream, ...stream.styles.slice(0, 1)].join(' '), stream),
    );
    print();
    for (const line of columns([head, ...rows, togetherOf(result)])) print(line);
    print('frames a second; latency in ms from a picture’s sending to its painting’s coming; – is not told');
  }
  print();
  if (server.cpuPercent !== undefined)
    print(`the server: ${server.cpuPercent} % of a core, ${server.rssMB ?? '–'} MB`);
  for (const line of generatorLines(result)) print(line);
  for (const line of faultLines(result.faults)) tell(`livebrush: ${line}`);
}
