import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, sep } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { Unsupported } from '../../errors.js';
import { Turns } from '../../turns.js';
import { loadNative } from './tfjs-native.js';
import { hearRefusals } from './tfjs-refusals.js';

/**
 * TensorFlow.js has one current backend per process. Here each backend is started aside and once, after which
 * making it current takes no waiting: engines and training share a process by doing so around their own
 * synchronous work, and tensors stay on the backend that made them.
 */
export type TfBackend = 'tensorflow' | 'webgpu' | 'wasm' | 'cpu';

const require = createRequire(import.meta.url);
const gpuHint =
  'It needs a graphics processor with a Vulkan (Linux), Metal (macOS) or Direct3D 12 (Windows) driver; choose another engine otherwise.';

/** Gives Node the `navigator.gpu` of a browser, from Dawn. */
export async function provideGpu(): Promise<void> {
  const scope = globalThis as { navigator?: { gpu?: unknown } };
  if (scope.navigator?.gpu) return;
  let dawn: typeof import('webgpu');
  try {
    dawn = await import('webgpu');
  } catch (cause) {
    throw new Unsupported('The package webgpu is not installed or does not load on this machine.', {
      hint: 'Install it with: npm install webgpu@0.6.2',
      cause,
    });
  }
  Object.assign(globalThis, dawn.globals);
  if (!scope.navigator)
    Object.defineProperty(globalThis, 'navigator', {
      value: { userAgent: `Node.js/${process.versions.node.split('.')[0]}` },
      configurable: true,
    });
  // The navigator holds it for good: Dawn crashes when its entry point is collected before its devices.
  Object.defineProperty(scope.navigator, 'gpu', { value: dawn.create([]), configurable: true });
}

async function loadWebgpu(): Promise<void> {
  await provideGpu();
  const { gpu } = navigator as unknown as { gpu: { requestAdapter(options: object): Promise<unknown> } };
  if (!(await gpu.requestAdapter({ powerPreference: 'high-performance' })))
    throw new Unsupported('No graphics processor that WebGPU can use was found.', { hint: gpuHint });
  await import('@tensorflow/tfjs-backend-webgpu');
}

async function loadWasm(): Promise<void> {
  const wasm = await import('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + sep);
  wasm.setThreadsCount(availableParallelism());
}

const loaders: Record<TfBackend, () => void | Promise<void>> = {
  tensorflow: loadNative,
  webgpu: loadWebgpu,
  wasm: loadWasm,
  cpu: () => undefined,
};

/**
 * Emscripten makes every error that nobody caught end the process in its own way. What the program does about
 * such errors is not for a library to say, so the listeners it adds are taken off again.
 */
async function withoutExitHooks<T>(work: () => Promise<T>): Promise<T> {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => process.rawListeners(event));
  try {
    return await work();
  } finally {
    for (const [i, event] of events.entries())
      for (const listener of process.rawListeners(event))
        if (!before[i]!.includes(listener) && /throw (ex|reason)\b/.test(String(listener)))
          process.removeListener(event, listener as () => void);
  }
}

async function start(backend: TfBackend): Promise<void> {
  const former = tf.getBackend();
  tf.enableProdMode();
  await loaders[backend]();
  if (!(backend in tf.engine().registry)) {
    const make = tf.findBackendFactory(backend);
    if (!make) throw new Unsupported(`TensorFlow.js does not have its ${backend} backend here.`);
    let made: tf.KernelBackend;
    try {
      made = await withoutExitHooks(async () => make());
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String((cause as { message?: unknown })?.message);
      throw new Unsupported(`TensorFlow.js cannot start its ${backend} backend: ${why}`, { cause });
    }
    hearRefusals(made);
    tf.removeBackend(backend);
    tf.registerBackend(backend, () => made);
  }
  if (former && tf.getBackend() !== former) void tf.setBackend(former);
}

const started = new Map<TfBackend, Promise<void>>();
const turns = new Turns();

/**
 * Starts a backend unless it has been; it then lasts as long as the process.
 * @throws Unsupported with the way to get it, when this machine does not have it.
 */
export function startBackend(backend: TfBackend): Promise<void> {
  let starting = started.get(backend);
  if (!starting) {
    starting = turns.take(() => start(backend));
    started.set(backend, starting);
    starting.catch(() => started.delete(backend));
  }
  return starting;
}

/** Runs synchronous work with a started backend as the current one, and puts the former back. */
export function on<T>(backend: TfBackend, work: () => T): T {
  const former = tf.getBackend();
  if (former === backend) return work();
  // The promise of a started backend is resolved already: the switch is made when the call returns.
  void tf.setBackend(backend);
  try {
    return work();
  } finally {
    if (former) void tf.setBackend(former);
  }
}
