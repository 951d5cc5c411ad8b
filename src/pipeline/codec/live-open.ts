import { resolve } from 'node:path';
import type { FormatContext } from 'node-av/lib';
import { BadInput, Interrupted, NotFound, Unsupported } from '../../errors.js';
import { masked, schemeOf } from '../address.js';
import { allowedDecoders, DEMUXERS } from '../ffmpeg/allow.js';
import { checkFile } from '../ffmpeg/check-file.js';
import { type Av, code, reason } from './av.js';

/** What FFmpeg may use for an address, and how it is asked to. */
interface Scheme {
  readonly kind: string;
  readonly protocols: string;
  readonly formats: string;
  /** Whether it can be waited at for a publisher, and by which option. */
  readonly listen?: Readonly<Record<string, string>>;
  readonly options?: Readonly<Record<string, string>>;
  /** Whether it could be read at any pace and is played at its own. */
  readonly paced: boolean;
  /** Milliseconds without anything after which it counts as broken. */
  readonly stallMs: number;
}

/** A live stream is described within two seconds, or by what has come until then. */
const QUICK = { analyzeduration: '2000000', probesize: '2000000', fpsprobesize: '2' };
/** Whoever connects and then says nothing for so long, in microseconds, does not keep others out. */
const SILENCE = { rw_timeout: '10000000' };
const rtmp: Scheme = {
  kind: 'rtmp',
  protocols: 'rtmp,tcp',
  formats: 'flv,live_flv',
  listen: { listen: '1', ...SILENCE },
  options: QUICK,
  paced: false,
  stallMs: 5000,
};
const rtsp: Scheme = {
  kind: 'rtsp',
  protocols: 'rtsp,tcp',
  formats: 'rtsp,mpegts',
  options: { ...QUICK, rtsp_transport: 'tcp' },
  paced: false,
  stallMs: 5000,
};
/** A playlist may name other addresses of the web, and nothing else: no files, no other protocols. */
const http: Scheme = {
  kind: 'hls',
  protocols: 'http,https,tcp,tls,crypto',
  formats: ['hls', 'aac', 'mp3', ...DEMUXERS].join(','),
  options: { analyzeduration: '5000000', probesize: '5000000', max_redirects: '5' },
  paced: true,
  // A playlist grows by a segment at a time, and those may last ten seconds.
  stallMs: 20_000,
};
const file: Scheme = {
  kind: 'file',
  protocols: 'file',
  formats: DEMUXERS.join(','),
  paced: true,
  stallMs: Number.POSITIVE_INFINITY,
};

const schemes: Readonly<Record<string, Scheme>> = {
  rtmp,
  rtmps: { ...rtmp, protocols: 'rtmps,rtmp,tls,tcp' },
  rtsp,
  rtsps: { ...rtsp, protocols: 'rtsps,rtsp,tls,tcp' },
  srt: {
    ...rtmp,
    kind: 'srt',
    protocols: 'srt',
    formats: 'mpegts',
    listen: { mode: 'listener' },
  },
  http,
  // Nor to what is not encrypted, as the services of a cloud are that only its machines may ask.
  https: { ...http, protocols: 'https,tcp,tls,crypto' },
};

/**
 * How an address is read.
 * @throws Unsupported for a scheme that is not known, or cannot be listened at.
 */
export function schemeFor(address: string, listen: boolean): Scheme {
  const name = schemeOf(address);
  const scheme = name === undefined ? file : Object.hasOwn(schemes, name) ? schemes[name]! : undefined;
  if (!scheme)
    throw new Unsupported(`${masked(address)} cannot be opened: ${name} is no scheme for video here.`, {
      hint: `Use ${Object.keys(schemes).join(', ')} or the path of a file.`,
    });
  if (listen && !scheme.listen)
    throw new Unsupported(`Nobody can be waited for at ${masked(address)}: only rtmp and srt can listen.`);
  return scheme;
}

/** How to open. */
export interface OpenOptions {
  readonly scheme: Scheme;
  readonly listen: boolean;
  readonly timeoutMs: number;
  /** What messages call it. */
  readonly name: string;
  /** What FFmpeg opens in place of the address, and is told besides: for a relay that lets addresses pass or not. */
  readonly instead?:
    | { readonly address: string; readonly options: Readonly<Record<string, string>> }
    | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Opens an address and finds its streams, within a time. Close with `closeInput`.
 * @throws NotFound (no file, nobody answers), BadInput (no media), Interrupted.
 */
export async function openLiveFormat(av: Av, address: string, options: OpenOptions): Promise<FormatContext> {
  const { scheme, listen, timeoutMs, name, instead, signal } = options;
  if (signal?.aborted) throw new Interrupted();
  if (scheme.kind === 'file') await checkFile(address, name);
  const format = new av.FormatContext();
  format.allocContext();
  let late = false;
  const interrupt = () => format.interrupt();
  const timeout = () => {
    late = true;
    interrupt();
  };
  const timer = Number.isFinite(timeoutMs) ? setTimeout(timeout, timeoutMs) : undefined;
  signal?.addEventListener('abort', interrupt, { once: true });
  const failed = (result: number): Error => {
    if (signal?.aborted) return new Interrupted();
    if (late) return silent(name, timeoutMs, listen);
    return unreadable(av, { name, file: scheme.kind === 'file' }, result);
  };
  try {
    const given = av.Dictionary.fromObject({
      ...limits(scheme),
      ...(listen ? scheme.listen : {}),
      ...instead?.options,
    });
    const url = scheme.kind === 'file' ? `file:${resolve(address)}` : (instead?.address ?? address);
    const opened = await format.openInput(url, null, given);
    if (opened < 0 || late || signal?.aborted) throw failed(opened);
    const found = await format.findStreamInfo(null);
    if (found < 0 || late || signal?.aborted) throw failed(found);
    return format;
  } catch (error) {
    await format.closeInput();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', interrupt);
  }
}

/** What FFmpeg may do for an address: allow-lists, for a stream decides by its content what reads it. */
const limits = ({ protocols, formats, options }: Scheme): Record<string, string> => ({
  ...options,
  protocol_whitelist: protocols,
  format_whitelist: formats,
  codec_whitelist: allowedDecoders,
  max_streams: '64',
});

const silent = (name: string, timeoutMs: number, listen: boolean): Error =>
  new NotFound(
    listen
      ? `Nobody published to ${name} within ${timeoutMs / 1000} seconds.`
      : `${name} did not answer within ${timeoutMs / 1000} seconds.`,
  );

function unreadable(av: Av, { name, file }: { name: string; file: boolean }, result: number): Error {
  if (file || result === code.invalidData)
    return new BadInput(`${name} is not a video, or is damaged beyond reading.`);
  return new NotFound(`${name} cannot be opened: ${reason(av, result)}.`);
}
