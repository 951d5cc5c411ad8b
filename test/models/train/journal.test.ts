import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { Journal } from '../../../src/models/train/journal.js';
import { histogramsIn } from './events.js';

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'journal-'));
  onTestFinished(() => rm(made, { recursive: true }));
  return made;
}

it('ends a line that a killed run left half-written before it writes its own', async () => {
  const out = await folder();
  {
    await using first = await Journal.open(out, 10, 'none');
    await first.begin(0, { base: 8 });
  }
  await appendFile(join(out, 'log.jsonl'), '{"event":"st');
  {
    await using second = await Journal.open(out, 10, 'none');
    await second.begin(3, { base: 8 });
    await second.end(3, 'failed');
  }
  const [begin, half, again, end, ...more] = (await readFile(join(out, 'log.jsonl'), 'utf8')).split('\n');
  expect(JSON.parse(begin!)).toMatchObject({ event: 'begin', step: 0, steps: 10, options: { base: 8 } });
  expect(half).toBe('{"event":"st');
  expect(JSON.parse(again!)).toMatchObject({ event: 'begin', step: 3 });
  expect(JSON.parse(end!)).toEqual({ event: 'end', step: 3, reason: 'failed' });
  expect(more).toEqual(['']);
});

it('writes histograms of many weights, and tells of those that are not finite', async () => {
  const out = await folder();
  {
    await using journal = await Journal.open(out, 10, 'none');
    await journal.histograms(5, {
      fine: Float32Array.of(1, 2, 3),
      broken: Float32Array.of(1, Number.NaN, Number.POSITIVE_INFINITY),
    });
  }
  const found = await histogramsIn(join(out, 'events'));
  expect(found.map(({ step, tag, histo }) => [step, tag, histo.num])).toEqual([
    [5, 'fine', 3],
    [5, 'broken', 1],
  ]);
});
