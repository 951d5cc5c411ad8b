import { mkdir } from 'node:fs/promises';
import { CannotWrite, LivebrushError, NotFound, Overloaded } from '../errors.js';
import { log } from '../log.js';
import type { Hardware } from '../pipeline/codec/hardware/hardware.js';
import type { Cue } from '../pipeline/cues.js';
import type { Tap } from '../pipeline/fanout.js';
import type { SoundPacket } from '../pipeline/live.js';
import { run } from '../pipeline/run.js';
import type { FrameSink } from '../pipeline/sink.js';
import { type LiveOutput, openLiveOutput } from '../pipeline/sinks/live.js';
import { supervise } from '../pipeline/supervise.js';
import { CueFile } from './cue-file.js';
import { type Output, type OutputFolders, planOutput, problemOf } from './output.js';
import type { OutputInfo, OutputRequest } from './protocol.js';

/** What the outputs of a stream take from it. */
export interface OutputParts {
  readonly stream: string;
  /** Paintings, or frames as they came, from now on. */
  tap(what: 'painted' | 'source'): Tap;
  onSound(take: (packet: SoundPacket) => void): Disposable;
  /** What was played between two times of the live clock. */
  cues(from: number, to: number): Cue[];
  readonly folders: OutputFolders;
  /** Encodes H.264 where it can. */
  readonly hardware?: Hardware | undefined;
  readonly onChange: () => void;
}

/** Outputs that one stream may have at once. */
const MOST = 8;

/** Where a stream goes beside its viewers: files, HLS, other servers. */
export class Outputs implements AsyncDisposable {
  readonly #parts: OutputParts;
  readonly #outputs = new Map<string, Output>();
  #closed = false;

  constructor(parts: OutputParts) {
    this.#parts = parts;
  }

  get list(): OutputInfo[] {
    return [...this.#outputs.values()].map(({ info }) => info);
  }

  /** Whether one of them runs. */
  get busy(): boolean {
    return this.#active.length > 0;
  }

  /** Whether one of them needs paintings. */
  get paint(): boolean {
    return this.#active.some(({ what }) => what === 'painted');
  }

  get #active(): Output[] {
    return [...this.#outputs.values()].filter(({ over }) => !over);
  }

  /** The one that serves HLS; one that is told to stop does so no more. */
  get #hls(): Output | undefined {
    return this.#active.find(({ kind, stop }) => kind === 'hls' && !stop.signal.aborted);
  }

  /** The one that does already what is asked for: HLS, or a recording of the same kind that another panel began. */
  #same(request: OutputRequest): Output | undefined {
    if (request.kind === 'hls') return this.#hls;
    if (request.kind === 'push') return undefined;
    return this.#active.find(
      ({ kind, what, target, stop }) =>
        kind === 'record' &&
        what === request.what &&
        target.endsWith(`.${request.container}`) &&
        !stop.signal.aborted,
    );
  }

  /** Where HLS is kept, while it is served. */
  get hls(): string | undefined {
    const to = this.#hls?.to;
    return to?.kind === 'hls' ? to.folder : undefined;
  }

  /** @throws Overloaded when there are too many; CannotWrite (folder of recordings); NotFound after the end. */
  async add(request: OutputRequest): Promise<OutputInfo> {
    if (request.kind === 'record') await this.#makeFolder();
    // Nothing is waited for from here on: two that ask for the same at once get one output.
    if (this.#closed) throw new NotFound(`The stream ${this.#parts.stream} is over.`);
    this.#tidy();
    const same = this.#same(request);
    if (same) return same.info;
    if (this.#active.length >= MOST)
      throw new Overloaded(`A stream has at most ${MOST} outputs.`, { hint: 'Remove one of them first.' });
    const output = planOutput(request, this.#parts);
    this.#outputs.set(output.id, output);
    output.done = (request.kind === 'push' ? this.#persist(output) : this.#write(output)).then(
      () => this.#ended(output),
      (error: unknown) => this.#ended(output, error),
    );
    this.#parts.onChange();
    return output.info;
  }

  /** Ends an output, finished as far as it came. @throws NotFound */
  async remove(id: string): Promise<OutputInfo> {
    const output = this.#outputs.get(id);
    if (!output) throw new NotFound(`There is no output ${id}.`);
    output.stop.abort();
    await output.done;
    this.#outputs.delete(id);
    this.#parts.onChange();
    return output.info;
  }

  /** Where that is stays in the log: who asks may be elsewhere. @throws CannotWrite */
  async #makeFolder(): Promise<void> {
    const { recordings } = this.#parts.folders;
    try {
      await mkdir(recordings, { recursive: true });
    } catch (cause) {
      log.warn({ err: cause, folder: recordings }, 'the folder of recordings cannot be made');
      throw new CannotWrite('The folder of recordings cannot be made.', {
        hint: "See the setting recordings.folder; the server's log says more.",
        cause,
      });
    }
  }

  #persist(output: Output): Promise<void> {
    return supervise(() => this.#write(output), {
      signal: output.stop.signal,
      onRetry: (error) => {
        output.state = 'retrying';
        output.problem = problemOf(error, output);
        this.#parts.onChange();
      },
    });
  }

  /** Writes frames as they come, until told to stop; then finishes, so that what was written stays. */
  async #write(output: Output): Promise<void> {
    const { to, span } = output;
    const { signal } = output.stop;
    await using cues = to.kind === 'record' ? this.#cueFile(to.path, span) : undefined;
    await using tap = this.#parts.tap(output.what);
    const end = () => tap.newest.end();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    let sink: LiveOutput | undefined;
    using _sound = this.#parts.onSound((packet) => sink?.sound(packet));
    const opening = async (width: number, height: number) => {
      sink ??= await openLiveOutput(to, { width, height, hardware: this.#parts.hardware });
      output.state = 'running';
      output.problem = undefined;
      this.#parts.onChange();
      return sink;
    };
    const first: FrameSink = {
      write: async (frame) => {
        const { timestamp, width, height } = frame;
        try {
          const open = sink ?? (await opening(width, height));
          if (Number.isNaN(span.from)) span.from = timestamp;
          span.to = timestamp;
          await open.write(frame.clone());
          cues?.begin();
          output.bytes = open.bytes;
        } finally {
          frame[Symbol.dispose]();
        }
      },
      finish: async () => {
        await sink?.finish();
        if (sink) await cues?.finish();
      },
      async [Symbol.asyncDispose]() {},
    };
    try {
      await run({
        source: tap,
        stages: [],
        sink: first,
        signal: new AbortController().signal,
        meter: output.meter,
      });
    } catch (error) {
      sink?.keep();
      // A list that cannot be written now is kept as it was.
      if (sink) await cues?.finish().catch(() => cues.stay());
      throw error;
    } finally {
      signal.removeEventListener('abort', end);
      await sink?.[Symbol.asyncDispose]();
    }
    if (!signal.aborted) throw new LivebrushError('The stream ended.');
  }

  #cueFile(recording: string, span: Output['span']): CueFile {
    const path = recording.replace(/\.[a-z0-9]+$/, '.cues.json');
    return new CueFile(path, () => this.#parts.cues(span.from, span.to + 1));
  }

  #ended(output: Output, error?: unknown): void {
    const stopped = output.stop.signal.aborted;
    output.state = error && !stopped ? 'failed' : 'ended';
    if (error && !stopped) {
      output.problem = problemOf(error, output);
      log.warn({ err: error, output: output.id }, 'an output failed');
    }
    this.#parts.onChange();
  }

  /** Keeps the last few that are over, for people to read why. */
  #tidy(): void {
    const over = [...this.#outputs.values()].filter((output) => output.over);
    for (const { id } of over.slice(0, Math.max(0, over.length - MOST))) this.#outputs.delete(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const { stop } of this.#outputs.values()) stop.abort();
    await Promise.all([...this.#outputs.values()].map(({ done }) => done));
    this.#outputs.clear();
  }
}
