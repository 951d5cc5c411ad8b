import { randomBytes } from 'node:crypto';
import { basename, dirname, resolve } from 'node:path';
import { masked } from '../pipeline/address.js';
import { Meter } from '../pipeline/meter.js';
import type { LiveTarget } from '../pipeline/sinks/live.js';
import type { OutputInfo, OutputRequest } from './protocol.js';

/** Where recordings and HLS segments lie. */
export interface OutputFolders {
  readonly recordings: string;
  readonly hls: string;
}

type State = OutputInfo['state'];

/** One place that a stream goes to. */
export class Output {
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
    /** Where that is. */
    readonly to: LiveTarget,
    id = randomBytes(6).toString('hex'),
  ) {
    this.id = id;
  }

  get over(): boolean {
    return this.state === 'ended' || this.state === 'failed';
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

/** An output as it is asked for, not begun. */
export function planOutput(
  request: OutputRequest,
  { stream, folders }: { readonly stream: string; readonly folders: OutputFolders },
): Output {
  if (request.kind === 'record') {
    const time = new Date().toISOString().replace(/[-:]/g, '').replace(/\..*/, '').replace('T', '-');
    const id = `${stream}-${time}-${request.what}-${randomBytes(2).toString('hex')}`;
    const file = `${id}.${request.container}`;
    const path = resolve(folders.recordings, file);
    return new Output('record', file, request.what, { kind: 'record', path }, id);
  }
  if (request.kind === 'hls') {
    // Of its own: one that ends, of a stream of the same name too, removes what it leaves.
    const folder = resolve(folders.hls, `${stream}-${randomBytes(6).toString('hex')}`);
    return new Output('hls', `/${stream}/hls/index.m3u8`, 'painted', { kind: 'hls', folder });
  }
  const { url } = request;
  const kind = url.toLowerCase().startsWith('srt') ? 'srt' : 'rtmp';
  return new Output(kind, masked(url), 'painted', { kind: 'push', url });
}

/** Why it failed, without paths of this machine. */
export function problemOf(error: unknown, { to, target }: Output): string {
  const words = error instanceof Error ? error.message : String(error);
  if (to.kind === 'push') return words;
  const path = to.kind === 'hls' ? to.folder : to.path;
  return words.replaceAll(path, target).replaceAll(dirname(path), basename(dirname(path)));
}
