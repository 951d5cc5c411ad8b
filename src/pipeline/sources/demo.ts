import type { Frame } from '../frame.js';
import type { LiveInfo, LiveSource, SoundPacket } from '../live.js';

/** The built-in moving picture with sound: 640x360, 25 frames a second, without end. */
export class DemoSource implements LiveSource {
  readonly live = true;
  readonly info: LiveInfo = { kind: 'demo', width: 640, height: 360, fps: 25, bitrate: 0 };

  // biome-ignore lint/correctness/useYield: a skeleton.
  async *frames(_signal: AbortSignal): AsyncGenerator<Frame, void> {}

  onSound(_take: (packet: SoundPacket) => void): Disposable {
    return { [Symbol.dispose]() {} };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
