import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BadInput } from '../../src/errors.js';
import { readModel, writeModel } from '../../src/models/model.js';
import { readWeights, type Tensor, type Weights, writeWeights } from '../../src/models/weights.js';
import { tinyModel, tinyModelFile } from './tiny-model.js';

/** The tiny model's file with its tensors or its card changed. */
function changed(change: {
  weights?: (weights: Map<string, Tensor>) => void;
  card?: (card: Record<string, unknown>) => void;
}): Uint8Array {
  const { weights, metadata } = readWeights(tinyModelFile());
  const tensors = new Map(weights);
  const card = JSON.parse(metadata.livebrush!) as Record<string, unknown>;
  change.weights?.(tensors);
  change.card?.(card);
  return writeWeights(tensors, { livebrush: JSON.stringify(card) });
}

function refusal(bytes: Uint8Array): string {
  try {
    readModel(bytes, 'It');
  } catch (error) {
    expect(error).toBeInstanceOf(BadInput);
    return (error as BadInput).message;
  }
  return expect.fail('it was read');
}

const someTensor = (weights: Weights) => [...weights][Math.floor(weights.size / 2)]!;

describe('a model file', () => {
  it('gives back its card, its nets and their numbers', () => {
    const model = tinyModel('mine');
    expect(model.card).toMatchObject({ name: 'mine', licence: 'MIT', transform: { base: 2 } });
    expect(model.transform.name).toBe('transform-2');
    const again = readModel(writeModel(model.card, model));
    expect(again.base).toEqual(model.base);
    expect(again.metaWeights).toEqual(model.metaWeights);
    expect(again.id).toBe(model.id);
  });

  it('has an id that follows its numbers, not its name', () => {
    expect(tinyModel('other').id).toBe(tinyModel('mine').id);
    expect(tinyModel('mine', 2).id).not.toBe(tinyModel('mine', 1).id);
    const flipped = changed({
      weights: (weights) => {
        const [name, { shape, data }] = someTensor(weights);
        weights.set(name, { shape, data: data.with(0, data[0]! + 1) });
      },
    });
    expect(readModel(flipped).id).not.toBe(tinyModel().id);
  });
});

describe('a model file is refused when', () => {
  it.each<[string, Parameters<typeof changed>[0], RegExp]>([
    ['a tensor is missing', { weights: (w) => w.delete(someTensor(w)[0]) }, /is missing/],
    [
      'a tensor is too many',
      { weights: (w) => w.set('meta/more', { shape: [], data: new Float32Array(1) }) },
      /not of this net/,
    ],
    [
      'a tensor belongs to neither net',
      { weights: (w) => w.set('more', { shape: [], data: new Float32Array(1) }) },
      /neither to its TransformNet nor to its MetaNet/,
    ],
    [
      'a tensor has another shape',
      { weights: (w) => w.set(someTensor(w)[0], { shape: [1], data: new Float32Array(1) }) },
      /where the net wants/,
    ],
    [
      'a number is not finite',
      {
        weights: (w) => {
          const [name, { shape, data }] = someTensor(w);
          w.set(name, { shape, data: data.with(0, Number.NaN) });
        },
      },
      /not finite/,
    ],
    [
      'it is of a later format',
      { card: (card) => Object.assign(card, { format: 2 }) },
      /this version cannot read: format/,
    ],
    ['it is a style', { card: (card) => Object.assign(card, { kind: 'style' }) }, /kind/],
    ['its name could be a path', { card: (card) => Object.assign(card, { name: '../x' }) }, /name/],
    [
      'its net is beyond all bounds',
      { card: (card) => Object.assign(card, { transform: { base: 1e9 } }) },
      /transform.base/,
    ],
    [
      'its MetaNet is beyond all bounds',
      { card: (card) => Object.assign(card, { meta: { group: 1e9 } }) },
      /meta.group/,
    ],
    [
      'its net has unknown options',
      { card: (card) => Object.assign(card, { transform: { more: 1 } }) },
      /transform/,
    ],
    [
      'its net is another size',
      { card: (card) => Object.assign(card, { transform: { base: 4 } }) },
      /does not fit its net/,
    ],
  ])('%s', (_, change, reason) => {
    expect(refusal(changed(change))).toMatch(reason);
  });

  it('nothing of its net is generated', () => {
    const bytes = changed({
      card: (card) => Object.assign(card, { transform: { base: 2, generated: 'none', affine: 'none' } }),
    });
    expect(refusal(bytes)).toMatch(/no generated weights/);
  });

  it('it does not say what it is, or says no JSON', () => {
    const { weights } = readWeights(tinyModelFile());
    expect(refusal(writeWeights(weights))).toMatch(/was not written by Livebrush/);
    expect(refusal(writeWeights(weights, { livebrush: '{' }))).toMatch(/was not written by Livebrush/);
    expect(refusal(writeWeights(weights, { livebrush: '[]' }))).toMatch(/cannot read/);
  });

  it('bytes of its header are changed, or anything is cut off, and then in words', () => {
    const good = tinyModelFile();
    const header = new DataView(good.buffer).getUint32(0, true);
    fc.assert(
      fc.property(
        fc.array(fc.record({ at: fc.nat(header + 8), to: fc.nat(255) }), { maxLength: 4 }),
        fc.nat(good.length),
        fc.boolean(),
        (changes, length, cut) => {
          const bytes = good.slice(0, cut ? length : good.length);
          for (const { at, to } of changes) if (at < bytes.length) bytes[at] = to;
          try {
            readModel(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(BadInput);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
