import type { Size } from '../../models/pixels.js';
import type { Frame } from '../frame.js';
import type { LiveInfo, LiveSource, SoundPacket } from '../live.js';

/** What a card shows. */
export interface CardOptions extends Partial<Size> {
  /** Left out: BE RIGHT BACK. */
  readonly text?: string;
}

/** What viewers see while nobody publishes: a text on a calm ground, 10 frames a second, without sound or end. */
export class CardSource implements LiveSource {
  readonly live = true;
  readonly info: LiveInfo;

  constructor({ width = 640, height = 360 }: CardOptions = {}) {
    this.info = { kind: 'card', width, height, fps: 10, bitrate: 0 };
  }

  // biome-ignore lint/correctness/useYield: a skeleton.
  async *frames(_signal: AbortSignal): AsyncGenerator<Frame, void> {}

  onSound(_take: (packet: SoundPacket) => void): Disposable {
    return { [Symbol.dispose]() {} };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
