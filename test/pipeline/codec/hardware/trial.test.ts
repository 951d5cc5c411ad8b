import { describe, expect, it } from 'vitest';
import { type Trial, tryHardware } from '../../../../src/pipeline/codec/hardware/trial.js';
import { absent, disguised, hesitant } from './doubles.js';

const why = async (trial: Trial) => (await tryHardware(trial)).why;
const live = (encoder: typeof disguised) => why({ kind: 'live', encoder });

describe('the trial of a live encoder', () => {
  it('finds nothing wrong with one that does all it shall', async () => {
    expect(await live(disguised)).toBeUndefined();
  });

  it.each([
    ['is missing', absent, /has no encoder h264_nowhere/],
    ['keeps pictures back', hesitant, /keeps pictures back/],
    [
      'sends no headers with its key pictures',
      { ...disguised, options: { ...disguised.options, 'x264-params': 'repeat-headers=0:annexb=1' } },
      /lack their headers/,
    ],
    [
      'has a profile that nobody agreed to',
      { ...disguised, options: { ...disguised.options, preset: 'veryfast', profile: 'high' } },
      /baseline profile \(100\)/,
    ],
    [
      'paints them wrong',
      { ...disguised, options: { ...disguised.options, qp: '51' } },
      /come out wrong \(\d+ dB/,
    ],
    ['takes no such pixels', { ...disguised, pixels: 'nowhere' }, /no pixels named nowhere/],
  ])('says what is wrong with one that %s', async (_, encoder, sentence) => {
    expect(await live(encoder)).toMatch(sentence);
  });
});

describe('the trial of an encoder for files', () => {
  it('lets it keep pictures back and reorder them', async () => {
    const encoder = { ...hesitant, options: { preset: 'veryfast', crf: '18' } };
    expect(await why({ kind: 'file', codec: 'h264', encoder })).toBeUndefined();
  });

  it('says what is wrong with one that has no device', async () => {
    const surfaces = { device: 'nowhere', format: 'vaapi' };
    const encoder = { ...disguised, surfaces };
    expect(await why({ kind: 'file', codec: 'h264', encoder })).toMatch(/device of nowhere/);
  });
});

describe('the trial of a decoder', () => {
  it('compares what it shows', async () => {
    expect(await why({ kind: 'decode', codec: 'av1', decoder: { decoder: 'libdav1d' } })).toBeUndefined();
  });

  it('refuses one that this build lacks, or that decodes something else', async () => {
    expect(await why({ kind: 'decode', codec: 'h264', decoder: { decoder: 'h264_nowhere' } })).toMatch(
      /lacks it/,
    );
    expect(await why({ kind: 'decode', codec: 'h264', decoder: { decoder: 'vp9' } })).toBeDefined();
  });
});
