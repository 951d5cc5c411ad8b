/** Steps in a stream's times that are no pause any more but another clock, in microseconds. */
const FORWARD = 10_000_000;
const BACKWARD = 500_000;
/** Streams that jump together land this close to each other. */
const TOGETHER = 1_000_000;

/** When a packet is decoded and shown, and for how long. */
export interface PacketTimes {
  readonly decoded: number;
  readonly shown: number;
  readonly duration: number;
}

interface Track {
  /** Added to the stream's times. */
  shift: number;
  /** Where the newest packet is decoded, and where what has come is over, shifted. */
  newest: number;
  end: number;
}

/** Makes one rising timeline of streams whose clocks jump or begin again. All times in microseconds. */
export class Timeline {
  readonly #tracks = new Map<number, Track>();
  #start: number | undefined;
  #shift = 0;

  /** What to add to the times of a stream's next packet. */
  shift(stream: number, { decoded, shown, duration }: PacketTimes): number {
    this.#start = Math.min(this.#start ?? shown, shown);
    let track = this.#tracks.get(stream);
    if (!track) {
      track = { shift: this.#shift, newest: decoded + this.#shift, end: Number.NEGATIVE_INFINITY };
      this.#tracks.set(stream, track);
    }
    const step = decoded + track.shift - track.newest;
    if (step > FORWARD || step < -BACKWARD) {
      const own = track.newest + duration - decoded;
      // What another stream has jumped by keeps the two together.
      if (Math.abs(own - this.#shift) > TOGETHER) this.#shift = own;
      track.shift = this.#shift;
    }
    track.newest = Math.max(track.newest, decoded + track.shift);
    track.end = Math.max(track.end, shown + track.shift + duration);
    return track.shift;
  }

  /** All streams begin again at their start: it follows the latest end. */
  again(): void {
    const ends = [...this.#tracks.values()].map(({ end }) => end);
    const end = ends.length ? Math.max(...ends) : 0;
    this.#shift = end - (this.#start ?? 0);
    for (const track of this.#tracks.values()) {
      track.shift = this.#shift;
      track.newest = end;
    }
  }
}
