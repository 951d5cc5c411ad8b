import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { tinyModelFile } from '../models/tiny-model.js';
import { livebrush, workshop } from './cli.js';

interface Finding {
  readonly area: string;
  readonly name: string;
  readonly state: string;
  readonly detail: string;
  readonly hint?: string;
}

describe('livebrush doctor', () => {
  let findings: Finding[] = [];
  let folder = '';
  beforeAll(async () => {
    ({ folder } = await workshop());
    findings = (await livebrush('doctor', '--json')).json().findings as Finding[];
  });
  const found = (name: string) => findings.find((finding) => finding.name === name);

  it('looks at Node, every engine, both media backends, models and folders', () => {
    const names = [
      'Node',
      'onnx/cpu',
      'onnx/webgpu',
      'tfjs/tensorflow',
      'tfjs/wasm',
      'node-av',
      'ffmpeg',
      'cache',
    ];
    for (const name of names) expect(found(name), name).toBeDefined();
    expect(new Set(findings.map(({ area }) => area))).toEqual(
      new Set(['machine', 'engines', 'media', 'models', 'folders']),
    );
  });

  it('finds what is installed working', () => {
    for (const name of ['Node', 'onnx/cpu', 'tfjs/wasm', 'node-av'])
      expect(found(name)?.state, name).toBe('ok');
    expect(found('node-av')?.detail).toContain('libx264');
    expect(found('cache')?.detail).toContain(folder);
  });

  it('says what to do about what is missing', () => {
    for (const { name, state, hint } of findings.filter(({ area }) => area === 'engines'))
      if (state !== 'ok') expect(hint, name).toMatch(/\S/);
  });

  it('opens the default model, and tells of damaged ones: only without that one nothing can paint', async () => {
    const models = join(folder, 'home', 'models');
    await mkdir(models);
    const cut = async (name: string) => {
      const file = join(models, `${name}.safetensors`);
      await writeFile(file, tinyModelFile(name));
      await truncate(file, 2000);
    };
    await cut('mine');
    const spare = await livebrush('doctor', '--json');
    expect(spare).toMatchObject({ code: 0, stderr: '' });
    expect(spare.json()).toMatchObject({
      ok: true,
      findings: expect.arrayContaining([
        expect.objectContaining({
          name: 'mine',
          state: 'bad',
          detail: expect.stringContaining('mine.safetensors'),
        }),
      ]),
    });
    await cut('fast');
    const ended = await livebrush('doctor');
    expect(ended.code).toBe(1);
    expect(ended.stdout).toMatch(/✗ fast .*fast\.safetensors/);
    expect(ended.stdout).toContain('2 of these need attention.');
    await rm(models, { recursive: true });
  });

  it('has a page for people, and no noise of native libraries', async () => {
    const { stdout, stderr } = await livebrush('doctor');
    expect(stdout).toContain('onnx/cpu');
    expect(stderr).toBe('');
  });
});
