import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { Unsupported } from '../../errors.js';
import { registerGradientKernels } from '../engines/tfjs-kernels.js';

export const backends = ['auto', 'tensorflow', 'webgpu', 'wasm', 'cpu'] as const;
export type Backend = (typeof backends)[number];

/** The native packages in the order of preference; both register the backend `tensorflow`. */
const native = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'];

async function tryTensorflow(): Promise<boolean> {
  for (const name of native) {
    try {
      await import(name);
      return await tf.setBackend('tensorflow');
    } catch {
      // The next one may be there.
    }
  }
  return false;
}

async function tryWebgpu(): Promise<boolean> {
  try {
    if (!globalThis.navigator || !('gpu' in globalThis.navigator)) return false;
    await import('@tensorflow/tfjs-backend-webgpu');
    return await tf.setBackend('webgpu');
  } catch {
    return false;
  }
}

async function tryWasm(): Promise<boolean> {
  try {
    const wasm = await import('@tensorflow/tfjs-backend-wasm');
    const require = createRequire(import.meta.url);
    const folder = dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json'));
    wasm.setWasmPaths(join(folder, 'dist', '/'));
    if (!(await tf.setBackend('wasm'))) return false;
    return true;
  } catch {
    return false;
  }
}

const tries: Readonly<Record<Exclude<Backend, 'auto'>, () => Promise<boolean>>> = {
  tensorflow: tryTensorflow,
  webgpu: tryWebgpu,
  wasm: tryWasm,
  cpu: () => tf.setBackend('cpu'),
};

/**
 * Makes TensorFlow.js compute on a backend that can train; `auto` takes the first that is there of native
 * TensorFlow, WebGPU and WebAssembly. Yields the backend's name.
 * @throws Unsupported when a named one is missing.
 */
export async function useBackend(wanted: Backend): Promise<string> {
  const order = wanted === 'auto' ? (['tensorflow', 'webgpu', 'wasm', 'cpu'] as const) : [wanted];
  for (const name of order) {
    if (!(await tries[name]())) continue;
    await tf.ready();
    registerGradientKernels(name);
    return name;
  }
  throw new Unsupported(`The TensorFlow.js backend ${wanted} is not available here.`, {
    hint:
      wanted === 'tensorflow'
        ? 'Run `livebrush setup tensorflow`, or choose another one with --backend.'
        : 'Choose another one with --backend.',
  });
}
