import { OPUS_FRAME, OPUS_MICROS, OpusEncoder } from '../codec/opus.js';
import { Scene } from '../demo/scene.js';
import { Tune } from '../demo/tune.js';
import { type Frame, frame } from '../frame.js';
import type { LiveInfo, LiveSource, SoundPacket } from '../live.js';
import { ticks } from '../pace.js';
import { SoundListeners } from '../sound-listeners.js';

const FPS = 25;

/** The built-in moving picture with sound: a bay in changing light, 640x360, 25 frames a second, without end. */
export class DemoSource implements LiveSource {
  readonly live = true;
  readonly info: LiveInfo = {
    kind: 'demo',
    width: 640,
    height: 360,
    fps: FPS,
    bitrate: 0,
    sound: 'opus 48 kHz stereo',
  };
  readonly #listeners = new SoundListeners();
  readonly #stop = new AbortController();
  #sounding: Promise<void> = Promise.resolve();

  async *frames(signal: AbortSignal): AsyncGenerator<Frame, void> {
    const done = new AbortController();
    const halt = AbortSignal.any([signal, this.#stop.signal, done.signal]);
    const scene = new Scene({ width: this.info.width, height: this.info.height });
    this.#sounding = this.#sound(halt);
    try {
      let start: number | undefined;
      for await (const timestamp of ticks(FPS, halt)) {
        start ??= timestamp;
        yield frame(scene.draw((timestamp - start) / 1e6), timestamp);
        if (halt.aborted) return;
      }
    } finally {
      done.abort();
      await this.#sounding;
    }
  }

  onSound(take: (packet: SoundPacket) => void): Disposable {
    return this.#listeners.on(take);
  }

  /** Plays the tune, as long as someone listens; without an Opus encoder the demo is silent. */
  async #sound(halt: AbortSignal): Promise<void> {
    const opened = await OpusEncoder.open().catch(() => undefined);
    if (!opened) return;
    using encoder = opened;
    const tune = new Tune();
    for await (const timestamp of ticks(1e6 / OPUS_MICROS, halt)) {
      if (!this.#listeners.any) continue;
      const data = await encoder.encode(tune.next(OPUS_FRAME));
      this.#listeners.tell({ data, timestamp, duration: OPUS_MICROS });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#sounding;
  }
}
