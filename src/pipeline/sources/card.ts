import type { Size } from '../../models/pixels.js';
import { Card } from '../demo/card.js';
import { type Frame, frame } from '../frame.js';
import type { LiveInfo, LiveSource, SoundPacket } from '../live.js';
import { ticks } from '../pace.js';

/** What a card shows. */
export interface CardOptions extends Partial<Size> {
  /** Left out: BE RIGHT BACK. Letters A to Z, digits and a few marks. */
  readonly text?: string;
}

const FPS = 10;

/** What viewers see while nobody publishes: a text on a calm ground, 10 frames a second, without sound or end. */
export class CardSource implements LiveSource {
  readonly live = true;
  readonly info: LiveInfo;
  readonly #text: string;
  readonly #stop = new AbortController();

  constructor({ width = 640, height = 360, text = 'BE RIGHT BACK' }: CardOptions = {}) {
    this.info = { kind: 'card', width, height, fps: FPS, bitrate: 0 };
    this.#text = text;
  }

  async *frames(signal: AbortSignal): AsyncGenerator<Frame, void> {
    const halt = AbortSignal.any([signal, this.#stop.signal]);
    const card = new Card({ width: this.info.width, height: this.info.height }, this.#text);
    for await (const timestamp of ticks(FPS, halt)) {
      // The live clock itself, so that a card which comes up again goes on where it would be.
      yield frame(card.draw(timestamp / 1e6), timestamp);
      if (halt.aborted) return;
    }
  }

  onSound(_take: (packet: SoundPacket) => void): Disposable {
    return { [Symbol.dispose]() {} };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
  }
}
