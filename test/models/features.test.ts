import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/models/engine.js';
import { openOnnx } from '../../src/models/engines/onnx.js';
import { featureNet, joinFeatures, weightsOfFeatures } from '../../src/models/features.js';
import { metaNet } from '../../src/models/nets/metanet.js';
import { transformNet } from '../../src/models/nets/transform.js';
import { seededPicture, seededWeights } from '../suites/weights.js';

describe('the features of a style picture', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await openOnnx();
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  const transform = transformNet({ base: 2, residuals: 1 });
  const picture = seededPicture({ width: 64, height: 64 }, 3);

  it.each([
    ['our own encoder', {}],
    ['no hidden layer', { hidden: 0 }],
    ['both encoders joined (seed 000)', { encoder: 'both' }],
  ] as const)('are all that a MetaNet with %s makes weights of', async (_, options) => {
    const meta = metaNet(transform, options);
    const params = seededWeights(meta, 'net', 5);
    await using whole = await engine.styler(meta, params);
    await using half = await engine.styler(featureNet(meta), params);
    const truth = await whole.weights(picture);
    const features = joinFeatures(meta, await half.weights(picture));
    const made = weightsOfFeatures(meta, params, features);
    expect([...made.keys()]).toEqual([...truth.keys()]);
    for (const [name, { shape, data }] of truth) {
      expect(made.get(name)!.shape).toEqual(shape);
      const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      expect(largest).toBeGreaterThan(0);
      for (const [i, x] of data.entries())
        expect(Math.abs(made.get(name)!.data[i]! - x)).toBeLessThan(1e-4 * largest + 1e-7);
    }
  });

  it('are refused where they are too many or too few', () => {
    const meta = metaNet(transform);
    const params = seededWeights(meta, 'net', 5);
    expect(() => weightsOfFeatures(meta, params, { shape: [3], data: new Float32Array(3) })).toThrow(
      'The style has 3 features where its model takes 326.',
    );
  });
});
