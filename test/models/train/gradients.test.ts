import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forward, statistics } from '../../../src/models/engines/tfjs-forward.js';
import { NetBuilder, type NetSpec } from '../../../src/models/net.js';
import { useBackend } from '../../../src/models/train/backend.js';
import { totalVariation } from '../../../src/models/train/losses.js';
import { Random } from '../../../src/models/train/random.js';

const random = Random.from('gradients');
const draw = (shape: number[]): tf.Tensor => {
  const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal());
  return tf.tensor(data, shape);
};

/** Numbers a tenth apart and none at 0, in random order: a finite difference crosses no kink among them. */
const drawApart = (shape: number[]): tf.Tensor => {
  const count = shape.reduce((a, b) => a * b, 1);
  const order = random.permutation(count);
  return tf.tensor(
    Float32Array.from(order, (n) => (n - count / 2 + 0.5) / 10),
    shape,
  );
};

/** A net of one node, from `x`. */
function single(write: (net: NetBuilder) => string): NetSpec {
  const net = new NetBuilder();
  const y = write(net);
  return net.build({ name: 'single', inputs: ['x'], outputs: { y } });
}

/**
 * Compares the gradient of sum(weights * f(x)) along a random direction with its finite difference, for every
 * argument. The random weights keep symmetric mistakes from cancelling.
 */
function check(
  f: (...xs: tf.Tensor[]) => tf.Tensor,
  shapes: number[][],
  { step = 1e-2, tolerance = 2e-3, from = draw } = {},
): void {
  tf.tidy(() => {
    const xs = shapes.map(from);
    const weights = draw(f(...xs).shape);
    const loss = (...xs: tf.Tensor[]) => tf.sum(tf.mul(f(...xs), weights)) as tf.Scalar;
    const grads = tf.grads(loss)(xs);
    for (const [i, grad] of grads.entries()) {
      for (let trial = 0; trial < 3; trial++) {
        const direction = draw(shapes[i]!);
        const along = tf.sum(tf.mul(grad, direction)).dataSync()[0]!;
        const at = (t: number) =>
          loss(...xs.map((x, j) => (j === i ? tf.add(x, tf.mul(direction, t)) : x))).dataSync()[0]!;
        const difference = (at(step) - at(-step)) / (2 * step);
        const size = tf.norm(grad).dataSync()[0]! * tf.norm(direction).dataSync()[0]!;
        expect(Math.abs(along - difference) / Math.max(size, 1e-6)).toBeLessThan(tolerance);
      }
    }
  });
}

const kinked = { step: 1e-2, from: drawApart, tolerance: 2e-3 };

const run = (net: NetSpec, x: tf.Tensor, params = {}) => forward(net, { x }, params, ['y']).y;

describe.each(['cpu', 'wasm'] as const)('on the %s backend', (backend) => {
  beforeAll(async () => {
    await useBackend(backend);
  });
  afterAll(() => tf.setBackend('cpu'));

  const conv = (
    shape: { in: number; out: number; size: number },
    { stride = 1, padMode = 'reflect' as 'reflect' | 'zero' } = {},
  ) => single((net) => net.conv('x', 'c', shape, { stride, padMode }));
  const filterOf = ({ in: i, out, size }: { in: number; out: number; size: number }) => [size, size, i, out];

  it.each([
    ['3x3, reflected', { in: 3, out: 2, size: 3 }, [2, 6, 7, 3], {}],
    ['3x3 of stride 2', { in: 2, out: 3, size: 3 }, [1, 8, 6, 2], { stride: 2 }],
    ['3x3 of stride 2, odd sides', { in: 2, out: 3, size: 3 }, [1, 7, 5, 2], { stride: 2 }],
    ['3x3, zeros around', { in: 2, out: 2, size: 3 }, [1, 5, 6, 2], { padMode: 'zero' as const }],
    ['5x5 of stride 2', { in: 3, out: 4, size: 5 }, [1, 12, 12, 3], { stride: 2 }],
    ['1x1', { in: 3, out: 4, size: 1 }, [2, 4, 4, 3], {}],
    ['9x9 by halves', { in: 3, out: 8, size: 9 }, [2, 12, 14, 3], {}],
    ['9x9 on odd sides', { in: 3, out: 2, size: 9 }, [1, 11, 13, 3], {}],
    ['9x9 whose reflections overlap', { in: 3, out: 2, size: 9 }, [1, 6, 8, 3], {}],
  ])('a convolution has the right gradient: %s', (_, shape, x, options) => {
    const net = conv(shape, options);
    check((x, w) => run(net, x!, { 'c.weight': w! }), [x, filterOf(shape)]);
  });

  it('a filter for each picture of the batch has the right gradient', () => {
    const net = conv({ in: 2, out: 3, size: 3 });
    check(
      (x, w) => run(net, x!, { 'c.weight': w! }),
      [
        [3, 5, 5, 2],
        [3, 3, 3, 2, 3],
      ],
    );
  });

  it('the instance norm has the right gradient, its scale and shift too', () => {
    const net = single((net) =>
      net.push('instanceNorm', {
        in: 'x',
        epsilon: 1e-5,
        scale: net.param('s', [3]),
        shift: net.param('t', [3]),
      }),
    );
    for (const param of [[3], [2, 3]])
      check((x, s, t) => run(net, x!, { s: s!, t: t! }), [[2, 5, 4, 3], param, param], { step: 3e-3 });
  });

  it.each([
    ['upsample', single((net) => net.push('upsample', { in: 'x', scale: 2 }))],
    ['average pool', single((net) => net.push('pool', { in: 'x', kind: 'average', size: 2 }))],
    ['mean and deviation', single((net) => net.push('meanStd', { in: 'x', epsilon: 1e-5 }))],
    ['sigmoid', single((net) => net.push('sigmoid', { in: 'x' }))],
    ['tanh', single((net) => net.push('tanh', { in: 'x' }))],
  ])('%s has the right gradient', (_, net) => {
    check((x) => run(net, x!), [[2, 6, 4, 3]]);
  });

  it.each([
    ['relu', single((net) => net.push('relu', { in: 'x' }))],
    ['max pool', single((net) => net.push('pool', { in: 'x', kind: 'max', size: 2 }))],
  ])('%s has the right gradient', (_, net) => {
    // Odd sides, so that a pool drops a row and a column.
    check((x) => run(net, x!), [[2, 7, 5, 3]], kinked);
  });

  it('total variation has the right gradient', () => {
    check((x) => totalVariation(x as tf.Tensor4D), [[2, 5, 6, 3]], kinked);
  });
});

describe('the rearranged 9x9 convolution', () => {
  it('gives the sums of the plain one', async () => {
    await useBackend('cpu');
    tf.tidy(() => {
      const net = single((net) => net.conv('x', 'c', { in: 3, out: 8, size: 9 }, { padMode: 'zero' }));
      const [x, w] = [draw([2, 10, 12, 3]) as tf.Tensor4D, draw([9, 9, 3, 8]) as tf.Tensor4D];
      const plain = tf.conv2d(x, w, 1, 'same');
      const difference = tf.max(tf.abs(tf.sub(run(net, x, { 'c.weight': w }), plain)));
      expect(difference.dataSync()[0]).toBeLessThan(1e-4);
    });
  });
});

it('statistics are mean and deviation of each channel', async () => {
  await useBackend('cpu');
  tf.tidy(() => {
    const x = draw([2, 5, 7, 3]) as tf.Tensor4D;
    const { mean, variance } = tf.moments(x, [1, 2]);
    const expected = tf.concat([mean, tf.sqrt(variance)], -1);
    expect(tf.max(tf.abs(tf.sub(statistics(x, 0), expected))).dataSync()[0]).toBeLessThan(1e-5);
  });
});
