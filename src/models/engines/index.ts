import { Unsupported, Usage } from '../../errors.js';
import { closest } from '../closest.js';
import type { Engine, PainterOptions } from '../engine.js';
import type { NativePrecision } from './native.js';
import type { EngineProbe } from './probe.js';
import { silenceTelemetry } from './telemetry.js';

export type { EngineProbe } from './probe.js';

interface EngineEntry {
  /** Whether its runtime blocks the thread it is called on, so that it has to get one of its own. */
  readonly blocks?: boolean;
  /** Whether its runtime ends the process when two threads use it at the same time. */
  readonly alone?: boolean;
  /** How many pictures it is best to paint at the same time, each in such a thread; 1 if left out. */
  readonly lanes?: () => Promise<number>;
  /** Whether its name may carry options after a colon. */
  readonly takesOptions?: boolean;
  readonly open: (options: string | undefined) => Promise<Engine>;
  readonly probe: () => Promise<EngineProbe>;
}

const laneCount = async () => (await import('./onnx-session.js')).laneCount();

const tfjs = (backend: 'tensorflow' | 'webgpu' | 'wasm' | 'cpu'): EngineEntry => ({
  open: async () => (await import('./tfjs.js')).openTfjs(backend),
  probe: async () => (await import('./tfjs.js')).probeTfjs(backend),
});

const native = (precision: NativePrecision): EngineEntry => ({
  blocks: true,
  lanes: laneCount,
  takesOptions: true,
  open: async (options) => (await import('./native.js')).openNative(precision, options),
  probe: async () => (await import('./native.js')).probeNative(precision),
});

/** Every engine by name: how to open it, how to tell whether it is there. A new engine is a line here. */
const engines = {
  'native/bf16': native('bf16'),
  'native/cpu': native('cpu'),
  'onnx/cpu': {
    blocks: true,
    lanes: laneCount,
    open: async () => (await import('./onnx.js')).openOnnx(),
    probe: async () => (await import('./onnx.js')).probeOnnx(),
  },
  'onnx/webgpu': {
    blocks: true,
    alone: true,
    takesOptions: true,
    open: async (options) => (await import('./onnx-gpu.js')).openOnnxGpu('webgpu', options),
    probe: async () => (await import('./onnx-gpu.js')).probeOnnxGpu('webgpu'),
  },
  'onnx/cuda': {
    blocks: true,
    // One call's pictures come and go while another's are painted.
    lanes: async () => 2,
    takesOptions: true,
    open: async (options) => (await import('./onnx-gpu.js')).openOnnxGpu('cuda', options),
    probe: async () => (await import('./onnx-gpu.js')).probeOnnxGpu('cuda'),
  },
  'tfjs/tensorflow': tfjs('tensorflow'),
  'tfjs/webgpu': tfjs('webgpu'),
  'tfjs/wasm': tfjs('wasm'),
  'tfjs/cpu': tfjs('cpu'),
  identity: {
    takesOptions: true,
    open: async (options) => {
      const { IdentityEngine, identityOptions } = await import('./identity.js');
      return new IdentityEngine(identityOptions(options));
    },
    probe: async () => ({ name: 'identity', present: true, device: 'none: pictures stay as they are' }),
  },
} satisfies Record<string, EngineEntry>;

export type EngineName = keyof typeof engines;
export const engineNames = Object.keys(engines) as readonly EngineName[];

const isEngine = (name: string): name is EngineName => Object.hasOwn(engines, name);

/** The engine that a mistyped name most likely means: one that has the name as a part, or the nearest. */
function likeliest(name: string): string | undefined {
  const wanted = name.toLowerCase();
  return engineNames.find((known) => known.split('/').includes(wanted)) ?? closest(wanted, engineNames);
}

/** The entry that a name means, and the options it carries. @throws Usage */
function find(name: string): { key: string; entry: EngineEntry; options: string | undefined } {
  const [, head = name, options] = /^([^:]*):(.*)$/s.exec(name) ?? [];
  const key = head === 'fake' ? 'identity' : head;
  const entry: EngineEntry | undefined = isEngine(key) ? engines[key] : undefined;
  if (!entry || (options !== undefined && !entry.takesOptions)) {
    const meant = likeliest(head);
    throw new Usage(`There is no engine called ${JSON.stringify(name.slice(0, 80))}.`, {
      hint: `${meant ? `Did you mean ${meant}? ` : ''}Engines are ${engineNames.join(', ')}.`,
    });
  }
  return { key, entry, options };
}

/** Engines that are open in a thread, of those that no second thread may use. */
const alone = new Set<string>();

/** As `openEngine`, but always in this thread. */
export async function openHere(name: string): Promise<Engine> {
  const { entry, options } = find(name);
  return entry.open(options);
}

/**
 * Opens an engine by name; `identity` (or `fake`) may carry options after a colon, a native one a way to multiply
 * (`native/cpu:avx2`), and those on graphics processors the width of numbers (`onnx/webgpu:float`). One whose runtime blocks its
 * thread gets a thread of its own, or several: `lanes` of them, or as many as are best.
 * @throws Usage when there is no engine of that name, Unsupported when this machine lacks what it needs, or when it is
 * open and may not be twice.
 */
export async function openEngine(name: string, { lanes }: PainterOptions = {}): Promise<Engine> {
  const { key, entry } = find(name);
  silenceTelemetry();
  if (!entry.blocks) return openHere(name);
  const { canRunAside, openAside } = await import('./aside.js');
  if (!canRunAside()) return openHere(name);
  if (!entry.alone) return openAside(name, { lanes: lanes ?? (await entry.lanes?.()) });
  if (alone.has(key))
    throw new Unsupported(`${key} is open already, and can be but once in a process.`, {
      hint: 'Close the engine that is open, or share it.',
    });
  alone.add(key);
  const onClose = () => alone.delete(key);
  return openAside(name, { onClose }).catch((error) => {
    onClose();
    throw error;
  });
}

/** Looks at one engine; whatever goes wrong means that it is not present. */
async function probe(name: EngineName): Promise<EngineProbe> {
  try {
    return await engines[name].probe();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { name, present: false, why, hint: error instanceof Unsupported ? error.hint : undefined };
  }
}

/** What every engine is on this machine, in the order of `engineNames`. Loads each one, so it takes seconds. */
export async function probeEngines(names: readonly EngineName[] = engineNames): Promise<EngineProbe[]> {
  const found: EngineProbe[] = [];
  for (const name of names) found.push(await probe(name));
  return found;
}
