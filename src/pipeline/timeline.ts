/** Steps in a stream's times that are no pause any more but another clock, in microseconds. */
const FORWARD = 10_000_000;
const BACKWARD = 500_000;
/** Streams that jump together land this close to each other. */
const TOGETHER = 1_000_000;

interface Track {
  /** Added to the stream's times. */
  shift: number;
  /** Where the newest packet ends, shifted. */
  end: number;
}

/** Makes one rising timeline of streams whose clocks jump or begin again. All times in microseconds. */
export class Timeline {
  readonly #tracks = new Map<number, Track>();
  #start: number | undefined;
  #shift = 0;

  /** The shift for a packet of a stream that is decoded at `time` and lasts for `duration`. */
  shift(stream: number, time: number, duration: number): number {
    this.#start = Math.min(this.#start ?? time, time);
    let track = this.#tracks.get(stream);
    if (!track) {
      track = { shift: this.#shift, end: time + this.#shift };
      this.#tracks.set(stream, track);
    }
    const step = time + track.shift - track.end;
    if (step > FORWARD || step < -BACKWARD) {
      const own = track.end - time;
      // What another stream has jumped by keeps the two together.
      if (Math.abs(own - this.#shift) > TOGETHER) this.#shift = own;
      track.shift = this.#shift;
    }
    track.end = Math.max(track.end, time + track.shift + duration);
    return track.shift;
  }

  /** All streams begin again at their start: it follows the latest end. */
  again(): void {
    const ends = [...this.#tracks.values()].map(({ end }) => end);
    const end = Math.max(...ends, 0);
    this.#shift = end - (this.#start ?? 0);
    for (const track of this.#tracks.values()) {
      track.shift = this.#shift;
      track.end = end;
    }
  }
}
