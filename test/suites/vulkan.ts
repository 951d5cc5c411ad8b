import { existsSync } from 'node:fs';

/** The software Vulkan that Debian's chromium package carries. */
const softwareVulkan = '/usr/lib/chromium/vk_swiftshader_icd.json';

/**
 * Lets WebGPU engines of this process find a Vulkan driver: the one the environment names, else the software one.
 * Returns why they cannot be tested where there is none; a GPU's own driver is not looked for.
 */
export function findVulkan(): string | false {
  if (process.env.VK_ICD_FILENAMES ?? process.env.VK_DRIVER_FILES) return false;
  if (!existsSync(softwareVulkan))
    return 'no Vulkan driver: VK_ICD_FILENAMES is not set and Debian’s chromium is not installed';
  process.env.VK_ICD_FILENAMES = softwareVulkan;
  return false;
}
