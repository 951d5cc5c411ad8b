import type { Hardware } from './codec/hardware/hardware.js';
import type { FrameSink } from './sink.js';
import type { FrameSource } from './source.js';

/** A fraction: frames per second, seconds per tick, width of a pixel over its height. */
export interface Ratio {
  readonly num: number;
  readonly den: number;
}

/** What a file or stream holds, as far as painting it goes. */
export interface MediaInfo {
  /** Container, as FFmpeg names it: `mov,mp4,m4a,3gp,3g2,mj2`. */
  readonly container: string;
  /** Size of the upright picture, in pixels: rotation is already applied to it. */
  readonly width: number;
  readonly height: number;
  /** Degrees clockwise that the source turns its pictures by to stand them upright. */
  readonly rotation: 0 | 90 | 180 | 270;
  /** Seconds per tick of the video stream: timestamps are multiples of it, and a sink keeps it. */
  readonly timeBase: Ratio;
  /**
   * The file's clock at its start, in microseconds: what `fromMs` and `toMs` count from. 0 for most containers; a
   * transport stream starts where its sender's clock stood.
   */
  readonly startTimestamp: number;
  /** Average frames per second, where the file tells. */
  readonly frameRate: Ratio | undefined;
  /** Shape of a pixel, 1/1 where the file does not tell. */
  readonly pixelAspect: Ratio;
  readonly durationMs: number | undefined;
  /** Frames in the whole stream, counted or estimated, for progress. */
  readonly frameCount: number | undefined;
  readonly codec: string;
  readonly pixelFormat: string;
  /** Every other stream, for people: `audio aac`, `subtitle mov_text`. */
  readonly others: readonly string[];
}

/** Which part of a file to read. */
export interface MediaSourceOptions {
  /** Only frames at or after this time, in milliseconds from the start of the file (`MediaInfo.startTimestamp`). */
  readonly fromMs?: number;
  /** Only frames before this time. */
  readonly toMs?: number;
  /** Decodes where it can. */
  readonly hardware?: Hardware | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Frames of a file or URL, upright, 8-bit full-range RGB (BT.709 primaries), every one at its exact time: a timestamp
 * rounded to ticks of `info.timeBase` is the file's own, as long as a tick is 2 µs or longer. Timestamps rise strictly
 * and keep the file's clock. Interlaced pictures, where the file says that they are, come deinterlaced, as many as there
 * were. Can be read once.
 */
export interface MediaSource extends FrameSource {
  readonly info: MediaInfo;
  /** After the last frame: what was wrong with the file, when it was truncated or damaged but its whole part could be read. */
  readonly damage: string | undefined;
}

export type VideoCodec = 'h264' | 'h265' | 'vp9' | 'av1';

/** What a file to write holds. */
export interface MediaSinkOptions {
  /** Size of the frames to come, in pixels. */
  readonly width: number;
  readonly height: number;
  readonly timeBase: Ratio;
  readonly frameRate: Ratio | undefined;
  readonly pixelAspect: Ratio;
  /** Left out: h264, or what the container can hold. */
  readonly codec?: VideoCodec;
  /** File whose sound, subtitles, chapters and metadata go along, packets untouched where the container can hold them. */
  readonly copyFrom?: string;
  /**
   * The part of `copyFrom` that goes along, in milliseconds; as for the source. Where either is given, the first frame
   * written stands at 0 and all the rest moves with it.
   */
  readonly fromMs?: number;
  readonly toMs?: number;
  readonly overwrite?: boolean;
  /** Encodes where it can; `notes` say so where it cannot. */
  readonly hardware?: Hardware | undefined;
  readonly signal?: AbortSignal;
}

/** Writes frames to a file, with the other streams of its source. The file appears under its name at `finish`. */
export interface MediaSink extends FrameSink {
  /** FFmpeg's name of who encodes: `libx264`. */
  readonly encoder: string;
  /** What could not go along or had to be re-encoded, one sentence each. */
  readonly notes: readonly string[];
}

/** One way to read and write media: in this process (node-av) or by the system's ffmpeg. */
export interface MediaBackend {
  readonly name: 'node-av' | 'ffmpeg';
  /** @throws NotFound, BadInput (no video, not a video), Unsupported (codec or colour that it cannot convert). */
  openSource(path: string, options?: MediaSourceOptions): Promise<MediaSource>;
  /** @throws CannotWrite (exists, no permission, no folder), Unsupported (container or codec). */
  openSink(path: string, options: MediaSinkOptions): Promise<MediaSink>;
}
