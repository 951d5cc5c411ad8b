import { expect, it } from 'vitest';
import { openTfjs, probeTfjs } from '../../../src/models/engines/tfjs.js';
import { describeEngine } from '../../suites/engine.js';
import { findVulkan } from '../../suites/vulkan.js';

const noVulkan = findVulkan();
const probe = await probeTfjs('webgpu');
const skip = noVulkan || (!probe.present && probe.why);

describeEngine('tfjs/webgpu', () => openTfjs('webgpu'), { skip, slow: true });

it.skipIf(skip)('tells an imitated graphics processor from a real one', () => {
  expect(probe.device).toContain('WebGPU');
  expect(probe.software).toBe(/swiftshader|lvp/.test(process.env.VK_ICD_FILENAMES ?? ''));
});
