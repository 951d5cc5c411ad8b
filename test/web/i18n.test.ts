import { describe, expect, it } from 'vitest';
import { en } from '../../web/src/i18n/en.js';
import { bytes, clock, setLanguage, t } from '../../web/src/i18n/index.js';
import { zh } from '../../web/src/i18n/zh.js';

const keys = Object.keys(en) as (keyof typeof en)[];
const slots = (sentence: string) => [...sentence.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort();
/** What is called the same everywhere. */
const SAME = /^(HLS|RTMP|SRT)$/;

describe('the two languages', () => {
  it('have the same sentences', () => {
    expect(Object.keys(zh).sort()).toEqual([...keys].sort());
  });

  it('fill in the same names', () => {
    for (const key of keys) expect(slots(zh[key]), key).toEqual(slots(en[key]));
  });

  it('leave nothing untranslated', () => {
    for (const key of keys) {
      if (en[key] === '' || SAME.test(en[key])) continue;
      expect(zh[key], key).toMatch(/\p{Script=Han}/u);
      expect(en[key], key).not.toMatch(/\p{Script=Han}/u);
    }
  });

  it('speak the one that is chosen, with names filled in', () => {
    setLanguage('zh');
    expect(t('close')).toBe('关闭');
    expect(t('cycle.running', { n: 3 })).toBe('每 3 帧');
    setLanguage('en');
    expect(t('cycle.running', { n: 3 })).toBe('every 3 frames');
  });

  it('write times and sizes', () => {
    expect([clock(5), clock(65), clock(3665)]).toEqual(['0:05', '1:05', '1:01:05']);
    expect([bytes(0), bytes(999), bytes(1_500_000)]).toEqual(['0 B', '999 B', '1.5 MB']);
  });
});
