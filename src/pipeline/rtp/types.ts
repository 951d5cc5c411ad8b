/** What a depacketizer reads of an RTP packet: its payload without padding, its 32-bit timestamp, its marker bit. */
export interface RtpPayload {
  readonly payload: Uint8Array;
  readonly timestamp: number;
  readonly marker: boolean;
}

/** One encoded picture out of RTP: an H.264 access unit (Annex B) or a VP8 frame. */
export interface Unit {
  readonly data: Uint8Array;
  /** 32-bit RTP timestamp, at 90 kHz. */
  readonly timestamp: number;
  /** Whether a decoder can begin with it. */
  readonly key: boolean;
}

/**
 * Puts pictures together from RTP payloads that come in order. After a loss, and at the start, it gives nothing until
 * a key picture: what refers to a lost picture would only show garbage.
 */
export interface Depacketizer {
  /** Whether nothing can be shown before the next key picture: ask the sender for one. */
  readonly needsKey: boolean;
  /** How many pictures were left out: damaged, cut by a loss, or waiting for a key picture. */
  readonly dropped: number;
  /**
   * Takes the next packet and gives the pictures that it completes: none mostly, one at a marker, two where the one
   * before ended without a marker. Never throws, whatever the bytes.
   */
  push(packet: RtpPayload): Unit[];
  /** Packets are missing before the next one. */
  lost(): void;
}

/** One RTP payload of a picture; the last of the picture carries the marker. */
export interface Payload {
  readonly payload: Uint8Array;
  readonly marker: boolean;
}

/** Cuts encoded pictures into RTP payloads of at most `MAX_PAYLOAD` bytes, which may go to any number of viewers. */
export interface Packetizer {
  /** The payloads are copies: `data` may change afterwards. None for a picture without content. */
  packetize(data: Uint8Array): Payload[];
}

/** Bytes of payload that fit a packet of 1280 bytes (the least MTU of IPv6) beside all headers and SRTP's tag. */
export const MAX_PAYLOAD = 1188;
/** Bytes that an encoded picture may have; larger ones are taken for an attack. */
export const MAX_UNIT = 8 * 1024 * 1024;
/** Pieces that an encoded picture may come in. */
export const MAX_PIECES = 16_384;
