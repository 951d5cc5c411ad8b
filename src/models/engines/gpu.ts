import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

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

const require = createRequire(import.meta.url);
const cudaLibrary = 'libonnxruntime_providers_cuda.so';

/** Whether ONNX Runtime's libraries for CUDA lie beside it: its own installation script fetches them. */
export function hasCudaLibraries(): boolean {
  try {
    const folder = join(dirname(require.resolve('onnxruntime-node/package.json')), 'bin');
    return readdirSync(folder, { recursive: true }).some((path) => String(path).endsWith(cudaLibrary));
  } catch {
    return false;
  }
}
