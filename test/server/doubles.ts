import { setTimeout as sleep } from 'node:timers/promises';
import { NotFound } from '../../src/errors.js';
import { blank, type Pixels, type Size } from '../../src/models/pixels.js';
import { Batcher } from '../../src/pipeline/batcher.js';
import { type Frame, frame } from '../../src/pipeline/frame.js';
import { type LiveSource, liveNow, type SoundPacket } from '../../src/pipeline/live.js';
import { mixOf } from '../../src/pipeline/look.js';
import type { PackedPicture, Viewer } from '../../src/pipeline/sinks/webrtc.js';
import { Palette } from '../../src/server/palette.js';
import type { SessionParts } from '../../src/server/session.js';
import { AddingPainter, adding, grey } from '../pipeline/doubles.js';

export const size: Size = { width: 64, height: 48 };

/** A publisher that shows what the test gives it. */
export class FakeSource implements LiveSource {
  readonly live = true;
  readonly info = { kind: 'whip', codec: 'h264', ...size, fps: 25, bitrate: 0 };
  closed = 0;
  readonly #queue: Frame[] = [];
  readonly #takes = new Set<(packet: SoundPacket) => void>();
  #wake = () => {};
  #ended = false;

  /** Shows a grey picture. */
  show(value: number, timestamp = liveNow()): number {
    this.#queue.push(frame(grey(value, size), timestamp));
    this.#wake();
    return timestamp;
  }

  sound(timestamp = liveNow()): void {
    for (const take of this.#takes) take({ data: Uint8Array.of(1, 2, 3), timestamp, duration: 20_000 });
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *frames(signal: AbortSignal): AsyncGenerator<Frame, void> {
    signal.addEventListener('abort', () => this.end(), { once: true });
    for (;;) {
      const next = this.#queue.shift();
      if (next) yield next;
      else if (this.#ended || signal.aborted) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }

  onSound(take: (packet: SoundPacket) => void): Disposable {
    this.#takes.add(take);
    return { [Symbol.dispose]: () => this.#takes.delete(take) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.closed++;
    this.end();
    for (const left of this.#queue.splice(0)) left[Symbol.dispose]();
  }
}

/** The card, without its text: pictures of one value, every 20 ms. */
export class FakeCard extends FakeSource {
  constructor(readonly value = 1) {
    super();
  }

  override async *frames(signal: AbortSignal): AsyncGenerator<Frame, void> {
    while (!signal.aborted) {
      yield frame(grey(this.value, size), liveNow());
      await sleep(20, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** A viewer that keeps what it is sent. */
export class FakeViewer implements Viewer {
  backlog = 0;
  estimate = 0;
  readonly pictures: PackedPicture[] = [];
  readonly sounds: SoundPacket[] = [];
  picture(picture: PackedPicture): void {
    this.pictures.push(picture);
  }
  sound(packet: SoundPacket): void {
    this.sounds.push(packet);
  }
  onKeyRequest(): Disposable {
    return { [Symbol.dispose]() {} };
  }
}

/** What a session needs, with painters that add the number in a style's name: `p10` makes everything brighter by 10. */
export function parts(over: Partial<SessionParts> = {}, pause: () => Promise<void> = async () => {}) {
  const painters: AddingPainter[] = [];
  const batcher = new Batcher(async (wanted) => {
    const painter = new AddingPainter(wanted, pause);
    painters.push(painter);
    return painter;
  });
  const palette = new Palette(async (name) => {
    const [, number] = /^p(\d+)$/.exec(name) ?? [];
    if (!number) throw new NotFound(`There is no style ${name}.`);
    return adding(Number(number));
  });
  const resample = async (_: Pixels, to: Size) => blank(to);
  const made: SessionParts = {
    branch: {
      tiers: [{ model: 'adding', batcher, stride: 4, palette, cost: 1 }],
      ...{ resample, workPixels: 1e6, adapt: false },
    },
    opening: {
      mix: mixOf([{ style: 'p10', weight: 1 }]),
      strength: 1,
      keepColor: 0,
      steady: 0,
      show: 'paint',
    },
    bitrate: { min: 1e5, start: 5e5, max: 1e6 },
    card: () => new FakeSource(),
    base: async () => ({ kind: 'demo', open: async () => new FakeCard() }),
    checkOutput: async () => {},
    folders: { recordings: '', hls: '' },
    // A busy machine shall not decide what a test sees: those who test it set it.
    ...{ maxLooks: 4, maxAge: 60_000 },
    ...over,
  };
  return { parts: made, painters, ready: () => palette.ready(made.opening.mix.keys()) };
}

/** Waits until something holds. @throws when it does not within a time that is long also for a busy machine. */
export async function until(what: () => unknown, why = 'what was waited for'): Promise<void> {
  const end = performance.now() + 50_000;
  while (!(await what())) {
    if (performance.now() > end) throw new Error(`${why} did not happen`);
    await sleep(5);
  }
}
