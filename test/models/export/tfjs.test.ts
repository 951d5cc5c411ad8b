import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { on, startBackend, type TfBackend } from '../../../src/models/engines/tfjs-backend.js';
import { difference } from '../../../src/models/export/compare.js';
import { exportTfjs, type TfjsExport } from '../../../src/models/export/tfjs.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import { fromPacked, type Pixels, toPacked } from '../../../src/models/pixels.js';
import { seededPicture } from '../../suites/weights.js';
import { byEngine, type Subject, seededSubject, shipped } from './subject.js';

/** Loads a GraphModel as TensorFlow.js does in a page, and paints with it. */
async function paint(
  subject: Subject,
  picture: Pixels,
  how: Omit<TfjsExport, 'weights'>,
  backend: TfBackend,
) {
  const files = exportTfjs(subject.net, { weights: subject.weights, ...how });
  const json = JSON.parse(new TextDecoder().decode(files.get('model.json'))) as tf.io.ModelJSON;
  const paths = json.weightsManifest.flatMap(({ paths }) => paths);
  const weightData = Uint8Array.from(Buffer.concat(paths.map((path) => files.get(path)!))).buffer;
  const weightSpecs = json.weightsManifest.flatMap(({ weights }) => weights);
  await startBackend(backend);
  const former = tf.getBackend();
  await tf.setBackend(backend);
  try {
    const model = await tf.loadGraphModel(
      tf.io.fromMemory({ ...(json as object), weightSpecs, weightData } as tf.io.ModelArtifacts),
    );
    const floats = how.pictures === 'floats';
    const { width, height } = picture;
    const painted = on(backend, () =>
      tf.tidy(() => {
        const bytes = tf.tensor(toPacked(picture), [1, height, width, 3], 'int32');
        const made = model.execute({ content: floats ? tf.div(bytes, 255) : bytes }) as tf.Tensor;
        return floats ? tf.round(tf.mul(made, 255)) : made;
      }),
    );
    expect(painted.dtype).toBe(floats ? 'float32' : 'int32');
    const data = Uint8Array.from(await painted.data());
    tf.dispose(painted);
    model.dispose();
    return fromPacked(data, { width, height });
  } finally {
    if (former) await tf.setBackend(former);
  }
}

describe('a style as a GraphModel paints what the engine paints', () => {
  const size = { width: 48, height: 32 };
  const picture = seededPicture(size, 5);

  it.each([
    ['any size', {}, 'wasm'],
    ['one size', { size }, 'wasm'],
    ['floats in and out', { pictures: 'floats' }, 'wasm'],
    ['any size, without WebAssembly', {}, 'cpu'],
  ] as const)('%s', async (_, how, backend) => {
    for (const output of ['sigmoid', 'linear'] as const) {
      const subject = seededSubject(transformNet({ base: 3, residuals: 1, output }));
      const truth = await byEngine(subject, [picture]);
      expect(new Set(truth[0]!.data).size).toBeGreaterThan(30);
      expect(difference(truth, [await paint(subject, picture, how, backend)]).max).toBeLessThanOrEqual(2);
    }
  });

  it('a preset, whose weights lie in 16 bits without loss', async () => {
    const subject = await shipped('wave');
    const truth = await byEngine(subject, [picture]);
    expect(difference(truth, [await paint(subject, picture, {}, 'wasm')]).max).toBeLessThanOrEqual(2);
    const numbers = [...subject.weights.values()].reduce((sum, { data }) => sum + data.length, 0);
    const files = exportTfjs(subject.net, { weights: subject.weights });
    const shard = files.get('group1-shard1of1.bin')!.byteLength;
    expect(shard).toBeGreaterThanOrEqual(2 * numbers);
    expect(shard).toBeLessThan(2 * numbers + 1000);
  });

  it('says what it is', () => {
    const { net, weights } = seededSubject(transformNet({ base: 2, residuals: 0 }));
    const files = exportTfjs(net, { weights, version: '1.2.3', metadata: { style: 'wave' } });
    expect([...files.keys()].at(-1)).toBe('model.json');
    expect(JSON.parse(new TextDecoder().decode(files.get('model.json')))).toMatchObject({
      format: 'graph-model',
      generatedBy: 'livebrush 1.2.3',
      userDefinedMetadata: { style: 'wave' },
    });
  });
});
