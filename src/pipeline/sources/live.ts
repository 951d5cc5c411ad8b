import { Unsupported } from '../../errors.js';
import type { LiveSource } from '../live.js';

/** How a live input is opened. */
export interface LiveSourceOptions {
  /** Left out: told by the address (`rtmp`, `rtsp`, `srt`, `hls`, `file`). */
  readonly kind?: string;
  /** Whether a file begins again at its end. */
  readonly loop?: boolean;
  /** Whether to wait for a publisher at this address (rtmp, srt) instead of calling it. */
  readonly listen?: boolean;
  /** How long opening may take, in milliseconds: 10,000; a listener waits for its publisher until `signal` aborts. */
  readonly openTimeoutMs?: number;
  /** How long nothing may come before the source counts as broken, in milliseconds: 5000. */
  readonly stallTimeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Opens a live input: rtmp(s), rtsp(s), srt, http(s) (HLS or a file), or the path of a file, which plays at its own
 * pace. Whether an address may be opened at all is the caller's to decide.
 * @throws NotFound (no such file, nobody answers), BadInput (no video, damaged), Unsupported (scheme, codec),
 * Interrupted.
 */
export async function openLiveSource(address: string, _options: LiveSourceOptions = {}): Promise<LiveSource> {
  throw new Unsupported(`${address} cannot be opened yet.`);
}
