import { expect, it } from 'vitest';
import { Usage } from '../../../src/errors.js';
import { openOnnxGpu, probeOnnxGpu } from '../../../src/models/engines/onnx-gpu.js';
import { describeEngine } from '../../suites/engine.js';
import { findVulkan } from '../../suites/vulkan.js';

const skip = findVulkan();
const probe = skip ? undefined : await probeOnnxGpu('webgpu');
const noHalves =
  !probe?.device?.includes('float16') && 'this graphics processor does not compute with halves';

describeEngine('onnx/webgpu:float', () => openOnnxGpu('webgpu', 'float'), { skip, slow: true });
describeEngine('onnx/webgpu:half', () => openOnnxGpu('webgpu', 'half'), {
  skip: skip || noHalves,
  slow: true,
});

it.skipIf(skip)(
  `tells an imitated graphics processor from a real one${skip ? ` (${skip})` : ''}`,
  async () => {
    expect(probe!.present).toBe(true);
    expect(probe!.software ?? false).toBe(/swiftshader|lvp/.test(process.env.VK_ICD_FILENAMES ?? ''));
  },
);

it.skipIf(skip)('computes with floats where the graphics processor has no halves', async () => {
  await using engine = await openOnnxGpu('webgpu');
  expect(engine.name).toBe('onnx/webgpu');
  if (noHalves) await expect(openOnnxGpu('webgpu', 'half')).rejects.toThrow('does not compute with halves');
});

it('refuses a width that it does not know', async () => {
  await expect(openOnnxGpu('webgpu', 'double')).rejects.toThrow(Usage);
});

const compiled = new URL('../../../dist/models/engines/index.js', import.meta.url);

it.skipIf(skip)('is open once in a process, since two threads that use it would end that', async () => {
  const { openEngine } = (await import(
    compiled.href
  )) as typeof import('../../../src/models/engines/index.js');
  const engine = await openEngine('onnx/webgpu');
  try {
    await expect(openEngine('onnx/webgpu:float')).rejects.toThrow('onnx/webgpu is open already');
  } finally {
    await engine[Symbol.asyncDispose]();
  }
  await (await openEngine('onnx/webgpu'))[Symbol.asyncDispose]();
});
