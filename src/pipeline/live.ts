import type { FrameSink } from './sink.js';
import type { FrameSource } from './source.js';

/**
 * The clock of everything live, in microseconds: it never goes back and counts from the start of the process. Live
 * frames and packets carry times on it, whatever their publisher's own clock says, so that one publisher can follow
 * another on the same connection, and `liveNow() - timestamp` is how long something has been in here.
 */
export const liveNow = (): number => Math.round(performance.now() * 1000);

/** Video codecs that WebRTC carries here. */
export type LiveCodec = 'h264' | 'vp8';

/** One encoded picture: an H.264 access unit (Annex B) or a VP8 frame. */
export interface PicturePacket {
  readonly data: Uint8Array;
  /** Time of its frame, in microseconds of the live clock. */
  readonly timestamp: number;
  /** Whether a decoder can begin with it. */
  readonly key: boolean;
}

/** One Opus packet at 48 kHz, as WebRTC carries it. */
export interface SoundPacket {
  readonly data: Uint8Array;
  /** Time of its first sample, in microseconds of the live clock. */
  readonly timestamp: number;
  /** How long it sounds, in microseconds: 20,000 mostly. */
  readonly duration: number;
}

/** What a live source is at the moment, for people. Zero or undefined: not known yet. */
export interface LiveInfo {
  /** How it came: `whip`, `rtmp`, `rtsp`, `srt`, `hls`, `file`, `pattern`, `demo`, `card`. */
  readonly kind: string;
  readonly codec?: string;
  readonly width: number;
  readonly height: number;
  /** Frames a second, over the last seconds. */
  readonly fps: number;
  /** Bits a second, over the last seconds; 0 where nothing is encoded. */
  readonly bitrate: number;
  /** Milliseconds between the last two key pictures. */
  readonly keyIntervalMs?: number;
  /** Milliseconds that decoding a picture takes, over the last seconds. */
  readonly decodeMs?: number;
  /** Pictures that were decoded and replaced by newer ones before anyone took them, so far. */
  readonly replaced?: number;
  /** Such as `opus 48 kHz stereo`. */
  readonly sound?: string;
}

/**
 * Frames at their own pace, on the live clock, with sound beside them. `frames` ends when the publisher left; it
 * throws when the source broke.
 */
export interface LiveSource extends FrameSource {
  readonly live: true;
  readonly info: LiveInfo;
  /** Calls `take` for each packet of sound from now on, in order, until disposed. */
  onSound(take: (packet: SoundPacket) => void): Disposable;
}

/** A live output: frames with sound beside them. */
export interface LiveSink extends FrameSink {
  /** Takes a packet of sound, in order, on the same clock as the frames; never waits and never throws. */
  sound(packet: SoundPacket): void;
}
