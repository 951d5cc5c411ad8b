import { type Depacketizer, MAX_PIECES, MAX_UNIT, type RtpPayload, type Unit } from './types.js';

/**
 * What depacketizers share: the pieces of one picture, which ends at a marker or where the timestamp changes, and
 * whether it is whole. A picture that is not whole is dropped, and all others until a key picture.
 */
export abstract class PictureParts implements Depacketizer {
  needsKey = true;
  dropped = 0;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  /** Timestamp of the picture in the making. */
  #timestamp: number | undefined;
  #damaged = false;

  /** Takes what a packet adds to the picture. @returns false when it makes no sense: the picture is damaged. */
  protected abstract add(packet: RtpPayload): boolean;
  /** The picture, from the pieces kept; undefined when they are none. */
  protected abstract finish(timestamp: number): Unit | undefined;
  /** Whether all that began has ended. */
  protected get closed(): boolean {
    return true;
  }
  /** Forgets what belongs to the picture in the making. */
  protected reset(): void {}

  push(packet: RtpPayload): Unit[] {
    const units: Unit[] = [];
    // Senders probe the line with packets that hold nothing but padding.
    if (packet.payload.length === 0) return units;
    if (this.#timestamp !== undefined && this.#timestamp !== packet.timestamp) this.#end(units);
    this.#timestamp = packet.timestamp;
    if (!this.#damaged && !this.add(packet)) this.#damaged = true;
    if (packet.marker) this.#end(units);
    return units;
  }

  lost(): void {
    this.needsKey = true;
    if (this.#timestamp !== undefined) this.#damaged = true;
  }

  #end(units: Unit[]): void {
    const damaged = this.#damaged || !this.closed;
    const unit = damaged || this.empty ? undefined : this.finish(this.#timestamp!);
    if (damaged) this.needsKey = true;
    if (unit?.key) this.needsKey = false;
    if (unit && !this.needsKey) units.push(unit);
    else if (unit || damaged) this.dropped++;
    this.#pieces = [];
    this.#bytes = 0;
    this.#timestamp = undefined;
    this.#damaged = false;
    this.reset();
  }

  /** Whether the picture has no piece yet. */
  protected get empty(): boolean {
    return this.#pieces.length === 0;
  }

  /** @returns false when the picture grows beyond all reason. */
  protected keep(...pieces: Uint8Array[]): boolean {
    for (const piece of pieces) {
      this.#pieces.push(piece);
      this.#bytes += piece.length;
    }
    return this.#bytes <= MAX_UNIT && this.#pieces.length <= MAX_PIECES;
  }

  /** The pieces one after the other, behind `front`. */
  protected joined(front: readonly Uint8Array[] = []): Uint8Array {
    const all = front.length ? [...front, ...this.#pieces] : this.#pieces;
    if (all.length === 1) return all[0]!;
    const data = new Uint8Array(all.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const piece of all) {
      data.set(piece, at);
      at += piece.length;
    }
    return data;
  }
}
