import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BadInput, Conflict, LivebrushError, NotFound, Overloaded } from '../errors.js';
import { log } from '../log.js';
import { NAME } from '../models/style.js';
import { readCues, stylesOf } from '../pipeline/cues.js';
import type { MediaFile, MediaFiles } from './media-files.js';
import type { JobInfo, JobRequest, Share } from './protocol.js';
import { type Step, type Transcode, transcodeApart } from './transcoder.js';
import type { Uploads } from './uploads.js';

/** What jobs work with. */
export interface JobsOptions {
  readonly media: MediaFiles;
  readonly uploads: Uploads;
  /** Where results are kept until they are deleted, or newer ones take their place. */
  readonly folder: string;
  /** Jobs that run or wait. */
  readonly most: number;
  readonly model: string;
  readonly engine: string;
  /** The style of a job that names none. */
  readonly style: string;
  /** Whether the ffmpeg of this system can read files of strangers, held to its allow-lists. */
  readonly isolated: boolean;
  /** @throws NotFound when there is no such style. */
  readonly checkStyle: (name: string) => Promise<unknown>;
  readonly transcode?: Transcode;
}

/** Jobs that are over and remembered, with their results. */
const REMEMBERED = 20;
const ID = /^job-[0-9a-f]{24}$/;

type State = JobInfo['state'];

interface Job {
  readonly id: string;
  readonly request: JobRequest;
  readonly file: MediaFile;
  readonly shares: readonly Share[];
  readonly output: string;
  readonly created: string;
  readonly stop: AbortController;
  readonly hold: Disposable;
  state: State;
  frames: number;
  total: number | undefined;
  fps: number;
  problem: string | undefined;
}

/** A job's result. */
export interface JobOutput {
  readonly path: string;
  readonly name: string;
  readonly type: string;
}

const types = { mp4: 'video/mp4', mkv: 'video/x-matroska', webm: 'video/webm' } as const;

const over = ({ state }: Job) => state === 'done' || state === 'failed' || state === 'cancelled';

/** Transcodes, one at a time in the order they came, each in a process of its own. */
export class Jobs implements AsyncDisposable {
  readonly #options: JobsOptions;
  readonly #jobs = new Map<string, Job>();
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(options: JobsOptions) {
    this.#options = options;
  }

  list(): JobInfo[] {
    return [...this.#jobs.values()].map(infoOf).reverse();
  }

  /** @throws NotFound */
  get(id: string): JobInfo {
    return infoOf(this.#find(id));
  }

  /** @throws NotFound (video, style), BadInput (cues), Overloaded (too many wait). */
  async start(request: JobRequest): Promise<JobInfo> {
    const file = await this.#options.media.find(request.input);
    const shares = sharesOf(request, this.#options.style);
    for (const name of new Set([...shares.map(({ style }) => style), ...cueStyles(request)]))
      await this.#options.checkStyle(name);
    const waiting = [...this.#jobs.values()].filter((job) => !over(job)).length;
    if (this.#closed || waiting >= this.#options.most)
      throw new Overloaded(`${waiting} transcodes run or wait already.`, { retryAfterS: 30 });
    await mkdir(this.#options.folder, { recursive: true });
    const id = `job-${randomBytes(12).toString('hex')}`;
    const job: Job = {
      ...{ id, request, file, shares, created: new Date().toISOString(), stop: new AbortController() },
      ...{ output: join(this.#options.folder, `${id}.${request.container}`) },
      ...{ hold: this.#options.uploads.hold(request.input), state: 'queued', frames: 0, fps: 0 },
      ...{ total: undefined, problem: undefined },
    };
    this.#jobs.set(id, job);
    this.#running ??= this.#work().finally(() => {
      this.#running = undefined;
    });
    return infoOf(job);
  }

  /** Ends a job that runs or waits; forgets one that is over, with its result. @throws NotFound */
  async cancel(id: string): Promise<JobInfo> {
    const job = this.#find(id);
    if (over(job)) await this.#forget(job);
    else {
      job.stop.abort();
      if (job.state === 'queued') this.#end(job, 'cancelled');
    }
    return infoOf(job);
  }

  /** @throws NotFound; Conflict while it is not done. */
  output(id: string): JobOutput {
    const { state, output, request, file, shares } = this.#find(id);
    if (state !== 'done') throw new Conflict(`The job is ${state}: there is no result to fetch.`);
    const name = `${file.name.replace(/\.[^.]*$/, '')}-${shares[0]?.style ?? 'painted'}.${request.container}`;
    return { path: output, name, type: types[request.container] };
  }

  #find(id: string): Job {
    const job = ID.test(id) ? this.#jobs.get(id) : undefined;
    if (!job) throw new NotFound(`There is no job ${JSON.stringify(id.slice(0, 80))}.`);
    return job;
  }

  #end(job: Job, state: State, problem?: string): void {
    job.state = state;
    job.problem = problem;
    job.fps = 0;
    job.hold[Symbol.dispose]();
  }

  async #work(): Promise<void> {
    for (let job = this.#next(); job; job = this.#next()) {
      await this.#run(job);
      const done = [...this.#jobs.values()].filter(over);
      for (const old of done.slice(0, Math.max(0, done.length - REMEMBERED))) await this.#forget(old);
    }
  }

  #next(): Job | undefined {
    return this.#closed ? undefined : [...this.#jobs.values()].find(({ state }) => state === 'queued');
  }

  async #run(job: Job): Promise<void> {
    job.state = 'running';
    const { signal } = job.stop;
    const problem = await this.#transcode(job).then(
      () => undefined,
      (error: unknown) => {
        if (!signal.aborted && !(error instanceof LivebrushError))
          log.error({ err: error, job: job.id }, 'a job failed');
        return problemOf(error, job);
      },
    );
    if (problem === undefined) return this.#end(job, 'done');
    await rm(job.output, { force: true });
    if (signal.aborted) this.#end(job, 'cancelled');
    else this.#end(job, 'failed', problem);
  }

  async #transcode(job: Job): Promise<void> {
    const { folder, transcode = transcodeApart } = this.#options;
    const cwd = await mkdtemp(join(folder, 'work-'));
    try {
      const args = await this.#args(job, cwd);
      const onStep = ({ frames, total, fps }: Step) => {
        job.frames = frames;
        job.total = total ?? job.total;
        job.fps = fps;
      };
      await transcode({ args, cwd, signal: job.stop.signal, onStep });
    } finally {
      await rm(cwd, { recursive: true, force: true });
    }
  }

  async #args({ request, file, shares, output }: Job, cwd: string): Promise<string[]> {
    const { strength, keepColor, cues, codec, workHeight } = request;
    const { model, engine, isolated } = this.#options;
    const list = join(cwd, 'cues.json');
    if (cues) await writeFile(list, JSON.stringify(cues));
    return [
      ...[file.path, output, '--model', model, '--engine', engine, '--strength', String(strength)],
      ...shares.flatMap(({ style, weight }) => ['--style', `${style}:${weight}`]),
      ...(keepColor ? ['--keep-color'] : []),
      ...(cues ? ['--cues', list] : []),
      ...(codec ? ['--codec', codec] : []),
      ...(workHeight ? ['--work-size', String(workHeight)] : []),
      ...(isolated && !file.trusted ? ['--media', 'ffmpeg'] : []),
    ];
  }

  async #forget(job: Job): Promise<void> {
    this.#jobs.delete(job.id);
    await rm(job.output, { force: true });
  }

  /** Ends what runs and removes what was left of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const job of this.#jobs.values()) if (!over(job)) await this.cancel(job.id);
    await this.#running;
  }
}

function sharesOf({ style, cues }: JobRequest, standard: string): Share[] {
  if (style !== undefined) return typeof style === 'string' ? [{ style, weight: 1 }] : style;
  return cues && opens(cues) ? [] : [{ style: standard, weight: 1 }];
}

/** Whether a cue list says itself what comes first. */
const opens = (cues: readonly unknown[]) =>
  readCues(JSON.stringify(cues)).some(
    ({ at, frame, style }) => style !== undefined && (at === 0 || frame === 0),
  );

/** Styles of a cue list. @throws BadInput for one that is no name: a path must not lead anywhere. */
function cueStyles({ cues }: JobRequest): string[] {
  const names = cues ? stylesOf(readCues(JSON.stringify(cues))) : [];
  const odd = names.find((name) => !NAME.test(name));
  if (odd !== undefined)
    throw new BadInput(`The cue list names the style ${JSON.stringify(odd.slice(0, 80))}, which is no name.`);
  return names;
}

/** Why it failed, without paths of this machine. */
function problemOf(error: unknown, { file, output }: Job): string {
  if (!(error instanceof LivebrushError)) return 'The transcode failed; the log of the server says more.';
  return error.message.replaceAll(file.path, file.name).replaceAll(output, 'the result');
}

const infoOf = ({ id, request, file, state, frames, total, fps, created, problem }: Job): JobInfo => ({
  ...{ id, input: file.trusted ? request.input : file.name, state, frames, fps, created },
  ...(total === undefined ? {} : { total }),
  ...(problem === undefined ? {} : { problem }),
  ...(state === 'done' ? { output: `/api/jobs/${id}/output` } : {}),
});
