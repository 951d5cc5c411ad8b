import type { Container } from './containers.js';

/** What a transport stream has a number or a descriptor for, by FFmpeg's name of the codec. */
const TRANSPORT: readonly string[] = [
  ...['mp1', 'mp2', 'mp3', 'aac', 'aac_latm', 'ac3', 'eac3', 'dts', 'truehd', 'opus', 's302m'],
  ...['dvb_subtitle', 'dvb_teletext', 'klv', 'timed_id3'],
];

/**
 * Whether a stream beside the picture, copied into a kind of file, can be found again there. FFmpeg's muxers take more:
 * into a transport stream anything, as data without a name, and uncompressed sound into MP4, which hardly a player
 * reads.
 */
export function storable({ format }: Container, codec: string): boolean {
  if (format === 'mpegts') return TRANSPORT.includes(codec);
  return format !== 'mp4' || !codec.startsWith('pcm_');
}
