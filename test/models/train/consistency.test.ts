import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../../src/models/train/backend.js';
import { drawMove, inconsistency, viewsOf } from '../../../src/models/train/consistency.js';
import { weaveOf } from '../../../src/models/train/losses.js';
import { Random } from '../../../src/models/train/random.js';

beforeAll(async () => {
  await useBackend('cpu');
});

const photo = (seed: number) => tf.randomUniform([2, 64, 64, 3], 0, 255, 'float32', seed) as tf.Tensor4D;
const number = (scalar: tf.Tensor) => scalar.dataSync()[0]!;
const drawn = (brightness: (x: number, y: number) => number, side = 64) =>
  tf.tensor4d(
    Array.from({ length: side * side * 3 }, (_, i) => {
      const pixel = Math.floor(i / 3);
      return brightness(pixel % side, Math.floor(pixel / side));
    }),
    [1, side, side, 3],
  );
/** Every fourth column bright: a net's cheapest texture. */
const woven = (strength: number) => drawn((x) => (x % 4 === 0 ? strength : 0));

describe('a move', () => {
  it('is never none, and reaches every other place of a cell', () => {
    const random = Random.from('moves');
    const places = new Set(
      Array.from({ length: 500 }, () => {
        const { right, down } = drawMove(random);
        return `${right},${down}`;
      }),
    );
    expect(places.size).toBe(15);
    expect(places.has('0,0')).toBe(false);
  });
});

describe('two views', () => {
  const move = { right: 3, down: 1, seed: 7 };

  it('of what follows the scene are consistent', () => {
    const { photo: still, second } = viewsOf(photo(1), move, 0);
    expect([still.shape, second!.moved.shape]).toEqual([
      [2, 60, 60, 3],
      [1, 60, 60, 3],
    ]);
    const first = tf.slice(still, 0, [1, -1, -1, -1]);
    expect(number(inconsistency(first, second!.moved, move))).toBe(0);
  });

  it('of what sticks to the pixel grid are not', () => {
    const { photo: still, second } = viewsOf(photo(1), move, 0);
    const grid = (x: tf.Tensor4D) => tf.add(x, tf.slice(woven(10), 0, [1, 60, 60, 3])) as tf.Tensor4D;
    const first = tf.slice(still, 0, [1, -1, -1, -1]);
    // Half of the columns differ by 10 once and back: two of every four.
    const differ = number(inconsistency(grid(first), grid(second!.moved), move));
    expect(Math.abs(differ - 50)).toBeLessThan(2);
  });

  it('differ by their noise, the same for the same seed', () => {
    const noisy = (seed: number) => viewsOf(photo(1), { ...move, seed }, 5).second!.moved;
    expect(noisy(1).dataSync()).toEqual(noisy(1).dataSync());
    const { photo: still, second } = viewsOf(photo(1), move, 5);
    const first = tf.slice(still, 0, [1, -1, -1, -1]);
    expect(Math.sqrt(number(inconsistency(first, second!.moved, move)))).toBeCloseTo(5, 0);
    expect(noisy(1).dataSync()).not.toEqual(noisy(2).dataSync());
  });

  it('are one without a move', () => {
    const photos = photo(2);
    expect(viewsOf(photos, undefined, 5)).toEqual({ photo: photos });
  });
});

describe('the weave', () => {
  it('is the variance of what repeats every four or eight pixels', () => {
    expect(number(weaveOf(woven(1)))).toBeCloseTo(0.25 * 0.75, 5);
    expect(number(weaveOf(drawn((x, y) => Number((x & 4) === (y & 4)))))).toBeCloseTo(0.25, 5);
    expect(number(weaveOf(drawn(() => 1)))).toBeCloseTo(0, 10);
  });

  it('does not see light that falls off, nor what repeats in another measure', () => {
    expect(number(weaveOf(drawn((x, y) => (x + 2 * y) / 192)))).toBeCloseTo(0, 8);
    const other = number(weaveOf(drawn((x) => Number(x % 6 < 3), 96)));
    expect(other).toBeLessThan(0.25 / 8);
  });

  it('is small for a texture that is not locked to the cells', () => {
    const x = tf.mul(photo(3), 1 / 255) as tf.Tensor4D;
    // A variance of 1/12, averaged over the 36 periods of a block.
    expect(number(weaveOf(x))).toBeLessThan(1.3 / 12 / 36);
  });

  it('is none in a picture too small for a period', () => {
    expect(number(weaveOf(drawn((x) => x % 2, 12)))).toBe(0);
  });
});
