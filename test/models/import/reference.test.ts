import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBackend } from '../../../src/models/train/backend.js';
import { features, loadLossNetworks } from '../../../src/models/train/losses.js';

/** Loss networks with activations that others computed; they lie beside a checkout, or nowhere. */
const folder = fileURLToPath(new URL('../../../../shared/data/weights', import.meta.url));
const present = existsSync(join(folder, 'reference.json'));

interface Activation {
  readonly shape: [channels: number, height: number, width: number];
  readonly mean: number;
  readonly std: number;
  readonly first8_at_0_0: readonly number[];
}
const reference: Record<string, Record<string, Activation>> = present
  ? JSON.parse(readFileSync(join(folder, 'reference.json'), 'utf8'))
  : {};

const SIDE = 32;
const picture = () => {
  const flat = Array.from({ length: SIDE * SIDE * 3 }, (_, i) => {
    const [c, x, y] = [i % 3, Math.floor(i / 3) % SIDE, Math.floor(i / 3 / SIDE)];
    return ((7 * c + 13 * y + 29 * x) % 64) / 63;
  });
  return tf.tensor4d(flat, [1, SIDE, SIDE, 3]);
};

describe.skipIf(!present)(
  'loss networks against reference activations (skipped without ../shared/data/weights)',
  () => {
    beforeAll(() => useBackend('wasm'));

    const nets = Object.entries(reference).filter(([, layers]) => typeof layers === 'object');
    it.each(nets)('%s agrees in every layer', async (name, wanted) => {
      // A distilled net's projections stand in for its own features; the reference has the features themselves.
      const own = Object.keys(wanted);
      using network = (await loadLossNetworks([join(folder, `${name}.safetensors`)], own))[0]!;
      const plain = new Map(
        network.net.nodes.flatMap((node) => (node.op === 'relu' ? [[node.in, node.out] as const] : [])),
      );
      const outputs = Object.fromEntries(
        own.map((layer) => {
          const weight = `conv${layer.slice(4)}.weight`;
          const conv = network.net.nodes.find((node) => node.op === 'conv' && node.weight === weight)!;
          return [layer, plain.get(conv.out)!];
        }),
      );
      const got = features([{ ...network, net: { ...network.net, outputs } }], picture());
      for (const [layer, { shape, mean, std, first8_at_0_0: first }] of Object.entries(wanted)) {
        const tensor = got[layer] as tf.Tensor4D;
        expect(tensor.shape).toEqual([1, shape[1], shape[2], shape[0]]);
        const moments = tf.moments(tensor);
        expect(moments.mean.dataSync()[0]).toBeCloseTo(mean, 3);
        expect(Math.sqrt(moments.variance.dataSync()[0]!) / std).toBeCloseTo(1, 2);
        const values = tensor.dataSync();
        for (const [c, value] of first.entries()) expect(values[c]).toBeCloseTo(value, 3);
      }
    });
  },
);
