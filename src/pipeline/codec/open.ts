import { resolve } from 'node:path';
import type { FormatContext, Stream } from 'node-av/lib';
import { BadInput, Interrupted, NotFound } from '../../errors.js';
import { checkFile } from '../ffmpeg/check-file.js';
import { type Av, code, reason } from './av.js';

/** `http://…`, `rtsp://…`: anything else is a path, even when it looks like one of FFmpeg's protocols. */
export const isUrl = (path: string): boolean => /^[a-z][a-z0-9+.-]+:\/\//i.test(path);

/** Formats that FFmpeg takes for video, although they are text or a single picture. */
const noVideo = /^(tty|bin|xbin|adf|idf|image2|.*_pipe)(,|$)/;

/** A raw stream of JPEGs looks like a single picture, which may hold more than one itself: only its name tells. */
const manyJpegs = /\.mjpe?g$/i;

/**
 * Opens a media file or URL and finds its streams. Close with `closeInput`.
 * @throws NotFound when there is no such file; BadInput when it cannot be read as media; Interrupted.
 */
export async function openFormat(av: Av, path: string, signal?: AbortSignal): Promise<FormatContext> {
  if (signal?.aborted) throw new Interrupted();
  if (!isUrl(path)) await checkFile(path);
  const format = new av.FormatContext();
  format.allocContext();
  const interrupt = () => format.interrupt();
  signal?.addEventListener('abort', interrupt, { once: true });
  try {
    // `file:` keeps names such as `concat:a` from being read as protocols; a playlist may name only local files.
    const options = isUrl(path) ? null : av.Dictionary.fromObject({ protocol_whitelist: 'file,crypto,data' });
    const url = isUrl(path) ? path : `file:${resolve(path)}`;
    let opened = await format.openInput(url, null, options);
    if (signal?.aborted) throw new Interrupted();
    if (opened >= 0 && format.iformat?.name === 'jpeg_pipe' && manyJpegs.test(path)) {
      await format.closeInput();
      format.allocContext();
      opened = await format.openInput(url, av.InputFormat.findInputFormat('mjpeg'), options);
    }
    if (opened < 0) throw unreadable(av, path, opened);
    if (noVideo.test(format.iformat?.name ?? '')) throw new BadInput(`${path} is not a video.`, pictureHint);
    const found = await format.findStreamInfo(null);
    if (signal?.aborted) throw new Interrupted();
    if (found < 0) throw unreadable(av, path, found);
    return format;
  } catch (error) {
    await format.closeInput();
    throw error;
  } finally {
    signal?.removeEventListener('abort', interrupt);
  }
}

const pictureHint = { hint: 'Pictures are painted with `livebrush image`.' };

function unreadable(av: Av, path: string, result: number): Error {
  const words = reason(av, result);
  if (result === code.invalidData)
    return new BadInput(`${path} is not a video, or is damaged beyond reading.`);
  if (isUrl(path)) return new NotFound(`${path} cannot be opened: ${words}.`);
  if (/permission denied/i.test(words)) return new BadInput(`${path} may not be read: permission denied.`);
  return new BadInput(`${path} cannot be read as a video: ${words}.`);
}

/** The stream that is the moving picture: the best one that is no cover art or thumbnail. */
export function videoStream(av: Av, format: FormatContext): Stream | undefined {
  const { C } = av;
  const still = C.AV_DISPOSITION_ATTACHED_PIC | C.AV_DISPOSITION_TIMED_THUMBNAILS;
  const moving = (stream: Stream) =>
    stream.codecpar.codecType === C.AVMEDIA_TYPE_VIDEO &&
    (stream.disposition & still) === 0 &&
    stream.codecpar.width > 0;
  const streams = format.streams;
  const best = streams[format.findBestStream(C.AVMEDIA_TYPE_VIDEO)];
  return best && moving(best) ? best : streams.find(moving);
}
