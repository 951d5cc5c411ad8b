import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import writeFileAtomic from 'write-file-atomic';
import { LivebrushError, NotFound, Overloaded } from '../errors.js';
import { log } from '../log.js';
import { masked } from '../pipeline/address.js';
import type { Cue } from '../pipeline/cues.js';
import type { Tap } from '../pipeline/fanout.js';
import type { SoundPacket } from '../pipeline/live.js';
import { Meter } from '../pipeline/meter.js';
import { run } from '../pipeline/run.js';
import type { FrameSink } from '../pipeline/sink.js';
import { type LiveOutput, type LiveTarget, openLiveOutput } from '../pipeline/sinks/live.js';
import { supervise } from '../pipeline/supervise.js';
import type { OutputInfo, OutputRequest } from './protocol.js';

/** What the outputs of a stream take from it. */
export interface OutputParts {
  readonly stream: string;
  /** Paintings, or frames as they came, from now on. */
  tap(what: 'painted' | 'source'): Tap;
  onSound(take: (packet: SoundPacket) => void): Disposable;
  /** What was played between two times of the live clock. */
  cues(from: number, to: number): Cue[];
  /** Where recordings and HLS segments lie. */
  readonly folders: { readonly recordings: string; readonly hls: string };
  readonly onChange: () => void;
}

type State = OutputInfo['state'];

/** Outputs that one stream may have at once. */
const MOST = 8;

class Output {
  readonly id: string;
  state: State = 'starting';
  problem: string | undefined;
  readonly stop = new AbortController();
  readonly meter = new Meter();
  done: Promise<void> = Promise.resolve();
  bytes = 0;
  /** Times of the first and the last frame written, on the live clock. */
  readonly span = { from: Number.NaN, to: Number.NaN };

  constructor(
    readonly kind: OutputInfo['kind'],
    readonly target: string,
    readonly what: 'painted' | 'source',
    id = randomBytes(6).toString('hex'),
  ) {
    this.id = id;
  }

  get info(): OutputInfo {
    const { id, kind, target, state, meter, span, bytes, problem } = this;
    const seconds = Number.isNaN(span.from) ? 0 : Number(((span.to - span.from) / 1e6).toFixed(2));
    return {
      ...{ id, kind, target, state, frames: meter.frames, dropped: meter.dropped, seconds, bytes },
      ...(problem === undefined ? {} : { problem }),
    };
  }
}

/** Where a stream goes beside its viewers: files, HLS, other servers. */
export class Outputs implements AsyncDisposable {
  readonly #parts: OutputParts;
  readonly #outputs = new Map<string, Output>();

  constructor(parts: OutputParts) {
    this.#parts = parts;
  }

  get list(): OutputInfo[] {
    return [...this.#outputs.values()].map(({ info }) => info);
  }

  /** Whether one of them runs. */
  get busy(): boolean {
    return [...this.#outputs.values()].some(({ state }) => state !== 'ended' && state !== 'failed');
  }

  /** Whether one of them needs paintings. */
  get paint(): boolean {
    return [...this.#outputs.values()].some(
      ({ what, state }) => what === 'painted' && state !== 'ended' && state !== 'failed',
    );
  }

  /** @throws Overloaded when there are too many; NotFound, CannotWrite, Unsupported as the output says. */
  async add(request: OutputRequest): Promise<OutputInfo> {
    this.#tidy();
    const active = [...this.#outputs.values()].filter(({ state }) => state !== 'ended' && state !== 'failed');
    if (active.length >= MOST)
      throw new Overloaded(`A stream has at most ${MOST} outputs.`, { hint: 'Remove one of them first.' });
    if (request.kind === 'hls' && active.some(({ kind }) => kind === 'hls'))
      return active.find(({ kind }) => kind === 'hls')!.info;
    const { output, target } = await this.#plan(request);
    this.#outputs.set(output.id, output);
    const retry = request.kind === 'push';
    output.done = (retry ? this.#persist(output, target) : this.#write(output, target)).then(
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

  async #plan(request: OutputRequest): Promise<{ output: Output; target: LiveTarget }> {
    const { stream, folders } = this.#parts;
    if (request.kind === 'record') {
      await mkdir(folders.recordings, { recursive: true });
      const time = new Date().toISOString().replace(/[-:]/g, '').replace(/\..*/, '').replace('T', '-');
      const id = `${stream}-${time}-${request.what}-${randomBytes(2).toString('hex')}`;
      const file = `${id}.${request.container}`;
      const output = new Output('record', file, request.what, id);
      return { output, target: { kind: 'record', path: join(folders.recordings, file) } };
    }
    if (request.kind === 'hls') {
      const output = new Output('hls', `/${stream}/hls/index.m3u8`, 'painted');
      return { output, target: { kind: 'hls', folder: join(folders.hls, stream) } };
    }
    const kind = request.url.toLowerCase().startsWith('srt') ? 'srt' : 'rtmp';
    return {
      output: new Output(kind, masked(request.url), 'painted'),
      target: { kind: 'push', url: request.url },
    };
  }

  #persist(output: Output, target: LiveTarget): Promise<void> {
    return supervise(() => this.#write(output, target), {
      signal: output.stop.signal,
      onRetry: (error) => {
        output.state = 'retrying';
        output.problem = error instanceof Error ? error.message : String(error);
        this.#parts.onChange();
      },
    });
  }

  /** Writes frames as they come, until told to stop; then finishes, so that what was written stays. */
  async #write(output: Output, target: LiveTarget): Promise<void> {
    const { signal } = output.stop;
    await using tap = this.#parts.tap(output.what);
    const end = () => tap.newest.end();
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    let sink: LiveOutput | undefined;
    using _sound = this.#parts.onSound((packet) => sink?.sound(packet));
    const opening = async (width: number, height: number) => {
      sink ??= await openLiveOutput(target, { width, height });
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
          if (Number.isNaN(output.span.from)) output.span.from = timestamp;
          output.span.to = timestamp;
          await open.write(frame.clone());
          output.bytes = open.bytes;
        } finally {
          frame[Symbol.dispose]();
        }
      },
      finish: async () => {
        await sink?.finish();
        if (output.kind === 'record' && target.kind === 'record' && sink)
          await this.#saveCues(output, target.path);
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
    } finally {
      signal.removeEventListener('abort', end);
      await sink?.[Symbol.asyncDispose]();
    }
    if (!signal.aborted) throw new LivebrushError('The stream ended.');
  }

  async #saveCues(output: Output, path: string): Promise<void> {
    const cues = this.#parts.cues(output.span.from, output.span.to + 1);
    await writeFileAtomic(
      path.replace(/\.[a-z0-9]+$/, '.cues.json'),
      `${JSON.stringify(cues, undefined, 1)}\n`,
    );
  }

  #ended(output: Output, error?: unknown): void {
    const stopped = output.stop.signal.aborted;
    output.state = error && !stopped ? 'failed' : 'ended';
    if (error && !stopped) {
      output.problem = error instanceof Error ? error.message : String(error);
      log.warn({ err: error, output: output.id }, 'an output failed');
    }
    this.#parts.onChange();
  }

  /** Keeps the last few that are over, for people to read why. */
  #tidy(): void {
    const over = [...this.#outputs.values()].filter(({ state }) => state === 'ended' || state === 'failed');
    for (const { id } of over.slice(0, Math.max(0, over.length - MOST))) this.#outputs.delete(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { stop } of this.#outputs.values()) stop.abort();
    await Promise.all([...this.#outputs.values()].map(({ done }) => done));
    this.#outputs.clear();
  }
}
