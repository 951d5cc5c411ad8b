import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BadInput } from '../../src/errors.js';
import { asMeta, isStyled, readModel, writeModel } from '../../src/models/model.js';
import { readWeights, type Tensor, type Weights, writeWeights } from '../../src/models/weights.js';
import { tinyModel, tinyModelFile, tinyStyled, tinyStyledFile } from './tiny-model.js';

/** A model's file with its tensors or its card changed. */
function changed(
  change: {
    weights?: (weights: Map<string, Tensor>) => void;
    card?: (card: Record<string, unknown>) => void;
  },
  file = tinyModelFile(),
): Uint8Array {
  const { weights, metadata } = readWeights(file);
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
    const again = asMeta(readModel(writeModel(model.card, model)));
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

describe('the file of a model of its own styles', () => {
  it('gives back its card, its net, and the numbers of each style', () => {
    const model = tinyStyled();
    expect(model.card).toMatchObject({
      kind: 'styled-model',
      styles: [
        { name: 'wave', title: 'The wave' },
        { name: 'scream', title: 'The scream' },
      ],
    });
    const { weights } = readWeights(tinyStyledFile());
    expect([...model.styles.keys()]).toEqual(['wave', 'scream']);
    for (const [name, style] of model.styles)
      for (const [key, tensor] of style) expect(weights.get(`style/${name}/${key}`)).toEqual(tensor);
    expect(model.styles.get('wave')!.size).toBeGreaterThan(0);
    expect(model.base.get('first.weight')).toEqual(weights.get('transform/first.weight'));
  });

  it('may hold one style that is the net itself', () => {
    const model = tinyStyled(['wave'], { affine: 'net' });
    expect([...model.styles]).toEqual([['wave', new Map()]]);
    expect(model.base.has('first.scale')).toBe(true);
  });

  it('has an id that follows its numbers and the names of its styles, not its own name', () => {
    const { id } = tinyStyled();
    expect(tinyStyled(['wave', 'scream'], { name: 'other' }).id).toBe(id);
    expect(tinyStyled(['wave', 'scream'], { seed: 2 }).id).not.toBe(id);
    expect(tinyStyled(['wave', 'dawn']).id).not.toBe(id);
  });

  it('is told apart from one with a MetaNet', () => {
    expect(isStyled(tinyStyled())).toBe(true);
    expect(isStyled(tinyModel())).toBe(false);
    expect(() => asMeta(tinyStyled())).toThrow(
      'The model own has no MetaNet: it paints only its own styles: wave, scream.',
    );
  });

  it.each<[string, Parameters<typeof changed>[0], RegExp]>([
    ['a style is missing', { weights: (w) => w.delete('style/wave/first.scale') }, /style wave.*is missing/],
    [
      'a style is not of its card',
      { weights: (w) => w.set('style/dawn/first.scale', w.get('style/wave/first.scale')!) },
      /neither to its TransformNet nor to its styles/,
    ],
    [
      'a style has a tensor too many',
      { weights: (w) => w.set('style/wave/more', { shape: [], data: new Float32Array(1) }) },
      /style wave.*not of this net/,
    ],
    [
      'it holds a MetaNet too',
      { weights: (w) => w.set('meta/hidden.weight', { shape: [], data: new Float32Array(1) }) },
      /neither/,
    ],
    [
      'a number of a style is not finite',
      {
        weights: (w) => w.set('style/wave/first.scale', { shape: [2], data: Float32Array.of(1, Number.NaN) }),
      },
      /not finite/,
    ],
    ['it names no style', { card: (card) => Object.assign(card, { styles: [] }) }, /styles/],
    [
      'it names a style twice',
      {
        card: (card) =>
          Object.assign(card, {
            styles: [
              { name: 'wave', title: '' },
              { name: 'wave', title: '' },
            ],
          }),
      },
      /names one twice/,
    ],
    [
      'a style could be a path',
      { card: (card) => Object.assign(card, { styles: [{ name: '../wave', title: '' }] }) },
      /styles/,
    ],
    [
      'it has more styles than one can list',
      {
        card: (card) =>
          Object.assign(card, {
            styles: Array.from({ length: 300 }, (_, i) => ({ name: `s${i}`, title: '' })),
          }),
      },
      /styles/,
    ],
    ['it says it is of no known kind', { card: (card) => Object.assign(card, { kind: 'x' }) }, /kind/],
    ['it says it has a MetaNet', { card: (card) => Object.assign(card, { kind: 'model' }) }, /meta/],
  ])('is refused when %s', (_, change, reason) => {
    expect(refusal(changed(change, tinyStyledFile()))).toMatch(reason);
  });

  it('is refused when it names several styles of a net that knows only one', () => {
    const two = [
      { name: 'wave', title: '' },
      { name: 'scream', title: '' },
    ];
    const bytes = changed(
      { card: (card) => Object.assign(card, { styles: two }) },
      tinyStyledFile(['wave'], { affine: 'net' }),
    );
    expect(refusal(bytes)).toMatch(/its net knows only one/);
  });
});

it('keeps its id when nets learn new options: presets and caches are keyed by it', () => {
  expect(tinyModel().id).toBe('af39dae9908f42a9dbe7edb3cd781b7e');
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
    ['it is a style', { card: (card) => Object.assign(card, { kind: 'style' }) }, /is a style, not a model/],
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

  it.each([
    ['a MetaNet', tinyModelFile()],
    ['styles of its own', tinyStyledFile()],
  ])(
    'bytes of the header of one with %s are changed, or anything is cut off, and then in words',
    (_, good) => {
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
    },
  );
});
