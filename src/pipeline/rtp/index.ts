import type { LiveCodec } from '../live.js';
import { H264Depacketizer, H264Packetizer } from './h264.js';
import type { Depacketizer, Packetizer } from './types.js';
import { Vp8Depacketizer, Vp8Packetizer } from './vp8.js';

export { LipSync, MediaClock } from './clock.js';
export { COLOR_SPACE_URI, type PictureColors, parseColorSpace } from './color-space.js';
export { Reorder, type ReorderOptions } from './reorder.js';
export { TwccFeedback } from './twcc.js';
export type { Depacketizer, Packetizer, Payload, RtpPayload, Unit } from './types.js';
export { MAX_PAYLOAD } from './types.js';
export { Unwrapper } from './unwrap.js';

/** One for each incoming stream. */
export function depacketizer(codec: LiveCodec): Depacketizer {
  return codec === 'h264' ? new H264Depacketizer() : new Vp8Depacketizer();
}

/** One for each encoder. */
export function packetizer(codec: LiveCodec): Packetizer {
  return codec === 'h264' ? new H264Packetizer() : new Vp8Packetizer();
}
