import { expect, it } from 'vitest';
import { framesAlive } from '../../../src/pipeline/frame.js';
import { NullSink } from '../../../src/pipeline/sinks/null.js';
import { PatternSource } from '../../../src/pipeline/sources/pattern.js';

it('the null sink counts frames and keeps none', async () => {
  const sink = new NullSink();
  const source = new PatternSource({ width: 8, height: 8, frames: 5 });
  for await (const frame of source.frames(new AbortController().signal)) await sink.write(frame);
  expect(sink.frames).toBe(5);
  expect(sink.finished).toBe(false);
  await sink.finish();
  expect(sink.finished).toBe(true);
  expect(framesAlive()).toBe(0);
});
