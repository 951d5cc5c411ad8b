import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { Unsupported } from '../../errors.js';
import { tryOut } from '../../try-out.js';
import { isSoftwareGpu } from './gpu.js';
import type { EngineProbe } from './probe.js';
import type { TfBackend } from './tfjs-backend.js';
import { readyPackage, tensorflowHint } from './tfjs-native.js';

const require = createRequire(import.meta.url);
const processor = () => `${cpus().length} processor cores`;

async function probeTensorflow(): Promise<Partial<EngineProbe>> {
  const { name, folder } = readyPackage();
  const code = `
    import { createRequire } from 'node:module';
    import util from 'node:util';
    util.isNullOrUndefined ??= (value) => value === null || value === undefined;
    const tf = createRequire(${JSON.stringify(`${folder}/`)})(${JSON.stringify(folder)});
    const [product] = tf.matMul(tf.tensor2d([[1, 2]]), tf.tensor2d([[3], [4]])).dataSync();
    if (product !== 11) throw new Error('a product of matrices is wrong');
    const { binding, isUsingGpuDevice } = tf.backend();
    process.stdout.write(JSON.stringify({ gpu: isUsingGpuDevice, version: binding.TF_Version }));`;
  try {
    const { gpu, version } = (await tryOut(code, name)) as { gpu: boolean; version: string };
    return { device: `${gpu ? 'CUDA graphics processor' : processor()}, TensorFlow ${version}` };
  } catch (error) {
    throw new Unsupported((error as Error).message, { hint: tensorflowHint, cause: error });
  }
}

async function probeWebgpu(): Promise<Partial<EngineProbe>> {
  let dawn: string;
  try {
    dawn = import.meta.resolve('webgpu');
  } catch (cause) {
    throw new Unsupported('The package webgpu is not installed.', {
      hint: 'Install it with: npm install webgpu@0.6.2',
      cause,
    });
  }
  const code = `
    import { create, globals } from ${JSON.stringify(dawn)};
    Object.assign(globalThis, globals);
    const gpu = create([]);
    const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
    const { vendor, device, description, isFallbackAdapter } = adapter?.info ?? {};
    process.stdout.write(JSON.stringify(adapter ? { vendor, device, description, isFallbackAdapter } : null));`;
  const found = (await tryOut(code, 'The package webgpu')) as null | Record<string, unknown>;
  if (!found)
    throw new Unsupported('No graphics processor that WebGPU can use was found.', {
      hint: 'It needs a driver for Vulkan (Linux), Metal (macOS) or Direct3D 12 (Windows).',
    });
  const words = [found.device, found.description, found.vendor].find((word) => word && word !== '');
  return {
    device: `${words ?? 'graphics processor'} (WebGPU)`,
    software: found.isFallbackAdapter === true || isSoftwareGpu(),
  };
}

const probes: Record<TfBackend, () => Partial<EngineProbe> | Promise<Partial<EngineProbe>>> = {
  tensorflow: probeTensorflow,
  webgpu: probeWebgpu,
  wasm: () => {
    require.resolve('@tensorflow/tfjs-backend-wasm');
    return { device: '1 processor core, WebAssembly' };
  },
  cpu: () => ({ device: '1 processor core, plain JavaScript' }),
};

/** What a TensorFlow.js engine is on this machine; native ones are tried out in a process of their own. */
export async function probeTfjs(backend: TfBackend): Promise<EngineProbe> {
  const name = `tfjs/${backend}`;
  try {
    return { name, present: true, ...(await probes[backend]()) };
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    return { name, present: false, why: error.message, hint: error.hint };
  }
}
