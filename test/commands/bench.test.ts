import { beforeAll, describe, expect, it } from 'vitest';
import { livebrush, workshop } from './cli.js';

describe('livebrush bench', () => {
  beforeAll(async () => {
    await workshop();
  });

  it('measures TransformNet, MetaNet and both, for every engine, base and size asked for', async () => {
    const choice = ['--engine', 'identity', 'onnx/cpu', '--base', '2', '--size', '32x32', '64x32'];
    const { code, json } = await livebrush('bench', ...choice, '--seconds', '0.01', '--json');
    expect(code).toBe(0);
    const { rows, machine } = json() as { rows: Record<string, unknown>[]; machine: Record<string, unknown> };
    expect(rows.map(({ engine, size }) => `${engine} ${size}`).sort()).toEqual([
      'identity 32x32',
      'identity 64x32',
      'onnx/cpu 32x32',
      'onnx/cpu 64x32',
    ]);
    for (const row of rows)
      for (const rate of ['transform', 'meta', 'both']) expect(row[rate]).toBeGreaterThan(0);
    expect(machine).toMatchObject({ node: process.version });
  });

  it('prints a table for people', async () => {
    const choice = ['--engine', 'identity', '--base', '2', '--size', '32x32', '--seconds', '0.01'];
    const { code, stdout } = await livebrush('bench', ...choice);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^engine\s+base\s+size\s+frames\/s\s+styles\/s\s+both\/s/);
    expect(stdout).toMatch(/^identity\s+2\s+32x32\s+[\d.]+/m);
  });

  it.each([
    [['--size', '33x32'], '33x32'],
    [['--size', 'large'], 'large'],
    [['--base', '0'], '--base'],
    [['--seconds', 'soon'], '--seconds'],
    [['--engine', 'steam'], 'steam'],
  ])('refuses %j in one sentence', async (wrong, named) => {
    const { code, stderr } = await livebrush('bench', '--engine', 'identity', ...wrong);
    expect(code).toBe(2);
    expect(stderr).toContain(named);
    expect(stderr).not.toContain('    at ');
  });
});
