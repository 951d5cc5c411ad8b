import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { setup } from '../../src/commands/setup.js';
import { Interrupted, Unsupported, Usage } from '../../src/errors.js';
import type { EngineProbe } from '../../src/models/engines/probe.js';

const machine = vi.hoisted(() => ({ folder: '', probes: [] as unknown[] }));
vi.mock('../../src/models/engines/tfjs-native.js', () => ({
  nativePackages: () =>
    machine.folder ? [{ name: '@tensorflow/tfjs-node-gpu', folder: machine.folder, addon: undefined }] : [],
}));
vi.mock('../../src/models/engines/tfjs-probe.js', () => ({
  probeTfjs: async () => (machine.probes.length > 1 ? machine.probes.shift() : machine.probes[0]),
}));
vi.mock('../../src/models/engines/onnx-gpu.js', () => ({
  probeOnnxGpu: async () => (machine.probes.length > 1 ? machine.probes.shift() : machine.probes[0]),
}));
vi.mock('../../src/commands/cuda.js', async (original) => ({
  ...(await original<typeof import('../../src/commands/cuda.js')>()),
  onnxruntimeFolder: () => machine.folder,
}));
const printed: string[] = [];
const told: string[] = [];
vi.mock('../../src/log.js', () => ({
  print: (line: string) => void printed.push(line),
  tell: (line: string) => void told.push(line),
}));

const name = 'tfjs/tensorflow';
const present: EngineProbe = { name, present: true, device: '2 processor cores, TensorFlow 2.9.1' };
const missing: EngineProbe = { name, present: false, why: 'its library is not here' };

async function run(args: string[], signal: AbortSignal = new AbortController().signal): Promise<void> {
  const root = new Command('livebrush').exitOverride().configureOutput({ writeErr: () => {} });
  setup(root, signal);
  await root.parseAsync(['setup', ...args], { from: 'user' });
}

/** Gives the package an install script of these statements. */
function script(statements: string): void {
  writeFileSync(
    join(machine.folder, 'scripts', 'install.js'),
    `const fs = require('fs');
    const put = (file, text) => { fs.mkdirSync(file.split('/')[0], { recursive: true }); fs.writeFileSync(file, text); };
    ${statements}`,
  );
}

const read = (path: string) => readFileSync(join(machine.folder, path), 'utf8');

describe('livebrush setup tensorflow', () => {
  beforeEach(() => {
    machine.folder = mkdtempSync(join(tmpdir(), 'livebrush-setup-'));
    machine.probes = [missing, present];
    mkdirSync(join(machine.folder, 'scripts'));
    mkdirSync(join(machine.folder, 'deps'));
    writeFileSync(join(machine.folder, 'deps', 'library'), 'old');
    writeFileSync(join(machine.folder, 'package.json'), '{"name":"as it was"}');
    printed.length = 0;
    told.length = 0;
  });
  afterEach(() => {
    if (machine.folder) rmSync(machine.folder, { recursive: true, force: true });
  });

  it('says what it will fetch and asks before it does: without a terminal it fetches nothing', async () => {
    script("put('deps/library', 'new');");
    await expect(run(['tensorflow'])).rejects.toThrow(Usage);
    expect(told.join(' ')).toMatch(/Google.*TensorFlow 2\.9/);
    expect(told.join(' ')).toContain(machine.folder);
    expect(read('deps/library')).toBe('old');
  });

  it('runs the package’s own install script when told yes, and reports what came of it', async () => {
    script("put('deps/library', process.argv.slice(2).join(' ')); put('lib/addon', 'new');");
    await run(['tensorflow', '--yes']);
    expect(read('deps/library')).toBe('gpu download');
    expect(read('lib/addon')).toBe('new');
    expect(printed.join()).toContain(present.device);
    expect(readdirSync(machine.folder).sort()).toEqual(['deps', 'lib', 'package.json', 'scripts']);
  });

  it('prints one JSON object with --json', async () => {
    script('');
    await run(['tensorflow', '--yes', '--json']);
    expect(printed.map((line) => JSON.parse(line))).toEqual([present]);
  });

  it('fetches nothing when TensorFlow works already, unless forced', async () => {
    machine.probes = [present];
    script("put('deps/library', 'new');");
    await run(['tensorflow', '--yes']);
    expect(read('deps/library')).toBe('old');
    await run(['tensorflow', '--yes', '--force']);
    expect(read('deps/library')).toBe('new');
  });

  it('leaves all as it was when the script fails, and names another way', async () => {
    script(
      "put('deps/half', 'x'); put('lib/half', 'x'); fs.writeFileSync('package.json', '{}'); process.exit(7);",
    );
    const failed = await run(['tensorflow', '--yes']).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Unsupported);
    expect(failed).toMatchObject({
      message: expect.stringContaining('code 7'),
      hint: expect.stringContaining('--from-wheel'),
    });
    expect(read('deps/library')).toBe('old');
    expect(read('package.json')).toContain('as it was');
    expect(readdirSync(machine.folder).sort()).toEqual(['deps', 'package.json', 'scripts']);
  });

  it('takes away what was fetched but does not work', async () => {
    machine.probes = [missing];
    script("put('deps/library', 'new'); put('lib/addon', 'new');");
    await expect(run(['tensorflow', '--yes'])).rejects.toThrow(/taken away again: its library is not here/);
    expect(read('deps/library')).toBe('old');
    expect(existsSync(join(machine.folder, 'lib'))).toBe(false);
  });

  it('puts back what a run that was killed has left aside', async () => {
    mkdirSync(join(machine.folder, 'lib.before'));
    writeFileSync(join(machine.folder, 'lib.before', 'addon'), 'kept');
    script('process.exit(1);');
    await expect(run(['tensorflow', '--yes'])).rejects.toThrow(Unsupported);
    expect(read('lib/addon')).toBe('kept');
  });

  it('stops when interrupted, and leaves all as it was', async () => {
    script("put('deps/half', 'x'); setInterval(() => {}, 1000);");
    const control = new AbortController();
    const running = run(['tensorflow', '--yes'], control.signal);
    await vi.waitFor(() => expect(existsSync(join(machine.folder, 'deps', 'half'))).toBe(true), 60_000);
    control.abort(new Interrupted());
    await expect(running).rejects.toThrow(Interrupted);
    expect(read('deps/library')).toBe('old');
  });

  it.each([
    ['something it does not know', ['onnx']],
    ['nothing', []],
  ])('refuses to fetch %s', async (_, args) => {
    await expect(run(args)).rejects.toMatchObject({ code: expect.stringMatching(/^commander\./) });
  });

  it('refuses --gpu without --from-wheel', async () => {
    await expect(run(['tensorflow', '--gpu'])).rejects.toThrow(Usage);
  });

  it.skipIf(process.platform !== 'linux')('refuses a wheel of no version (on Linux only)', async () => {
    for (const version of ['latest', '2.16', '2.16.2; true'])
      await expect(run(['tensorflow', '--yes', '--from-wheel', version])).rejects.toThrow(Usage);
  });

  it('says what to install where the package is missing', async () => {
    machine.folder = '';
    await expect(run(['tensorflow', '--yes'])).rejects.toMatchObject({
      hint: expect.stringContaining('npm install'),
    });
  });
});

describe('livebrush setup cuda', () => {
  const cuda: EngineProbe = {
    name: 'onnx/cuda',
    present: true,
    device: 'NVIDIA graphics processor, float16',
  };
  const none: EngineProbe = { name: 'onnx/cuda', present: false, why: 'there is no graphics processor' };
  const binaries = 'bin/napi-v6/linux/x64';
  const library = `${binaries}/libonnxruntime_providers_cuda.so`;

  beforeEach(() => {
    machine.folder = mkdtempSync(join(tmpdir(), 'livebrush-setup-'));
    machine.probes = [none, cuda];
    mkdirSync(join(machine.folder, 'script'));
    mkdirSync(join(machine.folder, binaries), { recursive: true });
    writeFileSync(join(machine.folder, binaries, 'onnxruntime_binding.node'), 'addon');
    writeFileSync(join(machine.folder, 'package.json'), '{}');
    told.length = 0;
    printed.length = 0;
  });
  afterEach(() => rmSync(machine.folder, { recursive: true, force: true }));

  const installs = (text: string, after = '') =>
    writeFileSync(
      join(machine.folder, 'script', 'install.js'),
      `require('fs').writeFileSync(${JSON.stringify(library)}, ${text}); ${after}`,
    );

  it('says what it needs, and runs ONNX Runtime’s own install script for CUDA 12', async () => {
    installs('process.env.ONNXRUNTIME_NODE_INSTALL');
    await run(['cuda', '--yes']);
    expect(told.join(' ')).toMatch(/nuget\.org.*NVIDIA.*cuDNN/);
    expect(read(library)).toBe('cuda12');
    expect(printed.join()).toContain('onnx/cuda is ready: NVIDIA');
  });

  it('takes away what does not work or was fetched in part, and nothing else', async () => {
    machine.probes = [none];
    for (const after of ['', 'process.exit(3)']) {
      installs('"half"', after);
      await expect(run(['cuda', '--yes'])).rejects.toThrow(
        after ? 'ended with code 3' : 'taken away again: there is no graphics processor',
      );
      expect(readdirSync(join(machine.folder, binaries))).toEqual(['onnxruntime_binding.node']);
    }
  });

  it('says what the Python package holds, and leaves nothing behind where Python fails', async () => {
    const before = process.env.PATH;
    writeFileSync(join(machine.folder, 'package.json'), '{"version":"1.2.3"}');
    writeFileSync(join(machine.folder, 'python3'), '#!/bin/sh\necho "$@" > said; exit 4', { mode: 0o755 });
    process.env.PATH = machine.folder;
    try {
      await expect(run(['cuda', '--from-wheel', '--yes'])).rejects.toThrow(
        /could not be fetched|not be started/,
      );
    } finally {
      process.env.PATH = before;
    }
    expect(told.join(' ')).toContain('onnxruntime-gpu 1.2.3 from PyPI');
    expect(readdirSync(join(machine.folder, binaries))).toEqual(['onnxruntime_binding.node']);
  });

  it('refuses what belongs to TensorFlow', async () => {
    await expect(run(['cuda', '--gpu'])).rejects.toThrow('--gpu goes with tensorflow only.');
    await expect(run(['cuda', '--from-wheel', '1.2.3'])).rejects.toThrow('that of the installed');
  });
});
