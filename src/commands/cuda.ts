import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { folders } from '../config.js';
import { NotFound, Unsupported } from '../errors.js';
import type { Way } from './fetching.js';

const binaries = 'bin/napi-v6/linux/x64';
const parts = ['cuda', 'tensorrt', 'shared'].map((name) => `${binaries}/libonnxruntime_providers_${name}.so`);

/** The folder of ONNX Runtime. @throws Unsupported where it knows no CUDA, or is not installed. */
export function onnxruntimeFolder(): string {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Unsupported('ONNX Runtime knows CUDA on Linux x64 alone.', {
      hint: 'The engine onnx/webgpu paints on graphics processors elsewhere, too; it needs their driver alone.',
    });
  try {
    return dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  } catch (cause) {
    throw new Unsupported('The package onnxruntime-node is not installed.', {
      hint: 'Install it with: npm install onnxruntime-node',
      cause,
    });
  }
}

const needs = (cuda: string) =>
  `To paint, they need the driver of an NVIDIA graphics processor, ${cuda} and cuDNN 9 installed.`;
const instead = 'onnx/webgpu needs the driver of the graphics processor alone.';

/** The install script that ONNX Runtime brings along, as npm would run it. */
export const ownCudaWay = (folder: string): Way => ({
  ...{ what: 'CUDA for ONNX Runtime', folder, parts },
  plan: [
    "This runs the install script of onnxruntime-node, which downloads ONNX Runtime's libraries for CUDA 12",
    'from nuget.org (some 200 MB packed, 300 MB on disk).',
    needs('CUDA 12'),
    `All of it goes into ${folder}.`,
  ],
  program: process.execPath,
  args: ['script/install.js'],
  env: { ONNXRUNTIME_NODE_INSTALL: 'cuda12' },
  hint: `Where nuget.org cannot be reached, or CUDA is 13, there is --from-wheel; ${instead}`,
});

/** The libraries out of ONNX Runtime's Python package of the same version. @throws NotFound, Unsupported */
export function wheelCudaWay(folder: string): Way {
  const script = join(folders.package, 'scripts', 'fetch-onnxruntime-cuda.py');
  if (!existsSync(script))
    throw new NotFound(`The script ${script} is missing: Livebrush is not installed whole.`);
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  return {
    ...{ what: 'CUDA for ONNX Runtime', folder, parts },
    plan: [
      `This downloads the Python package onnxruntime-gpu ${version} from PyPI with pip (some 250 MB) and takes`,
      'the libraries for CUDA out of it (270 MB). Nothing is installed in Python; it needs python3 with pip.',
      needs('the CUDA that it is made for (13 for 1.30)'),
      `All of it goes into ${folder}.`,
    ],
    program: 'python3',
    args: [script, version, binaries],
    hint: `It needs python3 with pip, a way to PyPI, and that CUDA with cuDNN 9; ${instead}`,
  };
}
