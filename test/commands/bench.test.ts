import { beforeAll, describe, expect, it } from 'vitest';
import { livebrush, workshop } from './cli.js';

const tiny = ['--base', '2', '--size', '32x32'];
type Row = Record<string, unknown>;

describe('livebrush bench', () => {
  let model: string;
  let style: string;

  beforeAll(async () => {
    ({ model, style } = await workshop());
  });

  it('compares engines with each other, and with the net as written and the dense product', async () => {
    const engines = ['--engine', 'onnx/cpu', 'identity', '--against', 'onnxruntime'];
    const { code, stdout, json } = await livebrush(
      'bench',
      ...engines,
      ...tiny,
      '--seconds',
      '0.5',
      '--json',
    );
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    const told = json() as {
      groups: { lines: Row[]; best: string; gflop: number }[];
      machine: Row;
      part: string;
    };
    expect(told).toMatchObject({ part: 'compare', machine: { node: process.version } });
    const [group] = told.groups;
    const ours = group!.best;
    expect(ours).toMatch(/^onnx\/cpu/);
    expect(group).toMatchObject({ base: 2, size: '32x32' });
    const lines = Object.fromEntries(group!.lines.map((line) => [line.name, line]));
    expect(Object.keys(lines).filter((name) => !name.startsWith('onnx/cpu'))).toEqual([
      ...['identity', 'onnxruntime-node, net as written'],
      'dense product 1024³, onnxruntime-node',
    ]);
    expect(lines[ours]).toMatchObject({ same: true, timesAsLong: 1 });
    expect(lines.identity).toMatchObject({ same: false });
    expect(lines['onnxruntime-node, net as written']).toMatchObject({ difference: { max: 0, mean: 0 } });
    for (const { ms } of group!.lines) expect((ms as { median: number }).median).toBeGreaterThan(0);
  });

  it('prints tables for people, and for a page with the command that makes them', async () => {
    const choice = ['--engine', 'onnx/cpu', '--against', 'none', ...tiny, '--seconds', '0.2'];
    const plain = await livebrush('bench', ...choice);
    expect(plain.code).toBe(0);
    expect(plain.stdout).toMatch(/^onnx\/cpu\b.*? {2,}[\d.]+ +[\d.]+–[\d.]+ /m);
    const { stdout } = await livebrush('bench', 'compare', ...choice, '--markdown');
    expect(stdout).toContain(`\`livebrush bench compare ${choice.join(' ')}\``);
    expect(stdout).toMatch(/^\| onnx\/cpu[^|]*\| [\d.]+ \|/m);
  });

  it('measures TransformNet, MetaNet and both, for every engine, base and size asked for', async () => {
    const choice = ['--engine', 'identity', 'onnx/cpu', ...tiny, '64x32', '--seconds', '0.05', '--json'];
    const { code, json } = await livebrush('bench', 'nets', ...choice);
    expect(code).toBe(0);
    const { rows } = json() as { rows: Row[] };
    expect(rows.map(({ engine, size }) => `${engine} ${size}`).sort()).toEqual([
      'identity 32x32',
      'identity 64x32',
      'onnx/cpu 32x32',
      'onnx/cpu 64x32',
    ]);
    for (const row of rows)
      for (const rate of ['transform', 'meta', 'both']) expect(row[rate]).toBeGreaterThan(0);
  });

  it.each([
    ['streams', 7],
    ['styles', 4],
  ])('measures %s', async (part, count) => {
    const { code, json } = await livebrush(
      ...['bench', part, '--engine', 'onnx/cpu', ...tiny, '--seconds', '0.2', '--json'],
    );
    expect(code).toBe(0);
    const [group] = (json() as { groups: { lines: Row[] }[] }).groups;
    expect(group!.lines).toHaveLength(count);
    for (const line of group!.lines) expect(line.fps).toBeGreaterThan(0);
    for (const line of group!.lines.slice(1)) expect(line.share).toBeGreaterThan(0);
  });

  it('measures picture sizes', async () => {
    const choice = [
      '--engine',
      'onnx/cpu',
      ...tiny,
      '64x32',
      '--against',
      'none',
      '--seconds',
      '0.2',
      '--json',
    ];
    const { code, json } = await livebrush('bench', 'sizes', ...choice);
    expect(code).toBe(0);
    const [group] = (json() as { groups: { lines: Row[] }[] }).groups;
    expect(group!.lines.map(({ size }) => size)).toEqual(['32x32', '64x32']);
    for (const line of group!.lines) expect(line.msPerMegapixel).toBeGreaterThan(0);
  });

  it('tells how long a start takes, with the style from the cache, and a new style', async () => {
    const choice = ['--engine', 'onnx/cpu', '--model', model, '--size', '32x32', '--runs', '1', '--json'];
    const { code, json } = await livebrush('bench', 'start', ...choice);
    expect(code).toBe(0);
    const { first, style: fresh } = json() as { first: { steps: Row; from: string; image: Row }; style: Row };
    expect(first.from).toBe('disk');
    expect(Object.keys(first.steps)).toEqual([
      ...['Node itself', 'modules', 'model', 'engine', 'style', 'compiling', 'first picture', 'whole'],
    ]);
    expect((first.steps.whole as { median: number }).median).toBeGreaterThan(0);
    expect(fresh).toHaveProperty('whole.median');
  });

  it('paints a clip that it draws from end to end', async () => {
    const choice = ['--engine', 'onnx/cpu', '--model', model, '--style', style, '--size', '64x48'];
    const { code, json } = await livebrush(
      'bench',
      'transcode',
      ...choice,
      '--seconds',
      '0.4',
      '--runs',
      '1',
      '--json',
    );
    expect(code).toBe(0);
    const told = json() as { frames: number; runs: { overlap: number; stages: Row }[] };
    expect(told.frames).toBe(10);
    for (const { overlap, stages } of told.runs) {
      expect(overlap).toBeGreaterThan(0);
      expect(Object.keys(stages)).toEqual(['decode', 'paint', 'encode', 'finish']);
    }
  });

  it.each([
    [['--size', '33x32'], '33x32'],
    [['--size', 'large'], 'large'],
    [['--base', '0'], '--base'],
    [['--seconds', 'soon'], '--seconds'],
    [['--engine', 'steam'], 'steam'],
    [['--against', 'steam'], 'steam'],
    [['--runs', '0'], '--runs'],
    [['--json', '--markdown'], '--markdown'],
    [['trancode'], 'transcode'],
    [['nets', 'clip.mp4'], 'takes no file'],
  ])('refuses %j in one sentence', async (wrong, named) => {
    const { code, stderr } = await livebrush('bench', ...wrong, '--engine', 'identity');
    expect(code).toBe(2);
    expect(stderr).toContain(named);
    expect(stderr).not.toContain('    at ');
  });

  it('says when a video is not there', async () => {
    const { code, stderr } = await livebrush(
      'bench',
      'no-such.mp4',
      '--engine',
      'identity',
      '--model',
      model,
    );
    expect(code).toBe(1);
    expect(stderr).toContain('no-such.mp4');
  });
});
