import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Unsupported } from '../../../src/errors.js';
import { fastestEngine } from '../../../src/models/engines/auto.js';
import { IdentityEngine } from '../../../src/models/engines/identity.js';
import type { EngineProbe } from '../../../src/models/engines/index.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import { seededWeights } from '../../suites/weights.js';

const transform = transformNet({ base: 2, residuals: 0 });
const model = { transform, base: seededWeights(transform, 'net') };
const size = { width: 1920, height: 1080 };

/** Engines that only wait, a name and a number of milliseconds each; `opened` tells which were opened. */
function machine(delays: Record<string, number>, traits: Record<string, Partial<EngineProbe>> = {}) {
  const opened: string[] = [];
  let probes = 0;
  return {
    opened,
    probes: () => probes,
    options: {
      probe: async () => {
        probes++;
        return Object.keys(delays).map((name) => ({ name, present: true, ...traits[name] }));
      },
      open: async (name: string) => {
        opened.push(name);
        const delayMs = delays[name];
        if (delayMs === undefined || delayMs < 0) throw new Unsupported(`no ${name} here`);
        return Object.assign(new IdentityEngine({ delayMs, fail: 0 }), { called: name });
      },
    },
  };
}

describe('the fastest engine', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'livebrush-auto-'));
    file = join(folder, 'cache', 'engines.json');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const choose = async (options: ReturnType<typeof machine>['options'], of = size) => {
    await using engine = await fastestEngine(model, of, { ...options, file });
    return (engine as unknown as { called: string }).called;
  };

  it('is the one that measures fastest, and is remembered', async () => {
    const first = machine({ 'onnx/cpu': 40, 'tfjs/wasm': 0, 'tfjs/tensorflow': 80 });
    expect(await choose(first.options)).toBe('tfjs/wasm');
    expect(first.opened).toEqual(['onnx/cpu', 'tfjs/wasm', 'tfjs/tensorflow', 'tfjs/wasm']);
    const second = machine({ 'onnx/cpu': 0, 'tfjs/wasm': 40 });
    expect(await choose(second.options)).toBe('tfjs/wasm');
    expect(second.opened).toEqual(['tfjs/wasm']);
    expect(second.probes()).toBe(0);
  });

  it('is not measured where only one is present', async () => {
    const { opened, options } = machine({ 'onnx/cpu': 0 });
    expect(await choose(options)).toBe('onnx/cpu');
    expect(opened).toEqual(['onnx/cpu']);
  });

  it('is never an imitated graphics processor or plain JavaScript where there is another', async () => {
    const { opened, options } = machine(
      { 'onnx/cpu': 30, 'onnx/webgpu': 0, 'tfjs/cpu': 0, 'tfjs/wasm': 60 },
      { 'onnx/webgpu': { software: true } },
    );
    expect(await choose(options)).toBe('onnx/cpu');
    expect(new Set(opened)).toEqual(new Set(['onnx/cpu', 'tfjs/wasm']));
  });

  it('leaves out an engine that paints other pictures than the trusted ones', async () => {
    const { options, opened } = machine({ 'onnx/cpu': 30, 'onnx/webgpu': 0, 'tfjs/wasm': 60 });
    const wrong = async (name: string) => {
      const engine = await options.open(name);
      const { painter } = engine;
      if (name === 'onnx/webgpu')
        engine.painter = async (...of) => {
          const real = await painter.apply(engine, of);
          const { paint } = real;
          real.paint = async (batch) => {
            const pictures = await paint.call(real, batch);
            for (const { data } of pictures) for (const [i, value] of data.entries()) data[i] = 255 - value;
            return pictures;
          };
          return real;
        };
      return engine;
    };
    expect(await choose({ ...options, open: wrong })).toBe('onnx/cpu');
    expect(opened).toContain('onnx/webgpu');
  });

  it('leaves out an engine that fails while it is measured', async () => {
    const { options } = machine({ 'onnx/cpu': -1, 'tfjs/wasm': 5 });
    expect(await choose(options)).toBe('tfjs/wasm');
  });

  it('is measured again when the remembered one does not open any more', async () => {
    expect(await choose(machine({ 'tfjs/tensorflow': 0, 'onnx/cpu': 40 }).options)).toBe('tfjs/tensorflow');
    expect(await choose(machine({ 'onnx/cpu': 0, 'tfjs/wasm': 40 }).options)).toBe('onnx/cpu');
  });

  it('is measured for each size of picture', async () => {
    await choose(machine({ 'onnx/cpu': 0, 'tfjs/wasm': 30 }).options);
    const small = machine({ 'onnx/cpu': 30, 'tfjs/wasm': 0 });
    expect(await choose(small.options, { width: 64, height: 64 })).toBe('tfjs/wasm');
  });

  it.each([
    ['no JSON', 'hello'],
    ['another format', '{"format":2}'],
    ['nothing', ''],
    ['wrong entries', '{"format":1,"measurements":{"x":{"engine":3}}}'],
  ])('ignores a file of %s and replaces it', async (_, damaged) => {
    await choose(machine({ 'onnx/cpu': 0 }).options);
    await writeFile(file, damaged);
    expect(await choose(machine({ 'tfjs/wasm': 0 }).options)).toBe('tfjs/wasm');
    expect(JSON.parse(await readFile(file, 'utf8')).format).toBe(1);
  });

  it('does not trust a remembered name that is no engine, nor an old measurement', async () => {
    await choose(machine({ 'onnx/cpu': 0 }).options);
    const remembered = await readFile(file, 'utf8');
    await writeFile(file, remembered.replace('onnx/cpu', 'evil'));
    expect(await choose(machine({ 'tfjs/wasm': 0 }).options)).toBe('tfjs/wasm');
    await writeFile(file, remembered.replace(/"measuredAt":\d+/, '"measuredAt":1'));
    expect(await choose(machine({ 'tfjs/wasm': 0 }).options)).toBe('tfjs/wasm');
  });

  it('works where nothing can be written', async () => {
    const { options } = machine({ 'onnx/cpu': 0 });
    await writeFile(join(folder, 'plain'), '');
    await using engine = await fastestEngine(model, size, {
      ...options,
      file: join(folder, 'plain', 'x.json'),
    });
    expect(engine.name).toBe('identity');
  });

  it('says so when there is none', async () => {
    await expect(choose(machine({}).options)).rejects.toThrow(Unsupported);
    await expect(choose(machine({ 'onnx/cpu': -1, 'tfjs/wasm': -1 }).options)).rejects.toThrow(Unsupported);
  });

  it('stops when asked to', async () => {
    const { options } = machine({ 'onnx/cpu': 0, 'tfjs/wasm': 0 });
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(fastestEngine(model, size, { ...options, file, signal })).rejects.toThrow('enough');
  });
});
