import { expect, it } from 'vitest';
import { Usage } from '../../../src/errors.js';
import { buildNets, initialParams } from '../../../src/models/train/nets.js';
import { chooseOptions, presets } from '../../../src/models/train/options.js';
import { tinyOptions } from './tiny.js';

it.each(Object.keys(presets))('the preset %s is valid', (name) => {
  expect(chooseOptions(name, {}).steps).toBeGreaterThan(0);
});

it("puts a person's choices above the preset, and leaves out what was not chosen", () => {
  const options = chooseOptions('paper', { base: 8, size: undefined });
  expect([options.base, options.size, options.styleWeight]).toEqual([8, 256, 25]);
});

it('refuses unknown presets, unknown options and numbers out of range', () => {
  expect(() => chooseOptions('none', {})).toThrow(Usage);
  expect(() => chooseOptions('toString', {})).toThrow(Usage);
  expect(() => chooseOptions('house', { colour: 1 })).toThrow(Usage);
  expect(() => chooseOptions('house', { bacth: 1 })).toThrow(
    expect.objectContaining({
      message: 'There is no option bacth.',
      hint: expect.stringMatching(/^Did you mean batch\?/),
    }),
  );
  expect(() => chooseOptions('house', { size: 30 })).toThrow('size');
  expect(() => chooseOptions('house', { batch: 0 })).toThrow('batch');
});

it('starts generated layers as a usual net with a small style part', () => {
  const nets = buildNets(tinyOptions({ group: 32 }));
  const params = initialParams(nets, 1);
  const spread = (name: string) => {
    const { data } = params.get(name)!;
    return Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length);
  };
  expect(spread('meta/make.res0a.weight.bias')).toBeCloseTo(Math.sqrt(2 / 72), 1);
  expect(spread('meta/make.res0a.weight.weight')).toBeLessThan(0.1 * spread('meta/make.res0a.weight.bias'));
  expect(new Set(params.get('meta/make.res0a.scale.bias')!.data)).toEqual(new Set([1]));
  expect(new Set(params.get('meta/make.res0a.shift.bias')!.data)).toEqual(new Set([0]));
  expect(initialParams(nets, 1)).toEqual(params);
  expect(initialParams(nets, 2)).not.toEqual(params);
});
