import { expect, it } from 'vitest';
import { fieldsOf } from '../../src/pipeline/fields.js';

it('goes by the pictures where they tell, else by the container', () => {
  expect(fieldsOf('h264', 'tt')).toBe('as told');
  expect(fieldsOf('ffv1', 'progressive')).toBe('as told');
  expect(fieldsOf('ffv1', undefined)).toBe('as told');
});

it('takes the field that is shown first for the earlier one', () => {
  expect(['tt', 'bt', 'bb', 'tb'].map((order) => fieldsOf('png', order))).toEqual([
    'tff',
    'tff',
    'bff',
    'bff',
  ]);
});

it('leaves single fields alone', () => {
  expect(fieldsOf('hevc', 'tt')).toBe('never');
});
