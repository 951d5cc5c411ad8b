import type { SoundPacket } from '../live.js';
import { OPUS_MICROS, OPUS_SILENCE } from './opus.js';

/** Packets that wait to be written, at most: ten seconds. */
const MOST_WAITING = 500;
/** How long after a frame its sound may still come, in microseconds; then it is silence. */
const PATIENCE = 500_000;
/** Sound may be moved by this much to follow the sound before it without a gap, in microseconds. */
const SLACK = OPUS_MICROS / 2;
/** Sound this far ahead of its frames is on another clock. */
const FARTHEST = 10_000_000;

/** Lays sound that comes late, not at all or twice on one line without gaps, which begins with the first frame. */
export class SoundGrid {
  /** Packets that were dropped since they waited for too long. */
  dropped = 0;
  readonly #waiting: SoundPacket[] = [];
  #next: number | undefined;

  /** Takes a packet; never waits. */
  put(packet: SoundPacket): void {
    if (packet.data.length === 0 || !(packet.duration > 0)) return;
    this.#waiting.push(packet);
    if (this.#waiting.length <= MOST_WAITING) return;
    this.#waiting.shift();
    this.dropped++;
  }

  /** What is to be written when a frame of this time is: packets that follow each other, silence among them. */
  *upTo(time: number, patience = PATIENCE): Generator<SoundPacket, void> {
    this.#next ??= time;
    for (;;) {
      const first = this.#waiting[0];
      const next: number = this.#next;
      if (first && (first.timestamp < next - SLACK || first.timestamp > time + FARTHEST)) {
        this.#waiting.shift();
      } else if (first && first.timestamp <= next + SLACK) {
        this.#waiting.shift();
        this.#next = next + first.duration;
        yield { ...first, timestamp: next };
      } else if (first || next + OPUS_MICROS <= time - patience) {
        this.#next = next + OPUS_MICROS;
        yield { data: OPUS_SILENCE, timestamp: next, duration: OPUS_MICROS };
      } else return;
    }
  }
}
