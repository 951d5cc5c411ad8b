import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { BadInput } from '../../../src/errors.js';
import { asMeta, readModel, writeModel } from '../../../src/models/model.js';
import { useBackend } from '../../../src/models/train/backend.js';
import {
  buildNets,
  cardOptions,
  generate,
  initialParams,
  paintEach,
  toVariables,
} from '../../../src/models/train/nets.js';
import type { TrainOptions } from '../../../src/models/train/options.js';
import { widened } from '../../../src/models/train/widen.js';
import { type Weights, withPrefix } from '../../../src/models/weights.js';
import { tinyOptions } from './tiny.js';

beforeAll(async () => {
  await useBackend('cpu');
});

const card = { name: 'small', training: {}, data: [], date: '2026-01-01', licence: 'MIT' };
const modelOf = (options: TrainOptions) => {
  const params = initialParams(buildNets(options), 1);
  const own = { base: withPrefix(params, 'transform/'), metaWeights: withPrefix(params, 'meta/') };
  return asMeta(readModel(writeModel({ ...card, ...cardOptions(options) }, own)));
};
const picture = (seed: number) => tf.randomUniform([1, 16, 16, 3], 0, 255, 'float32', seed) as tf.Tensor4D;
const painted = (options: TrainOptions, params: Weights) => {
  const [nets, variables] = [buildNets(options), toVariables(params)];
  return paintEach(nets, variables, generate(nets, variables, picture(1)), picture(2)).dataSync();
};

describe('a widened model', () => {
  const narrow = tinyOptions();
  const wide = tinyOptions({ base: 6 });

  it('paints as the narrow one', () => {
    const model = modelOf(narrow);
    const before = painted(narrow, widened(model, buildNets(narrow), 1));
    const after = painted(wide, widened(model, buildNets(wide), 1));
    for (const [i, value] of after.entries()) expect(value).toBeCloseTo(before[i]!, 4);
  });

  it('has copies that are not alike, so that each learns something of its own', () => {
    const last = widened(modelOf(narrow), buildNets(wide), 1).get('transform/last.weight')!;
    // [3, 6, 9, 9]: channels 0, 2 and 4 are copies.
    expect(last.data[0]).not.toBeCloseTo(last.data[2 * 81]!, 6);
    expect(last.data[2 * 81]).not.toBeCloseTo(last.data[4 * 81]!, 6);
  });

  it('is refused where more than the width differs', () => {
    const model = modelOf(narrow);
    for (const other of [tinyOptions({ base: 3 }), tinyOptions({ group: 5 }), tinyOptions({ residuals: 2 })])
      expect(() => widened(model, buildNets(other), 1)).toThrow(BadInput);
  });
});
