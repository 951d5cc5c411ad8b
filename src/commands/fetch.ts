import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import { Interrupted, LivebrushError, Usage } from '../errors.js';
import { print, tell } from '../log.js';
import { lossFolder, type Published, published } from '../models/import/published.js';
import { download, isPublished } from './download.js';
import { openProgress } from './progress.js';

interface Given {
  readonly from?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

const MEGA = 1e6;

/** The file at a mirror: below an address or a folder, unless the file itself is named. */
function sourceOf({ folder, file }: Published, from: string | undefined): string {
  if (from === undefined) return `${folder}/${file}`;
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(from) && !/^https?:\/\//.test(from))
    throw new Usage(`--from ${from} is neither an http address nor a file.`);
  if (/\.h5(?:[?#].*)?$/.test(from)) return from;
  if (!/^https?:/.test(from)) return join(from, file);
  if (!URL.canParse(from)) throw new Usage(`--from ${from} is not an address.`);
  return new URL(file, from.endsWith('/') ? from : `${from}/`).href;
}

/** The same error with what a person can do where the network does not let the file through. */
function withAdvice(error: unknown, { name, folder, file, md5 }: Published, path: string): unknown {
  if (!(error instanceof LivebrushError) || error instanceof Interrupted || error instanceof Usage)
    return error;
  const Kind = error.constructor as new (message: string, options: object) => LivebrushError;
  const advice =
    `Fetch ${folder}/${file} some other way, then: livebrush fetch ${name} --from <that file>. ` +
    `Or put it at ${path} yourself (MD5 ${md5}).`;
  return new Kind(error.message, { hint: error.hint ? `${error.hint} ${advice}` : advice, cause: error });
}

async function fetchNet(net: Published, given: Given, signal: AbortSignal): Promise<string> {
  const path = join(lossFolder(), net.file);
  const wanted = { ...net, path, from: sourceOf(net, given.from) };
  const { bytes } = net;
  if (!given.force && (await isPublished(path, net))) {
    tell(`${net.name} is here already, and whole; --force fetches it again.`);
    return path;
  }
  if (given.force) await rm(`${path}.part`, { force: true });
  tell(`Fetching ${net.name} (${Math.round(bytes / MEGA)} MB) from ${wanted.from}`);
  const total = Math.round(bytes / MEGA);
  const progress = await openProgress({ total, unit: 'MB', rate: 'MB/s', json: given.json });
  let first: { at: number; bytes: number } | undefined;
  try {
    await download(wanted, {
      signal,
      onProgress: (done) => {
        const now = performance.now();
        // What did not fit together is fetched from its start again.
        if (!first || done < first.bytes) first = { at: now, bytes: done };
        const rate = now > first.at ? (done - first.bytes) / MEGA / ((now - first.at) / 1000) : 0;
        progress.update(Math.round(done / MEGA), rate);
      },
    });
  } catch (error) {
    throw withAdvice(error, net, path);
  } finally {
    progress.stop();
  }
  return path;
}

/** `livebrush fetch`: published loss networks. */
export const fetch = (parent: Command, signal: AbortSignal): void => {
  parent
    .command('fetch')
    .summary('fetch a published loss network for training')
    .description(
      'Fetches a loss network that its authors publish, checks it, and keeps it among your files: --loss vgg16 then ' +
        'means it. Both are VGG without the classifier, by Simonyan and Zisserman (CC BY 4.0), as Keras publishes them.',
    )
    .addArgument(new Argument('<name>', 'which one').choices(published.map(({ name }) => name)))
    .option('--from <place>', 'a mirror or a file of yours instead: an address, a folder, or the file itself')
    .option('--force', 'fetch it again although it is here')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  livebrush fetch vgg16
  livebrush fetch vgg19 --from https://mirror.example/keras-applications/vgg19/
  livebrush fetch vgg16 --from ~/Downloads/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5`,
    )
    .action(async (name: string, given: Given) => {
      const net = published.find((one) => one.name === name)!;
      const path = await fetchNet(net, given, signal);
      if (given.json) print(JSON.stringify({ name, path, bytes: net.bytes, md5: net.md5 }));
      else print(`${name} is ready: ${path}\nTrain with it: livebrush train meta … --loss ${name}`);
    });
};
