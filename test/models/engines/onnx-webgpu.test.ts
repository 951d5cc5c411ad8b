import { expect, it } from 'vitest';
import { openOnnx, probeOnnx } from '../../../src/models/engines/onnx.js';
import { describeEngine } from '../../suites/engine.js';
import { findVulkan } from '../../suites/vulkan.js';

const skip = findVulkan();

describeEngine('onnx/webgpu', () => openOnnx('webgpu'), { skip, slow: true });

it.skipIf(skip)(
  `tells an imitated graphics processor from a real one${skip ? ` (${skip})` : ''}`,
  async () => {
    const probe = await probeOnnx('webgpu');
    expect(probe.present).toBe(true);
    expect(probe.software ?? false).toBe(/swiftshader|lvp/.test(process.env.VK_ICD_FILENAMES ?? ''));
  },
);
