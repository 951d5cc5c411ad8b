import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BadInput, Conflict, LivebrushError } from '../errors.js';
import { NAME } from '../models/style.js';
import { readCues, stylesOf } from '../pipeline/cues.js';
import type { MediaFile, MediaFiles } from './media-files.js';
import type { JobInfo, JobRequest, Share } from './protocol.js';
import { Queue, type Task } from './queue.js';
import { type Step, type Transcode, transcodeApart } from './transcoder.js';
import { WorkFolder } from './work-folder.js';

/** What jobs work with. */
export interface JobsOptions {
  readonly media: MediaFiles;
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

interface Job extends Task {
  readonly request: JobRequest;
  readonly file: MediaFile;
  readonly shares: readonly Share[];
  readonly output: string;
  readonly hold: Disposable;
  frames: number;
  total: number | undefined;
  fps: number;
}

/** A job's result. */
export interface JobOutput {
  readonly path: string;
  readonly name: string;
  readonly type: string;
}

const types = { mp4: 'video/mp4', mkv: 'video/x-matroska', webm: 'video/webm' } as const;

/** Transcodes, one at a time in the order they came, each in a process of its own. */
export class Jobs implements AsyncDisposable {
  readonly #options: JobsOptions;
  readonly #queue: Queue<Job>;
  readonly #folder: WorkFolder;

  constructor(options: JobsOptions) {
    this.#options = options;
    this.#folder = new WorkFolder(options.folder);
    this.#queue = new Queue<Job>({
      ...{ prefix: 'job', what: 'transcodes', most: options.most, problemOf },
      run: (job) => this.#transcode(job),
      over: async (job, state) => {
        job.fps = 0;
        job.hold[Symbol.dispose]();
        if (state !== 'done') await rm(job.output, { force: true });
      },
      forgotten: ({ output }) => rm(output, { force: true }),
    });
  }

  /** The newest first. */
  list(): JobInfo[] {
    return this.#queue.all.map(infoOf).reverse();
  }

  /** @throws NotFound */
  get(id: string): JobInfo {
    return infoOf(this.#queue.find(id));
  }

  /** @throws NotFound (video, style), BadInput (cues), Overloaded (too many wait). */
  async start(request: JobRequest): Promise<JobInfo> {
    const { folder, media, style, checkStyle } = this.#options;
    const file = await media.find(request.input);
    const shares = sharesOf(request, style);
    for (const name of new Set([...shares.map((share) => share.style), ...cueStyles(request)]))
      await checkStyle(name);
    await this.#folder.open();
    const job = this.#queue.add((task) => ({
      ...{ ...task, request, file, shares, hold: file.hold() },
      ...{ output: join(folder, `${task.id}.${request.container}`), frames: 0, fps: 0, total: undefined },
    }));
    return infoOf(job);
  }

  /** Ends a job that runs or waits; forgets one that is over, with its result. @throws NotFound */
  async cancel(id: string): Promise<JobInfo> {
    return infoOf(await this.#queue.cancel(id));
  }

  /** @throws NotFound; Conflict while it is not done. */
  output(id: string): JobOutput {
    const { state, output, request, file, shares } = this.#queue.find(id);
    if (state !== 'done') throw new Conflict(`The job is ${state}: there is no result to fetch.`);
    const name = `${file.name.replace(/\.[^.]*$/, '')}-${shares[0]?.style ?? 'painted'}.${request.container}`;
    return { path: output, name, type: types[request.container] };
  }

  async #transcode(job: Job): Promise<void> {
    const { transcode = transcodeApart } = this.#options;
    await this.#folder.within('work-', async (cwd) => {
      const args = await this.#args(job, cwd);
      const onStep = ({ frames, total, fps }: Step) => {
        job.frames = frames;
        job.total = total ?? job.total;
        job.fps = fps;
      };
      await transcode({ args, cwd, signal: job.stop.signal, onStep });
    });
  }

  async #args({ request, file, shares, output }: Job, cwd: string): Promise<string[]> {
    const { strength, keepColor, steady, cues, codec, workHeight } = request;
    const { model, engine, isolated } = this.#options;
    const list = join(cwd, 'cues.json');
    if (cues) await writeFile(list, JSON.stringify(cues));
    return [
      ...[file.path, output, '--model', model, '--engine', engine, '--strength', String(strength)],
      ...shares.flatMap(({ style, weight }) => ['--style', `${style}:${weight}`]),
      ...(keepColor ? ['--keep-color'] : []),
      ...(steady > 0 ? ['--steady', String(steady)] : []),
      ...(cues ? ['--cues', list] : []),
      ...(codec ? ['--codec', codec] : []),
      ...(workHeight ? ['--work-size', String(workHeight)] : []),
      ...(isolated && !file.trusted ? ['--media', 'ffmpeg'] : []),
    ];
  }

  /** Ends what runs and removes what was left of it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#queue[Symbol.asyncDispose]();
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
