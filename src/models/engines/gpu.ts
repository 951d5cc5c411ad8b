import { readdirSync } from 'node:fs';

/** Vulkan drivers that imitate a graphics processor on the processor. */
const softwareDriver = /swiftshader|lvp|lavapipe|llvmpipe/i;
const linuxGpu = /^(nvidia\d+|dxg|kgsl-3d0|mali0)$/;

function hasLinuxGpu(): boolean {
  try {
    if (readdirSync('/dev').some((name) => linuxGpu.test(name))) return true;
    return readdirSync('/dev/dri').some((name) => name.startsWith('renderD'));
  } catch {
    return false;
  }
}

/**
 * Whether a graphics processor that WebGPU found can only be an imitation: the driver named in the environment is
 * one, or this is a Linux without any graphics device. Some runtimes do not tell, so this looks for itself.
 */
export function isSoftwareGpu(environment: NodeJS.ProcessEnv = process.env): boolean {
  const driver = environment.VK_DRIVER_FILES ?? environment.VK_ICD_FILENAMES;
  if (driver) return softwareDriver.test(driver);
  return process.platform === 'linux' && !hasLinuxGpu();
}
