import { beforeAll, expect, it } from 'vitest';
import { livebrush, workshop } from './cli.js';

let shop: Awaited<ReturnType<typeof workshop>>;
beforeAll(async () => {
  shop = await workshop();
});

it('measures drawn clips, and names no ratio to what does not change at all', async () => {
  const small = ['--engine', 'identity', '--seconds', '0.4', '--size', '64x32', '--sigma', '2'];
  const ended = await livebrush('flicker', '--style', shop.style, '--model', shop.model, ...small);
  expect(ended.code).toBe(0);
  const noise = ended.stdout.split('\n').find((line) => line.startsWith('noise'))!;
  expect(noise.trim().split(/\s+/).slice(2, 8)).toEqual(['100', '%', expect.any(String), '0.00', '-', '-']);
  expect(ended.stdout).not.toContain('Infinity');
});
