import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { openTfjs, probeTfjs } from '../../../src/models/engines/tfjs.js';
import { on } from '../../../src/models/engines/tfjs-backend.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import { describeEngine } from '../../suites/engine.js';
import { seededPicture, seededWeights } from '../../suites/weights.js';

describeEngine('tfjs/wasm', () => openTfjs('wasm'));
describeEngine('tfjs/cpu', () => openTfjs('cpu'), { slow: true });

const size = { width: 32, height: 24 };
const net = transformNet({ base: 2, residuals: 1 });
const base = seededWeights(net, 'net', 1);

describe('TensorFlow.js engines in one process', () => {
  it('hold no more tensors after many paintings, and none that they made once they are closed', async () => {
    const before = tf.memory().numTensors;
    const engine = await openTfjs('wasm');
    const painter = await engine.painter(net, base, size);
    const style = await painter.bind(seededWeights(net, 'style', 2));
    const pixels = seededPicture(size);
    await painter.paint([{ pixels, style }]);
    const painting = tf.memory().numTensors;
    for (let i = 0; i < 20; i++) await painter.paint([{ pixels, style }]);
    expect(tf.memory().numTensors).toBe(painting);
    await engine[Symbol.asyncDispose]();
    expect(tf.memory().numTensors).toBe(before);
  });

  it('paint at the same time on two backends, each right', async () => {
    await using wasm = await openTfjs('wasm');
    await using cpu = await openTfjs('cpu');
    const painters = [await wasm.painter(net, base, size), await cpu.painter(net, base, size)];
    const bounds = await Promise.all(painters.map((painter) => painter.bind(seededWeights(net, 'style', 2))));
    const pictures = [1, 2, 3].map((seed) => seededPicture(size, seed));
    const paintings = await Promise.all(
      pictures.flatMap((pixels) =>
        painters.map(async (painter, i) => (await painter.paint([{ pixels, style: bounds[i]! }]))[0]!),
      ),
    );
    for (let i = 0; i < paintings.length; i += 2) {
      const [one, other] = [paintings[i]!.data, paintings[i + 1]!.data];
      const most = one.reduce((gap, value, at) => Math.max(gap, Math.abs(value - other[at]!)), 0);
      expect(most).toBeLessThan(3);
    }
  });

  it('put back the backend that was current, also when the work fails', async () => {
    await using _wasm = await openTfjs('wasm');
    await using _cpu = await openTfjs('cpu');
    on('cpu', () => {
      expect(tf.getBackend()).toBe('cpu');
      expect(() =>
        on('wasm', () => {
          expect(tf.getBackend()).toBe('wasm');
          throw new Error('on purpose');
        }),
      ).toThrow('on purpose');
      expect(tf.getBackend()).toBe('cpu');
    });
  });

  it('leave it to the program what happens to errors that nobody catches', async () => {
    await using _ = await openTfjs('wasm');
    const listeners = ['uncaughtException', 'unhandledRejection'].flatMap((event) =>
      process.rawListeners(event).map(String),
    );
    expect(listeners.filter((text) => /ExitStatus|throw reason/.test(text))).toEqual([]);
  });

  it('say what they run on', async () => {
    expect(await probeTfjs('wasm')).toMatchObject({ name: 'tfjs/wasm', present: true });
    expect((await probeTfjs('cpu')).device).toContain('JavaScript');
  });
});
