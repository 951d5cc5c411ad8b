import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { Command } from 'commander';
import { folders } from '../config.js';
import { CannotWrite, LivebrushError, Usage } from '../errors.js';
import { print, tell } from '../log.js';

/** Where the page is unless told otherwise. */
export const TRAINING_PORT = 8090;

/** What a thread with the page is given, and what it says once. */
export interface AsideGiven {
  readonly folder: string;
  readonly port: number;
}
export type AsideSaid =
  | { readonly url: string }
  | { readonly message: string; readonly hint: string | undefined };

/** A page that shows a training. */
export interface TrainingPage extends AsyncDisposable {
  readonly url: string;
}

/** A port as text; 0 takes a free one. @throws Usage */
export function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535))
    throw new Usage(`${text} is not a port.`, {
      hint: 'A port is a number from 0 to 65535; 0 takes a free one.',
    });
  return port;
}

/**
 * Serves the page of a training, from its folder alone, until it is disposed or the signal is aborted.
 * @throws NotFound where there is no training; CannotWrite where the port is taken.
 */
export async function serveTraining(
  folder: string,
  port: number,
  signal: AbortSignal,
  about: { readonly awaited?: boolean } = {},
): Promise<TrainingPage> {
  const { serveTrainingPage } = await import('../server/training-page.js');
  const page = await serveTrainingPage(folder, { port, web: join(folders.package, 'dist', 'web'), ...about });
  signal.addEventListener('abort', () => void page[Symbol.asyncDispose](), { once: true });
  return page;
}

const script = new URL('./train-watch-worker.js', import.meta.url);

/**
 * Serves the page of a training that is about to begin in this process, in a thread of its own: a step keeps the main
 * one busy for seconds. It shows the end of the training, and ends when it is disposed.
 * @throws CannotWrite where the port is taken.
 */
export async function serveTrainingAside(folder: string, port: number): Promise<TrainingPage> {
  // From sources, which only a compiler's loader can read, there is no thread.
  if (!existsSync(fileURLToPath(script)))
    return serveTraining(folder, port, new AbortController().signal, { awaited: true });
  const worker = new Worker(script, { workerData: { folder, port } satisfies AsideGiven });
  const ended = once(worker, 'exit');
  const [said] = (await Promise.race([once(worker, 'message'), ended])) as [AsideSaid | number];
  if (typeof said === 'number') throw new LivebrushError('The page of the training did not start.');
  if (!('url' in said)) throw new CannotWrite(said.message, { hint: said.hint });
  worker.unref();
  return {
    url: said.url,
    async [Symbol.asyncDispose]() {
      worker.ref();
      worker.postMessage('end');
      await ended;
    },
  };
}

/**
 * The page of a training, where one is asked for with `--serve [port]`, and its address told.
 * @param serve true for the usual port. @throws Usage; CannotWrite where the port is taken.
 */
export async function serveIfAsked(
  folder: string,
  serve: boolean | string | undefined,
): Promise<AsyncDisposable> {
  if (serve === undefined || serve === false) return { async [Symbol.asyncDispose]() {} };
  const page = await serveTrainingAside(folder, serve === true ? TRAINING_PORT : portOf(serve));
  tell(`Watch it at ${page.url}`);
  return page;
}

interface Given {
  readonly port: string;
  readonly open?: boolean;
  readonly json?: boolean;
}

async function watchCommand(folder: string, given: Given, signal: AbortSignal): Promise<void> {
  await using page = await serveTraining(folder, portOf(given.port), signal);
  if (given.json) print(JSON.stringify({ listening: { url: page.url } }));
  else print(`The training in ${folder} is shown at ${page.url}`);
  if (given.open) (await import('./open-browser.js')).openBrowser(page.url);
  if (!signal.aborted) await once(signal, 'abort');
}

/** `livebrush train watch`: looks at a training. */
export const trainWatch = (parent: Command, signal: AbortSignal): void => {
  parent
    .command('watch')
    .summary('show a training, running or finished, in a page')
    .description('Show the losses, sheets and options of a training in a page, from its folder alone.')
    .argument('<folder>', 'the folder that was given to the training as --out')
    .option('--port <number>', 'port of the page; 0 takes a free one', String(TRAINING_PORT))
    .option('--open', 'open the page in the browser')
    .option('--json', 'tell the address as JSON')
    .addHelpText(
      'after',
      `
The page is for this machine alone. From elsewhere: ssh -L ${TRAINING_PORT}:127.0.0.1:${TRAINING_PORT} machine

Examples:
  livebrush train watch runs/mine
  livebrush train watch runs/mine --port 0 --open`,
    )
    .action((folder: string, given: Given) => watchCommand(folder, given, signal));
};
