import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { folders } from '../config.js';
import { NotFound, Unsupported, Usage } from '../errors.js';
import type { NativePackage } from '../models/engines/tfjs-native.js';

/** How TensorFlow's native library gets into the npm package that wants it. */

/** Which TensorFlow to build against. */
export interface WheelOptions {
  /** A version of TensorFlow, or `true` for the one that the script takes by itself. */
  readonly fromWheel?: string | true;
  /** The Python package with CUDA support. */
  readonly gpu?: boolean;
}

/** One way to the native library: what a person is told before, and the program that does it. */
export interface Way {
  readonly plan: readonly string[];
  readonly program: string;
  readonly args: readonly string[];
  readonly hint: string;
}

const wheelVersion = /^\d{1,3}\.\d{1,3}\.\d{1,3}$/;

/** The install script that the package brings along, as npm would run it. */
export function ownWay({ name, folder }: NativePackage): Way {
  return {
    plan: [
      `This runs the install script of ${name}, which downloads from Google's public storage`,
      'the C library of TensorFlow 2.9 (some hundred megabytes packed, more than twice that on disk) and the',
      'addon that binds it to Node; where there is no ready addon it compiles one, with Python and a C++ compiler.',
      ...(name.endsWith('-gpu') && process.platform === 'linux'
        ? [
            'To paint on a graphics processor it needs an NVIDIA one with CUDA 11.2 and cuDNN 8.1 installed;',
            'without, it uses the processor.',
          ]
        : []),
      `All of it goes into ${folder}.`,
    ],
    program: process.execPath,
    args: ['scripts/install.js', name.endsWith('-gpu') ? 'gpu' : 'cpu', 'download'],
    hint: "Where Google's storage cannot be reached, PyPI may be: livebrush setup tensorflow --from-wheel",
  };
}

/** The library out of one of TensorFlow's Python packages, and the addon compiled against it. */
export function wheelWay({ folder }: NativePackage, { fromWheel, gpu }: WheelOptions): Way {
  if (process.platform !== 'linux')
    throw new Unsupported('Building TensorFlow from its Python package works on Linux only.', {
      hint: 'Leave out --from-wheel.',
    });
  if (typeof fromWheel === 'string' && !wheelVersion.test(fromWheel))
    throw new Usage(`${JSON.stringify(fromWheel)} is no version of TensorFlow.`, {
      hint: 'Versions look like 2.16.2; leave it out to take the one that is known to work.',
    });
  const script = join(folders.package, 'scripts', 'build-tfjs-node.sh');
  if (!existsSync(script))
    throw new NotFound(`The script ${script} is missing: Livebrush is not installed whole.`);
  return {
    plan: [
      `This downloads a Python package of TensorFlow${fromWheel === true ? '' : ` ${fromWheel}`} from PyPI with pip (200 to 600 MB), takes the`,
      'C library out of it and compiles the addon that binds it to Node. Nothing is installed in Python.',
      'It needs g++, python3 with pip, and the C headers of this Node; about 650 MB stay on disk.',
      ...(gpu
        ? ['To paint on a graphics processor it needs the CUDA and cuDNN of that TensorFlow installed.']
        : []),
      `All of it goes into ${folder}.`,
    ],
    program: 'bash',
    args: [
      script,
      '--package-dir',
      folder,
      ...(typeof fromWheel === 'string' ? ['--tensorflow', fromWheel] : []),
      ...(gpu ? ['--wheel', 'tensorflow'] : []),
    ],
    hint: 'It needs Linux with g++, python3 and pip, and a way to PyPI.',
  };
}

/** The folders with programs of packages, nearest first, as npm puts them on the PATH of install scripts. */
function binFolders(folder: string): string[] {
  const bins: string[] = [];
  for (let at = folder; ; at = dirname(at)) {
    bins.push(join(at, 'node_modules', '.bin'));
    if (dirname(at) === at) return bins.filter((bin) => existsSync(bin));
  }
}

/** Runs a program in the package's folder, its output on standard error. @throws Unsupported when it fails. */
export async function run({ program, args, hint }: Way, folder: string, signal: AbortSignal): Promise<void> {
  const path = [...binFolders(folder), process.env.PATH ?? ''].join(delimiter);
  const child = spawn(program, args, {
    cwd: folder,
    stdio: ['ignore', 2, 2],
    env: { ...process.env, PATH: path },
    signal,
  });
  const ended = new Promise<string | undefined>((resolve, reject) => {
    child.on('error', (error) => (signal.aborted ? undefined : reject(error)));
    child.on('close', (code, killer) =>
      resolve(code === 0 ? undefined : killer ? `was stopped by ${killer}` : `ended with code ${code}`),
    );
  });
  const why = await ended.catch((cause) => {
    throw new Unsupported(`The program ${program} could not be started.`, { hint, cause });
  });
  signal.throwIfAborted();
  if (why)
    throw new Unsupported(
      `TensorFlow could not be fetched: its installation ${why}; what it said stands above.`,
      {
        hint,
      },
    );
}

/**
 * Keeps what was there before aside while `work` runs, and puts it back unless `work` succeeds. What an earlier run
 * that was killed has left aside is what was there before.
 */
export async function orAsBefore<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const description = join(folder, 'package.json');
  const before = readFileSync(description);
  const parts = ['deps', 'lib'].map((part) => ({
    part: join(folder, part),
    aside: join(folder, `${part}.before`),
  }));
  const restore = () => {
    for (const { part, aside } of parts)
      if (existsSync(aside)) {
        rmSync(part, { recursive: true, force: true });
        renameSync(aside, part);
      }
  };
  restore();
  for (const { part, aside } of parts) if (existsSync(part)) renameSync(part, aside);
  try {
    const done = await work();
    for (const { aside } of parts) rmSync(aside, { recursive: true, force: true });
    return done;
  } catch (error) {
    writeFileSync(description, before);
    for (const { part } of parts) rmSync(part, { recursive: true, force: true });
    restore();
    throw error;
  }
}
