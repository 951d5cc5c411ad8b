import { describe, expect, it } from 'vitest';
import { type LivebrushError, Usage } from '../../../src/errors.js';
import { engineNames, openEngine, probeEngines } from '../../../src/models/engines/index.js';

describe('engines by name', () => {
  it('opens an engine lazily by its name', async () => {
    await using engine = await openEngine('onnx/cpu');
    expect(engine.name).toBe('onnx/cpu');
  });

  it.each(['identity', 'identity:delay=1ms', 'fake:fail=0.5,delay=2ms', 'fake'])('opens %s', async (name) => {
    await using engine = await openEngine(name);
    expect(engine.name).toBe('identity');
  });

  it.each([
    ['onx/cpu', 'Did you mean onnx/cpu?'],
    ['webgpu', 'Did you mean onnx/webgpu?'],
    ['WASM', 'Did you mean tfjs/wasm?'],
    ['onnx/cpu:2', 'Did you mean onnx/cpu?'],
    ['quantum', 'Engines are native/bf16, native/cpu'],
    ['', 'Engines are'],
    ['constructor', 'Engines are'],
    ['x'.repeat(100_000), 'Engines are'],
  ])('refuses %.20s with what was likely meant', async (name, hint) => {
    const error = await openEngine(name).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Usage);
    expect((error as LivebrushError).hint).toContain(hint);
    expect((error as LivebrushError).message.length).toBeLessThan(200);
  });

  it('refuses unknown options of the identity engine', async () => {
    await expect(openEngine('identity:speed=9')).rejects.toThrow(Usage);
  });

  it('looks at every engine without failing, and says why one is not there', async () => {
    const probes = await probeEngines(['onnx/cpu', 'onnx/webgpu', 'tfjs/wasm', 'tfjs/cpu', 'identity']);
    expect(probes.map(({ name }) => name)).toEqual([
      'onnx/cpu',
      'onnx/webgpu',
      'tfjs/wasm',
      'tfjs/cpu',
      'identity',
    ]);
    for (const { present, device, why } of probes) expect(present ? device : why).toMatch(/\w{3}/);
    expect(probes[0]).toMatchObject({ present: true });
    expect(engineNames).toContain('tfjs/tensorflow');
  });
});
