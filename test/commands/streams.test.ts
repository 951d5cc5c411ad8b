import { describe, expect, it } from 'vitest';
import { beginStreams, liveLanes } from '../../src/commands/streams.js';
import { Sessions } from '../../src/server/sessions.js';
import { settings } from '../../src/server/settings.js';
import { parts } from '../server/doubles.js';

describe('pictures painted at a time where people watch', () => {
  it.each([
    ...[
      [1, 1],
      [2, 2],
      [3, 1],
      [4, 1],
      [7, 1],
      [8, 2],
      [64, 2],
    ],
  ])('on %i cores are %i', (cores, lanes) => {
    expect(liveLanes(cores)).toBe(lanes);
  });
});

it('feeds a stream of the settings whose style is not there', async () => {
  const made = parts();
  await made.ready();
  await using sessions = new Sessions(made.parts, { streams: 4, viewers: 4 });
  const stage = { input: { kind: 'pattern' }, style: 'gone', maxAge: 120 };
  await beginStreams(sessions, settings.parse({ demo: false, streams: { stage } }));
  const { maxAge, input } = sessions.get('stage').info();
  expect(maxAge).toBe(120);
  expect(input.kind).not.toBe('card');
});
