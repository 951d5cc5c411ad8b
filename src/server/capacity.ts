import { createCipheriv, createHmac, randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { blank, paddedSize, type Size } from '../models/pixels.js';
import type { Weights } from '../models/weights.js';
import type { Batcher } from '../pipeline/batcher.js';
import { rungsOf } from '../pipeline/ladder.js';

/** How much this machine can do at once. */
export interface Capacity {
  /** Viewers that can be sent to. */
  readonly viewers: number;
  /** Looks that can be painted at once, each as small as the ladder goes. */
  readonly looks: number;
  /** Pictures of the full work size painted a second. */
  readonly fps: number;
}

const PACKET = 1200;
/** Packets a second to one viewer, at 2.5 Mbit/s with sound. */
const PACKETS_PER_VIEWER = 310;
/** How much sealing a packet costs beside the rest of its way through this process: headers, streams, the socket. */
const SEALING_SHARE = 1 / 3;
/** Share of one core that viewers may take in all: they share the event loop with everything else. */
const CORE_SHARE = 0.5;
const [FEWEST, MOST] = [4, 500];
/** Frames a second below which a look is not worth to be painted. */
const LEAST_FPS = 8;
const MEASURE_MS = 40;

/** Packets that one core can encrypt and sign a second, as SRTP does. */
function packetsPerSecond(): number {
  const [key, iv, packet] = [randomBytes(16), randomBytes(16), randomBytes(PACKET)];
  let count = 0;
  const began = performance.now();
  while (performance.now() - began < MEASURE_MS) {
    const sealed = createCipheriv('aes-128-ctr', key, iv).update(packet);
    createHmac('sha1', key).update(sealed).digest();
    count++;
  }
  return (count * 1000) / (performance.now() - began);
}

/** What admission is measured on. */
export interface CapacityParts {
  readonly batcher: Batcher;
  readonly stride: number;
  readonly style: Weights;
  readonly work: Size;
}

/** Measures, in less than a second or two, and warms the painter that streams begin with. */
export async function measureCapacity({ batcher, stride, style, work }: CapacityParts): Promise<Capacity> {
  const viewers = Math.floor((packetsPerSecond() * SEALING_SHARE * CORE_SHARE) / PACKETS_PER_VIEWER);
  const size = paddedSize(work, stride, 32);
  await using painter = await batcher.lease(size);
  using bound = await painter.bind(style);
  const together = Array.from({ length: batcher.schedule.lanes }, () => ({
    pixels: blank(size),
    style: bound,
  }));
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 4; i++) {
    const began = performance.now();
    await painter.paint(together);
    best = Math.min(best, performance.now() - began);
  }
  const fps = (1000 * together.length) / Math.max(best, 0.1);
  const smallest = rungsOf().at(-1)!.cost;
  return {
    viewers: Math.min(MOST, Math.max(FEWEST, viewers)),
    looks: Math.min(4 * availableParallelism(), Math.max(1, Math.floor(fps / smallest / LEAST_FPS))),
    fps: Number(fps.toFixed(1)),
  };
}
