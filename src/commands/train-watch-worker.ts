import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { LivebrushError } from '../errors.js';
import { type AsideGiven, type AsideSaid, serveTraining } from './train-watch.js';

/** The thread of `serveTrainingAside`: one page, until it is told to end. */

const { folder, port } = workerData as AsideGiven;
const say = (said: AsideSaid) => parentPort?.postMessage(said);

try {
  await using page = await serveTraining(folder, port, new AbortController().signal, { awaited: true });
  say({ url: page.url });
  if (parentPort) await once(parentPort, 'message');
} catch (error) {
  const hint = error instanceof LivebrushError ? error.hint : undefined;
  say({ message: error instanceof Error ? error.message : String(error), hint });
}
parentPort?.unref();
