import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { Unsupported } from '../errors.js';
import type { Way } from './fetching.js';

const library = (name: string) => `bin/napi-v6/linux/x64/libonnxruntime_providers_${name}.so`;

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

/** The install script that ONNX Runtime brings along, as npm would run it. */
export const cudaWay = (folder: string): Way => ({
  ...{ what: 'CUDA for ONNX Runtime', folder },
  parts: ['cuda', 'tensorrt', 'shared'].map(library),
  plan: [
    "This runs the install script of onnxruntime-node, which downloads ONNX Runtime's libraries for CUDA 12",
    'from nuget.org (some 200 MB packed, 300 MB on disk).',
    'To paint, they need the driver of an NVIDIA graphics processor, CUDA 12 and cuDNN 9 installed.',
    `All of it goes into ${folder}.`,
  ],
  program: process.execPath,
  args: ['script/install.js'],
  env: { ONNXRUNTIME_NODE_INSTALL: 'cuda12' },
  hint: 'It needs a way to nuget.org, and that driver with CUDA 12 and cuDNN 9; onnx/webgpu needs the driver alone.',
});
