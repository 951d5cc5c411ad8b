import { describe, expect, it } from 'vitest';
import { BadInput, Usage } from '../../src/errors.js';
import { weightsOfFeatures } from '../../src/models/features.js';
import { checkName, nameFrom, readStyle, writeFeatures, writeStyle } from '../../src/models/style.js';
import { halved, readWeights, writeWeights } from '../../src/models/weights.js';
import { randomWeights, tinyModel, tinyModelFile } from './tiny-model.js';

const model = tinyModel();
const card = {
  name: 'wave',
  title: 'The Great Wave',
  artist: 'Hokusai',
  year: 'c. 1831',
  date: '2026-01-01',
  licence: 'CC0-1.0',
  provenance: 'made by MetaNet',
};
const weights = randomWeights(model.transform, 'style', 5);

describe('a style file', () => {
  it('gives back its card and its weights, as halves', () => {
    const back = readStyle(writeStyle(card, weights, model), model);
    expect(back.card).toEqual({ ...card, format: 1, kind: 'style', model: 'tiny', modelId: model.id });
    expect([...back.weights.keys()]).toEqual([...weights.keys()]);
    for (const [name, { data }] of weights)
      for (const [i, value] of data.entries()) expect(back.weights.get(name)!.data[i]).toBeCloseTo(value, 3);
  });

  it('may hold the features of its picture, and gives the weights that the MetaNet makes of them', () => {
    const features = { shape: [326], data: Float32Array.from({ length: 326 }, (_, i) => Math.sin(i)) };
    const file = writeFeatures(card, features, model);
    expect(file.byteLength).toBeLessThan(2500);
    const back = readStyle(file, model);
    expect(back.card.name).toBe('wave');
    expect([...back.weights.keys()].sort()).toEqual([...weights.keys()].sort());
    const made = weightsOfFeatures(model.meta, model.metaWeights, features);
    for (const [name, { data }] of halved(made)) expect(back.weights.get(name)!.data).toEqual(data);
    const short = { shape: [3], data: new Float32Array(3) };
    expect(() => writeFeatures(card, short, model)).toThrow('3 features where its model takes 326');
    const { metadata } = readWeights(file);
    const cut = writeWeights(new Map([['features', short]]), metadata);
    expect(() => readStyle(cut, model)).toThrow(BadInput);
  });

  it('is not written of weights that are not a style of the model', () => {
    const less = new Map([...weights].slice(1));
    expect(() => writeStyle(card, less, model)).toThrow(
      /style wave does not fit the model tiny: tensor .* is missing/,
    );
  });

  it('is refused by a model with other numbers, and by one with another net', () => {
    const file = writeStyle(card, weights, model);
    expect(() => readStyle(file, tinyModel('tiny', 7))).toThrow(/another version of the model tiny/);
    expect(() => readStyle(file, tinyModel('other', 7))).toThrow(/for the model tiny, not for other/);
  });

  it.each<[string, (card: Record<string, unknown>) => unknown, RegExp]>([
    [
      'is a model',
      () => JSON.parse(readWeights(tinyModelFile()).metadata.livebrush!),
      /is a model, not a style/,
    ],
    ['has a name that could be a path', (card) => ({ ...card, name: '../wave' }), /cannot read: name/],
    ['has a title beyond bounds', (card) => ({ ...card, title: 'x'.repeat(1000) }), /cannot read: title/],
    ['is of a later format', (card) => ({ ...card, format: 2 }), /cannot read: format/],
  ])('is refused when it %s', (_, change, reason) => {
    const { weights, metadata } = readWeights(
      writeStyle(card, randomWeights(model.transform, 'style', 5), model),
    );
    const bytes = writeWeights(weights, {
      livebrush: JSON.stringify(change(JSON.parse(metadata.livebrush!))),
    });
    expect(() => readStyle(bytes, model)).toThrow(reason);
    expect(() => readStyle(bytes, model)).toThrow(BadInput);
  });

  it('is refused when a number is not finite', () => {
    const [name, { shape, data }] = [...weights][0]!;
    const { metadata } = readWeights(writeStyle(card, weights, model));
    const bytes = writeWeights(new Map(weights).set(name, { shape, data: data.with(0, 1e9) }), metadata);
    expect(() => readStyle(bytes, model)).toThrow(/not finite/);
  });
});

describe('names', () => {
  it.each([
    ['wave', 'wave'],
    ['My Painting.png', 'my-painting'],
    ['Großer Löwe (2).jpg', 'grosser-lowe-2'],
    ['..', undefined],
    ['浪.jpg', undefined],
    ['../../etc/passwd', 'etc-passwd'],
    ['a.b.c.jpeg', 'a-b-c'],
    ['-x-.png', 'x'],
    [`${'a'.repeat(63)}-b.png`, 'a'.repeat(63)],
  ])('are made of %j', (text, name) => {
    expect(nameFrom(text)).toBe(name);
  });

  it('are letters a to z, digits and hyphens', () => {
    for (const good of ['a', '7', 'the-great-wave-2', 'a'.repeat(64)]) expect(checkName(good)).toBe(good);
    for (const bad of ['', '.', '..', 'a/b', 'a\\b', 'A', 'a.b', '-a', 'a'.repeat(65), 'a\n', 'é'])
      expect(() => checkName(bad)).toThrow(Usage);
  });
});
