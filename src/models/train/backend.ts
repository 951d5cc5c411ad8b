import * as tf from '@tensorflow/tfjs';
import { Unsupported } from '../../errors.js';
import { isSoftwareGpu } from '../engines/gpu.js';
import { startBackend, type TfBackend } from '../engines/tfjs-backend.js';
import { registerGradientKernels } from '../engines/tfjs-kernels.js';

/** What can compute gradients, in the order in which `auto` tries them. */
const order = ['tensorflow', 'webgpu', 'wasm', 'cpu'] as const satisfies readonly TfBackend[];

export const backends = ['auto', ...order] as const;
export type Backend = (typeof backends)[number];

/**
 * Makes TensorFlow.js compute on a backend that can train; `auto` takes the first that is there of native
 * TensorFlow, WebGPU on a graphics processor and WebAssembly. Yields the backend's name.
 * @throws Unsupported with the way to get it, when a named one is missing.
 */
export async function useBackend(wanted: Backend): Promise<TfBackend> {
  for (const name of wanted === 'auto' ? order : [wanted]) {
    // An imitated graphics processor is far slower than WebAssembly on the processor that imitates it.
    if (wanted === 'auto' && name === 'webgpu' && isSoftwareGpu()) continue;
    try {
      await startBackend(name);
    } catch (error) {
      if (wanted === 'auto' && error instanceof Unsupported) continue;
      throw error;
    }
    await tf.setBackend(name);
    registerGradientKernels(name);
    return name;
  }
  throw new Unsupported('TensorFlow.js has no backend here that can train.');
}
