import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import util from 'node:util';
import { Unsupported } from '../../errors.js';

/**
 * TensorFlow's own library under TensorFlow.js. The npm packages hold JavaScript and sources; the library and the
 * addon that binds it come from the packages' install script, which does not run by itself here.
 */
const packages = ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node'] as const;

const require = createRequire(import.meta.url);

export const tensorflowHint = 'Fetch it with: livebrush setup tensorflow';

/** An installed package of the two, and whether its native part is there. */
export interface NativePackage {
  readonly name: string;
  readonly folder: string;
  readonly addon: string | undefined;
}

function addonIn(folder: string): string | undefined {
  const lib = join(folder, 'lib');
  if (!existsSync(lib)) return undefined;
  return readdirSync(lib)
    .filter((name) => /^napi-v\d+$/.test(name))
    .map((name) => join(lib, name, 'tfjs_binding.node'))
    .find((path) => existsSync(path));
}

/** The packages that are installed, the one for graphics processors first. Loads none of them. */
export function nativePackages(): NativePackage[] {
  return packages.flatMap((name) => {
    try {
      const folder = dirname(require.resolve(`${name}/package.json`));
      return [{ name, folder, addon: addonIn(folder) }];
    } catch {
      return [];
    }
  });
}

/**
 * The package to load.
 * @throws Unsupported when none is installed or none has its native part.
 */
export function readyPackage(): NativePackage {
  const installed = nativePackages();
  const ready = installed.find(({ addon }) => addon);
  if (ready) return ready;
  if (installed.length === 0)
    throw new Unsupported('The package @tensorflow/tfjs-node-gpu is not installed.', {
      hint: 'Install it with: npm install --ignore-scripts @tensorflow/tfjs-node-gpu@4.22.0, then: livebrush setup tensorflow',
    });
  throw new Unsupported("TensorFlow's native library is not here: installing Livebrush does not fetch it.", {
    hint: tensorflowHint,
  });
}

/**
 * Loads TensorFlow into this process and makes it TensorFlow.js's current backend.
 * @throws Unsupported when it is not here or does not load.
 */
export function loadNative(): void {
  const { name, addon } = readyPackage();
  // Newer Node has dropped this function, and the package calls it on every read and write.
  const old = util as unknown as Record<string, unknown>;
  old.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  try {
    require(name);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new Unsupported(`TensorFlow's native library does not load (${addon}): ${why}`, {
      hint: 'Fetch it again with: livebrush setup tensorflow',
      cause,
    });
  }
}
