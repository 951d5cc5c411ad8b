import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { readMetadata } from '../../src/models/weights.js';
import { noise, tinyLossNetwork } from '../models/train/tiny.js';
import { livebrush, start, workshop } from './cli.js';

let folder = '';
let photo = '';
const painting = (name: string) => join(folder, `${name}.png`);
beforeAll(async () => {
  ({ folder, style: photo } = await workshop());
  await mkdir(join(folder, 'content'));
  for (let i = 0; i < 12; i++) await writeFile(join(folder, 'content', `${i}.png`), await noise(40, 30, i));
  for (const [i, name] of ['wave', 'scream'].entries())
    await writeFile(painting(name), await noise(50, 60, 90 + i));
  await writeFile(join(folder, 'loss.safetensors'), tinyLossNetwork());
});

const common = (out: string) => [
  ...[
    '--content',
    join(folder, 'content'),
    '--loss',
    join(folder, 'loss.safetensors'),
    '--out',
    join(folder, out),
  ],
  ...['--size', '16', '--batch', '2', '--style-size', '32', '--backend', 'cpu', '--json'],
  ...[
    'holdout=0.3',
    'styleLayers=["relu1_1","relu2_1"]',
    'contentLayers=["relu2_1"]',
    'logEvery=1',
    'sheetSide=1',
  ].flatMap((text) => ['--set', text]),
];
const small = ['--net', 'small', '--alpha', '0.1', '--residuals', '1'];
const paint = (out: string, ...styles: string[]) =>
  livebrush(
    ...['image', photo, '--out', join(folder, `${out}-${styles.join('-').replaceAll(':', '')}.png`)],
    ...['--model', join(folder, out, 'model.safetensors'), '--engine', 'onnx/cpu'],
    ...styles.flatMap((style) => ['--style', style]),
  );

describe('livebrush train style', { timeout: 300_000 }, () => {
  const tune = (out: string, ...more: string[]) =>
    livebrush(
      ...['train', 'style', '--style', painting('wave'), ...common(out), '--steps', '2'],
      ...['--size', '16', '--batch', '1', '--set', 'evaluatePairs=1', ...more],
    );

  it('tunes a style of the default model, which paints and is kept by name', async () => {
    const made = await tune('tuned', '--title', 'The wave', '--licence', 'CC0');
    expect(made.stderr).not.toContain('    at ');
    const style = join(folder, 'tuned', 'style.safetensors');
    expect(made.json()).toMatchObject({ step: 2, skips: 0, backend: 'cpu', style });
    expect(JSON.parse(readMetadata(await readFile(style)).livebrush!)).toMatchObject({
      ...{ kind: 'style', name: 'wave', title: 'The wave', model: 'fast', licence: 'CC0' },
    });
    const out = join(folder, 'tuned.png');
    const painted = await livebrush('image', photo, '--style', style, '--out', out, '--engine', 'onnx/cpu');
    expect(painted.code).toBe(0);
    const added = await livebrush('styles', 'add', painting('wave'), '--name', 'mine', '--tuned', style);
    expect(added.stderr).toBe('');
    expect(added.code).toBe(0);
    const shown = (await livebrush('styles', 'show', 'mine', '--json')).json();
    expect(shown).toMatchObject({ style: { source: 'user', tuned: ['fast'] } });

    expect((await livebrush('styles', 'add', painting('scream'), '--name', 'later')).code).toBe(0);
    expect((await livebrush('styles', 'add', 'never', '--tuned', style)).code).not.toBe(0);
    const later = await livebrush('styles', 'add', 'later', '--tuned', style, '--json');
    expect(later.json()).toMatchObject({ tuned: { name: 'later', title: 'Later' } });
    expect((await livebrush('styles', 'show', 'later')).stdout).toMatch(/tuned for +fast/);
    expect((await livebrush('styles', 'remove', 'later')).code).toBe(0);
    expect((await livebrush('styles', 'remove', 'mine')).code).toBe(0);
  });

  it.each([
    [['--style', 'no-such-style'], 1, 'no-such-style'],
    [['--model', 'nothing'], 1, 'nothing'],
    [['--name', 'Not a name'], 2, 'Not a name'],
    [['--set', 'base=16'], 2, 'base'],
  ])('refuses %j in one sentence', async (wrong, code, named) => {
    const ended = await tune('refused', ...wrong);
    expect(ended.code).toBe(code);
    expect(ended.stderr).toContain(named);
    expect(ended.stderr).not.toContain('    at ');
    expect(await readdir(folder)).not.toContain('refused');
  });
});

describe('livebrush train single', { timeout: 300_000 }, () => {
  const train = ['train', 'single', '--style'];
  it('makes a model of one style that paints, and refuses other styles in words', async () => {
    const made = await livebrush(...train, painting('wave'), ...common('single'), ...small, '--steps', '3');
    expect(made.stderr).not.toContain('    at ');
    expect(made.json()).toMatchObject({ step: 3, skips: 0, backend: 'cpu' });
    const card = readMetadata(await readFile(join(folder, 'single', 'model.safetensors'))).livebrush!;
    expect(JSON.parse(card)).toMatchObject({
      ...{ kind: 'styled-model', name: 'single', styles: [{ name: 'wave' }] },
      transform: { base: 3, residuals: 1, even: true },
    });
    expect((await paint('single', 'wave')).code).toBe(0);
    const refused = await paint('single', painting('scream'));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('The model single paints only its own style: wave.');
    expect(refused.stderr).not.toContain('    at ');
  });

  it('is scored on its own painting', async () => {
    const scored = await livebrush(
      ...['score', '--model', join(folder, 'single', 'model.safetensors'), '--style', painting('wave')],
      ...[
        '--content',
        join(folder, 'content'),
        '--loss',
        join(folder, 'loss.safetensors'),
        '--backend',
        'cpu',
      ],
      ...['--pairs', '2', '--size', '32', '--holdout', '0.3', '--reference-steps', '3', '--json'],
      ...['--style-layers', 'relu1_1,relu2_1', '--content-layers', 'relu2_1'],
    );
    expect(scored.stderr).not.toContain('    at ');
    expect(scored.json()).toMatchObject({ name: 'single', pairs: [{ style: painting('wave') }, {}] });
    const folders = await livebrush(
      ...[
        'score',
        '--model',
        join(folder, 'single', 'model.safetensors'),
        '--style',
        join(folder, 'content'),
      ],
      ...['--content', join(folder, 'content'), '--loss', join(folder, 'loss.safetensors')],
    );
    expect([folders.code, folders.stderr]).toEqual([2, expect.stringContaining('--style painting.jpg')]);
  });

  it('goes on to the bit after it was killed at a random moment, no checkpoint lost', async () => {
    // So many that none ends before it is killed, also where this process has to wait for its turn.
    const steps = [
      '--steps',
      '24',
      '--set',
      'saveEvery=2',
      '--set',
      'evaluateEvery=6',
      '--set',
      'sheetEvery=6',
    ];
    const begin = (out: string) => [...train, painting('wave'), ...common(out), ...small, ...steps];
    expect((await livebrush(...begin('whole'))).code).toBe(0);
    const checkpoints = join(folder, 'killed', 'checkpoints');
    const kept = async () =>
      (await readdir(checkpoints).catch(() => [] as string[])).filter((name) => /^step-/.test(name)).sort();
    let kills = 0;
    for (let i = 0; i < 2; i++) {
      const before = await kept();
      const run = start([...begin('killed'), ...(before.length > 0 ? ['--resume'] : [])]);
      // Some new checkpoint is written, then it dies anywhere: while it computes, or while it writes.
      while (run.process.exitCode === null && (await kept()).at(-1) === before.at(-1)) await sleep(5);
      await sleep(60 * Math.random());
      kills += Number(run.process.kill('SIGKILL'));
      await run.ended;
      expect((await kept()).at(-1)! > (before.at(-1) ?? '')).toBe(true);
    }
    expect(kills).toBeGreaterThan(0);
    expect((await livebrush(...begin('killed'), '--resume')).code).toBe(0);
    const numbers = async (out: string) => {
      const lines = (await readFile(join(folder, out, 'log.jsonl'), 'utf8')).trim().split('\n');
      const steps = new Map<number, unknown>();
      for (const line of lines) {
        // A line cut off by a kill stands by itself and is no JSON.
        if (!line.endsWith('}')) continue;
        const { event, step, total, norm, rate } = JSON.parse(line);
        if (event === 'step') steps.set(step, [total, norm, rate]);
      }
      return [...steps].sort(([a], [b]) => a - b);
    };
    expect(await numbers('killed')).toEqual(await numbers('whole'));
    expect(await numbers('whole')).toHaveLength(24);
    const last = (out: string) =>
      readFile(join(folder, out, 'checkpoints', 'step-00000024', 'weights.safetensors'));
    expect((await last('killed')).equals(await last('whole'))).toBe(true);
  });
});

describe('livebrush train multi', { timeout: 300_000 }, () => {
  it('makes a model of several styles that mixes them, and to which one can be added', async () => {
    const train = (...given: string[]) => livebrush('train', 'multi', ...given, ...common('multi'), ...small);
    const steps = ['--steps', '3', '--later-steps', '2'];
    const made = await train('--style', painting('wave'), ...steps);
    expect(made.stderr).not.toContain('    at ');
    expect(made.json()).toMatchObject({ styles: [{ style: 'wave', step: 3 }] });
    const added = await train('--add', painting('scream'), ...steps);
    expect(added.json()).toMatchObject({ styles: [{ style: 'scream', step: 2 }] });
    expect((await paint('multi', 'wave:3', 'scream:0.5')).code).toBe(0);
    const again = await train('--style', painting('wave'), ...steps);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('--add')]);
    const both = await train('--style', painting('wave'), '--add', painting('scream'));
    expect([both.code, both.stderr]).toEqual([2, expect.stringContaining('--add')]);
  });
});
