import { parentPort, workerData } from 'node:worker_threads';
import { LivebrushError, Unsupported } from '../../errors.js';
import { h5Tensors } from './h5-tensors.js';
import type { H5Asked, H5Said } from './keras-h5.js';

/** The thread in which an HDF5 file is read: see `readH5`. */
const { path, what } = workerData as H5Asked;

async function said(): Promise<H5Said> {
  try {
    return { tensors: await h5Tensors(path, what) };
  } catch (error) {
    if (!(error instanceof LivebrushError)) throw error;
    const { message, hint } = error;
    return { message, hint, unsupported: error instanceof Unsupported };
  }
}

parentPort!.postMessage(await said());
