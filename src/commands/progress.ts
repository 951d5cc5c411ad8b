import type { SingleBar } from 'cli-progress';
import { print, tell } from '../log.js';

/** Tells how far a command has come. */
export interface Progress {
  /** @param fps of the last moments; 0 when it is not known yet. @param also numbers to show beside, such as a loss. */
  update(done: number, fps: number, also?: Readonly<Record<string, number>>): void;
  /** Ends it; harmless when called twice. */
  stop(): void;
}

/** What is counted, and for whom. */
export interface ProgressOptions {
  /** How many there will be, if anyone knows. */
  readonly total: number | undefined;
  /** What is counted: `frames`, `pictures`. */
  readonly unit: string;
  /** What a rate is called: `fps` unless told otherwise, for what are no frames. */
  readonly rate?: string;
  readonly json?: boolean;
}

/** At most one line in this time, in milliseconds. */
const LINE_EVERY_MS = 2000;

/** Seconds as `0:07`, `12:34`, `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  const tail = two(whole % 60);
  return minutes < 60 ? `${minutes}:${tail}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${tail}`;
}

/** Seconds until the end; undefined while nobody can tell. */
const etaOf = (done: number, total: number | undefined, fps: number) =>
  total === undefined || fps <= 0 ? undefined : Math.max(0, total - done) / fps;

function lines({ total, unit, rate = 'fps', json }: ProgressOptions): Progress {
  let last = performance.now();
  const write = json ? print : tell;
  return {
    update(done, fps, also) {
      if (performance.now() - last < LINE_EVERY_MS) return;
      last = performance.now();
      const eta = etaOf(done, total, fps);
      write(
        JSON.stringify({
          progress: {
            [unit]: done,
            ...(total === undefined ? {} : { of: Math.max(total, done) }),
            [rate]: Number(fps.toFixed(2)),
            ...(eta === undefined ? {} : { etaSeconds: Math.round(eta) }),
            ...also,
          },
        }),
      );
    },
    stop() {},
  };
}

function bar(single: SingleBar, { total, unit }: ProgressOptions): Progress {
  const payload = (done: number, fps: number, numbers: Readonly<Record<string, number>> = {}) => {
    const eta = etaOf(done, total, fps);
    const also = Object.entries(numbers).map(([name, value]) => `  ${name} ${value}`);
    return {
      ...{ unit, rate: fps > 0 ? fps.toFixed(1) : '–', left: eta === undefined ? '–' : clock(eta) },
      also: also.join(''),
    };
  };
  single.start(total ?? 0, 0, payload(0, 0));
  return {
    update(done, fps, also) {
      // A total is an estimate for some files: the bar grows rather than overflow.
      if (done > single.getTotal()) single.setTotal(done);
      single.update(done, payload(done, fps, also));
    },
    stop: () => single.stop(),
  };
}

/** A bar on a terminal; JSON lines otherwise: on standard output with `--json`, else on standard error. */
export async function openProgress(options: ProgressOptions): Promise<Progress> {
  if (options.json || !process.stderr.isTTY) return lines(options);
  const { SingleBar } = (await import('cli-progress')).default;
  const { rate = 'fps' } = options;
  const format = options.total
    ? `{bar} {percentage} %  {value}/{total} {unit}  {rate} ${rate}  {left} left{also}`
    : `{value} {unit}  {rate} ${rate}{also}`;
  const single = new SingleBar({
    format,
    barsize: 28,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    hideCursor: true,
    gracefulExit: false,
    emptyOnZero: true,
    stream: process.stderr,
  });
  return bar(single, options);
}
