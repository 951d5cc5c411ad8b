import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Conflict, LivebrushError, NotFound } from '../errors.js';
import type { Frame } from '../pipeline/frame.js';
import { type GatherOptions, gather } from './gather.js';
import type { StreamInfo, TuningInfo, TuningRequest } from './protocol.js';
import { isOver, Queue, type Task } from './queue.js';
import type { Styles } from './styles.js';
import { type Tune, tuneApart } from './tuner.js';
import { WorkFolder } from './work-folder.js';

/** A stream to learn from. */
export interface Teacher {
  info(): Pick<StreamInfo, 'input'>;
  /** What comes in from now on, unpainted; each frame is the caller's. */
  incoming(signal: AbortSignal): AsyncIterable<Frame>;
}

/** What tunings work with. */
export interface TuningsOptions {
  readonly styles: Pick<Styles, 'checkTunable' | 'keepTuned'>;
  readonly stream: (name: string) => Teacher | undefined;
  /** Where pictures and trainings lie until they are over. */
  readonly folder: string;
  /** Tunings that run or wait. */
  readonly most: number;
  /** Whose styles they are. */
  readonly model: string;
  readonly tune?: Tune;
  readonly gather?: Partial<GatherOptions>;
}

interface Tuning extends Task {
  readonly request: TuningRequest;
  step: number;
  left: number | undefined;
}

/** A picture every half second for twelve seconds; a stream of few pictures may take longer. */
const GATHER: GatherOptions = { count: 24, least: 8, everyMs: 500, patienceMs: 60_000, side: 640 };

/** Styles that are tuned to their pictures while streams run, one at a time in the order they were asked for. */
export class Tunings implements AsyncDisposable {
  readonly #options: TuningsOptions;
  readonly #queue: Queue<Tuning>;
  readonly #folder: WorkFolder;

  constructor(options: TuningsOptions) {
    this.#options = options;
    this.#folder = new WorkFolder(options.folder);
    this.#queue = new Queue<Tuning>({
      ...{ prefix: 'tuning', what: 'tunings', most: options.most, problemOf },
      run: (tuning) => this.#run(tuning),
    });
  }

  /** The newest first. */
  list(): TuningInfo[] {
    return this.#queue.all.map(infoOf).reverse();
  }

  /** @throws NotFound */
  get(id: string): TuningInfo {
    return infoOf(this.#queue.find(id));
  }

  /** @throws NotFound (style, stream), Conflict (not one's own, under way, nothing comes in), Overloaded. */
  async start(request: TuningRequest): Promise<TuningInfo> {
    const { style, stream } = request;
    await this.#options.styles.checkTunable(style);
    const { input } = this.#teacher(stream).info();
    if (input.kind === 'card')
      throw new Conflict(`Nothing comes into the stream ${stream} that could be learnt from.`, {
        hint: 'Publish a camera, or choose an input.',
      });
    if (this.#of(style)) throw new Conflict(`The style ${style} is being tuned already.`);
    return infoOf(this.#queue.add((task) => ({ ...task, request, step: 0, left: undefined })));
  }

  /** Ends a tuning that runs or waits, which leaves the style as it is; forgets one that is over. @throws NotFound */
  async cancel(id: string): Promise<TuningInfo> {
    return infoOf(await this.#queue.cancel(id));
  }

  /** Ends the tuning of a style that is no more. */
  async forget(style: string): Promise<void> {
    const tuning = this.#of(style);
    if (tuning) await this.#queue.cancel(tuning.id);
  }

  #of(style: string): Tuning | undefined {
    return this.#queue.all.find((tuning) => tuning.request.style === style && !isOver(tuning));
  }

  #teacher(name: string): Teacher {
    const teacher = this.#options.stream(name);
    if (teacher) return teacher;
    throw new NotFound(`There is no stream ${JSON.stringify(name)}.`);
  }

  async #run(tuning: Tuning): Promise<void> {
    const { styles, model, tune = tuneApart } = this.#options;
    const { style, stream, steps } = tuning.request;
    const { signal } = tuning.stop;
    await this.#folder.within('tune-', async (cwd) => {
      const [content, out] = [join(cwd, 'frames'), join(cwd, 'made')];
      await mkdir(content);
      const teacher = this.#teacher(stream);
      await gather(
        (until) => teacher.incoming(until),
        content,
        { ...GATHER, ...this.#options.gather },
        signal,
      );
      const onStep = ({ step, left }: { step: number; left?: number }) => {
        tuning.step = step;
        tuning.left = left;
      };
      const args = [
        ...['--style', style, '--model', model, '--content', content, '--out', out],
        ...['--preset', 'live', '--steps', String(steps)],
      ];
      await tune({ args, cwd, signal, onStep });
      await styles.keepTuned(style, join(out, 'style.safetensors'));
    });
  }

  /** Ends what runs and removes what was left of it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#queue[Symbol.asyncDispose]();
  }
}

const problemOf = (error: unknown): string =>
  error instanceof LivebrushError ? error.message : 'The tuning failed; the log of the server says more.';

const infoOf = ({ id, request, state, step, left, created, problem }: Tuning): TuningInfo => ({
  ...{ id, style: request.style, stream: request.stream, state, step, steps: request.steps, created },
  ...(left === undefined || state !== 'running' ? {} : { left }),
  ...(problem === undefined ? {} : { problem }),
});
