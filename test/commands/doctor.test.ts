import { beforeAll, describe, expect, it } from 'vitest';
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

  it('has a page for people, and no noise of native libraries', async () => {
    const { stdout, stderr } = await livebrush('doctor');
    expect(stdout).toContain('onnx/cpu');
    expect(stderr).toBe('');
  });
});
