import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { folders } from '../config.js';
import { NotFound, Unsupported, Usage } from '../errors.js';
import type { NativePackage } from '../models/engines/tfjs-native.js';
import type { Way } from './fetching.js';

/** How TensorFlow's native library gets into the npm package that wants it. */

/** Which TensorFlow to build against. */
export interface WheelOptions {
  /** A version of TensorFlow, or `true` for the one that the script takes by itself. */
  readonly fromWheel?: string | true;
  /** The Python package with CUDA support. */
  readonly gpu?: boolean;
}

/** What is fetched, in the package's folder. */
const parts = ['deps', 'lib'];

const wheelVersion = /^\d{1,3}\.\d{1,3}\.\d{1,3}$/;

/** The install script that the package brings along, as npm would run it. */
export function ownWay({ name, folder }: NativePackage): Way {
  return {
    ...{ what: 'TensorFlow', folder, parts },
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
    ...{ what: 'TensorFlow', folder, parts },
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
