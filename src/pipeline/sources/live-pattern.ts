import { type Frame, frame } from '../frame.js';
import { type LiveInfo, type LiveSource, liveNow } from '../live.js';
import { PatternSource, parsePattern } from './pattern.js';

/** The test pattern at its own pace, on the live clock, without sound or end. */
class LivePattern implements LiveSource {
  readonly live = true;
  readonly info: LiveInfo;
  readonly #pattern: PatternSource;
  readonly #stop = new AbortController();

  constructor(text: string) {
    const { width, height, fps } = parsePattern(text);
    this.#pattern = new PatternSource({ width, height, fps, live: true });
    this.info = { kind: 'pattern', width, height, fps, bitrate: 0 };
  }

  async *frames(signal: AbortSignal): AsyncGenerator<Frame, void> {
    for await (const drawn of this.#pattern.frames(AbortSignal.any([signal, this.#stop.signal]))) {
      using from = drawn;
      const { data, width, height } = from;
      yield frame({ data: data.slice(), width, height }, liveNow());
    }
  }

  onSound(): Disposable {
    return { [Symbol.dispose]() {} };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#pattern[Symbol.asyncDispose]();
  }
}

/** Opens the test pattern as a live source. @param size such as `640x360@25`. @throws Usage */
export const openLivePattern = (size = ''): LiveSource => new LivePattern(`pattern:${size}`);
