import { mkdir, readdir, rm } from 'node:fs/promises';
import { extname, join, resolve } from 'node:path';
import { CannotWrite, NotFound, Unsupported } from '../../errors.js';
import { log } from '../../log.js';
import { masked, schemeOf } from '../address.js';
import { type Av, AvFailure } from '../codec/av.js';
import { Muxer } from '../codec/mux.js';
import type { Ratio, VideoCodec } from '../media.js';
import { cannotWrite, PartFile } from './part-file.js';

/** Where a live output goes. */
export type LiveTarget =
  /** A file: .mp4 (H.264, AAC), .mkv (H.264, Opus) or .webm (VP9, Opus). It has its name once it is finished. */
  | { readonly kind: 'record'; readonly path: string }
  /** A folder of its own, with `index.m3u8` and the newest segments; disposing removes it. */
  | { readonly kind: 'hls'; readonly folder: string }
  /** A server: rtmp, rtmps or srt. */
  | { readonly kind: 'push'; readonly url: string };

/** What a target holds, and how it is opened and left. */
export interface OpenTarget {
  /** How sentences call it. */
  readonly name: string;
  readonly muxer: Muxer;
  readonly codec: VideoCodec;
  readonly sound: 'aac' | 'opus';
  readonly timeBase: Ratio;
  readonly globalHeader: boolean;
  readonly keySeconds: number;
  readonly muxerOptions: Readonly<Record<string, string>>;
  /** Whether it is reached over a network, which may be stuck. */
  readonly remote: boolean;
  /** After the end was written. */
  finish(): Promise<void>;
  /** Has what was written stay without an end, where it plays so; `leave` comes next. */
  keep?(): void;
  /** Frees what is held and removes what should not stay. After `finish` only what never stays. */
  leave(): Promise<void>;
  /** A sentence about a failure. */
  failed(error: AvFailure, opening: boolean): Error;
}

/** How to open. */
export interface TargetOptions {
  readonly overwrite?: boolean;
  readonly openTimeoutMs: number;
  readonly stallTimeoutMs: number;
}

/** Bytes that a recording has at least once it shows a picture: headers take 88 (MP4) to 731 (Matroska). */
export const LEAST = 1024;

const MICROS: Ratio = { num: 1, den: 1_000_000 };
const TS_TICKS: Ratio = { num: 1, den: 90_000 };

/** @throws CannotWrite, Unsupported */
export async function openTarget(av: Av, target: LiveTarget, options: TargetOptions): Promise<OpenTarget> {
  if (target.kind === 'record') return openRecord(av, target.path, options);
  return target.kind === 'hls' ? openHls(av, target.folder) : openPush(av, target.url, options);
}

const files: Readonly<
  Record<string, Pick<OpenTarget, 'codec' | 'sound' | 'muxerOptions'> & { format: string }>
> = {
  '.mp4': {
    format: 'mp4',
    codec: 'h264',
    sound: 'aac',
    // In fragments while it grows, so that a killed recording plays; an ordinary file once it is finished.
    muxerOptions: { movflags: '+hybrid_fragmented+frag_keyframe', video_track_timescale: '1000000' },
  },
  '.mkv': { format: 'matroska', codec: 'h264', sound: 'opus', muxerOptions: {} },
  '.webm': { format: 'webm', codec: 'vp9', sound: 'opus', muxerOptions: {} },
};

async function openRecord(av: Av, path: string, { overwrite }: TargetOptions): Promise<OpenTarget> {
  const extension = extname(path).toLowerCase();
  const file = Object.hasOwn(files, extension) ? files[extension] : undefined;
  if (!file)
    throw new Unsupported(`Nothing is recorded to ${extension || path} files.`, {
      hint: `Use one of ${Object.keys(files).join(', ')}.`,
    });
  const part = await PartFile.open(path, overwrite);
  let kept = false;
  try {
    const muxer = await Muxer.open(av, part.path, file.format);
    return {
      ...file,
      // Or a killed process takes with it what waits in its buffer.
      muxerOptions: { ...file.muxerOptions, flush_packets: '1' },
      name: path,
      muxer,
      timeBase: MICROS,
      globalHeader: true,
      keySeconds: 2,
      remote: false,
      finish: () => part.commit(),
      keep: () => {
        kept = true;
      },
      leave: async () => {
        await muxer[Symbol.asyncDispose]();
        if (kept) await part.commitAsIs(LEAST).catch((err) => log.warn({ err }, 'a recording is lost'));
        await part[Symbol.asyncDispose]();
      },
      failed: (error) => cannotWrite(path, error, error.system),
    };
  } catch (error) {
    await part[Symbol.asyncDispose]();
    throw error instanceof AvFailure ? cannotWrite(path, error, error.system) : error;
  }
}

/** Segments in the playlist, and how many more are kept for players that are behind. */
const LISTED = 6;
const KEPT = 4;

async function openHls(av: Av, folder: string): Promise<OpenTarget> {
  const full = resolve(folder);
  try {
    await mkdir(full, { recursive: true });
    const there = await readdir(full);
    if (there.length) throw new CannotWrite(`${folder} is not empty: HLS wants a folder of its own.`);
  } catch (error) {
    throw cannotWrite(folder, error);
  }
  const remove = () => rm(full, { recursive: true, force: true }).catch(() => undefined);
  const muxer = Muxer.openFor(av, `file:${join(full, 'index.m3u8')}`, 'hls');
  return {
    name: folder,
    muxer,
    codec: 'h264',
    sound: 'aac',
    timeBase: TS_TICKS,
    globalHeader: false,
    keySeconds: 1,
    remote: false,
    muxerOptions: {
      hls_time: '1',
      hls_list_size: String(LISTED),
      hls_delete_threshold: String(KEPT),
      hls_flags: 'delete_segments+independent_segments+program_date_time+temp_file',
      hls_segment_filename: join(full.replaceAll('%', '%%'), 's%06d.ts'),
    },
    finish: async () => {},
    leave: async () => {
      await muxer[Symbol.asyncDispose]();
      await remove();
    },
    failed: (error) => cannotWrite(folder, error, error.system),
  };
}

const formats: Readonly<Record<string, string>> = { rtmp: 'flv', rtmps: 'flv', srt: 'mpegts' };

function openPush(av: Av, url: string, options: TargetOptions): OpenTarget {
  const name = masked(url);
  const scheme = schemeOf(url) ?? '';
  const format = Object.hasOwn(formats, scheme) ? formats[scheme] : undefined;
  if (!format)
    throw new Unsupported(`Nothing can be sent to ${name}: only to rtmp, rtmps and srt addresses.`);
  // Control characters and spaces are in no URL, and would end it early.
  if (/[\s\p{Cc}]/u.test(url)) throw new Unsupported(`${name} is not an address.`);
  const given = {
    f: format,
    rw_timeout: options.stallTimeoutMs * 1000,
    flush_packets: 1,
    ...(format === 'flv' ? { flvflags: 'no_duration_filesize' } : { connect_timeout: options.openTimeoutMs }),
  };
  const list = Object.entries(given).map(([key, value]) => `${key}=${value}`);
  // The format tee has one output here; it is the one that hands options on to the connection.
  const muxer = Muxer.openFor(av, `[${list.join(':')}]${url.replace(/[\\'|]/g, '\\$&')}`, 'tee');
  return {
    name,
    muxer,
    codec: 'h264',
    sound: 'aac',
    timeBase: format === 'flv' ? { num: 1, den: 1000 } : TS_TICKS,
    globalHeader: format === 'flv',
    keySeconds: 2,
    muxerOptions: {},
    remote: true,
    finish: async () => {},
    leave: () => muxer[Symbol.asyncDispose](),
    failed: (cause, opening) =>
      opening
        ? new NotFound(`${name} does not take the stream: ${cause.reason}.`, { cause })
        : new CannotWrite(`${name} no longer takes the stream: ${cause.reason}.`, { cause }),
  };
}
