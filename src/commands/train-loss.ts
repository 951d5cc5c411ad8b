import type { Command } from 'commander';
import { Usage } from '../errors.js';
import { print, tell } from '../log.js';
import type { Agreement } from '../models/train/agreement.js';
import { gather } from './options.js';
import { nameOf, number, withCard, withRun } from './train-options.js';
import { serveIfAsked } from './train-watch.js';

interface Given {
  readonly content: string[];
  readonly style: string[];
  readonly loss: string[];
  readonly out?: string;
  readonly measure?: string;
  readonly backend: 'auto' | 'tensorflow' | 'webgpu' | 'wasm' | 'cpu';
  readonly widths?: number[];
  readonly layers?: string[];
  readonly resume?: boolean;
  readonly name?: string;
  readonly data?: string[];
  readonly licence?: string;
  readonly set: Record<string, unknown>;
  readonly json?: boolean;
  readonly serve?: boolean | string;
  readonly [key: string]: unknown;
}

const columns = ['features', 'mean', 'deviation'] as const;

/** A line for each layer: of features, means and deviations the correlation, within channels too, and the error. */
function table(agreement: Agreement): string[] {
  const title = 'layer'.padEnd(10) + columns.map((name) => name.padEnd(24)).join('');
  const under = ''.padEnd(10) + columns.map(() => 'r     within  error'.padEnd(24)).join('');
  const lines = Object.entries(agreement).map(([layer, kinds]) => {
    const cells = columns.map((name) => {
      const { r, within, error } = kinds[name];
      return `${r.toFixed(3)} ${within.toFixed(3)}   ${error.toFixed(3)}`.padEnd(24);
    });
    return layer.padEnd(10) + cells.join('');
  });
  return [title, under, ...lines].map((line) => line.trimEnd());
}

async function trainLossCommand(given: Given, signal: AbortSignal): Promise<void> {
  if ((given.out === undefined) === (given.measure === undefined))
    throw new Usage('Give --out to train a loss network, or --measure to compare a finished one.');
  const [{ useBackend }, { chooseDistillOptions }, { compareLossNetworks, distill }] = await Promise.all([
    import('../models/train/backend.js'),
    import('../models/train/distill-options.js'),
    import('../models/train/distill.js'),
  ]);
  const { steps, size, batch, widths, layers, rate, seed } = given;
  const options = chooseDistillOptions({
    ...{ steps, size, batch, widths, rate, seed, styleLayers: layers, contentLayers: layers },
    ...given.set,
  });
  const { content, style, loss, out = '', data, licence } = given;
  const backend = await useBackend(given.backend);
  if (given.measure !== undefined) {
    const agreement = await compareLossNetworks([given.measure], { content, style, loss }, options);
    print(given.json ? JSON.stringify({ agreement, backend }) : table(agreement).join('\n'));
    return;
  }
  tell(
    `Training on ${backend}: ${options.steps} steps of ${2 * options.batch} pictures, ${options.size} px.`,
  );
  const files = { content, style, loss, out, name: nameOf({ name: given.name, out }), data, licence };
  await using _page = await serveIfAsked(out, given.serve);
  const result = await distill(files, options, { resume: given.resume ?? false, signal });
  if (given.json) print(JSON.stringify({ ...result, backend }));
  else print([`Trained ${result.step} steps: ${result.model}`, ...table(result.agreement)].join('\n'));
}

/** `livebrush train loss`: makes a small loss network out of larger ones. */
export const trainLoss = (train: Command, signal: AbortSignal): void => {
  const command = train
    .command('loss')
    .description('train a small loss network to say of pictures what larger ones say')
    .requiredOption('--content <dir>', 'folder of photos (repeatable)', gather)
    .requiredOption('--style <dir>', 'folder of paintings (repeatable)', gather)
    .requiredOption(
      '--loss <file>',
      'teacher: a loss network; FILE:relu1_1,relu2_1 names what it teaches (repeatable)',
      gather,
    )
    .option('--out <dir>', 'folder for the network, checkpoints, log, events and sheets')
    .option('--measure <file>', 'train nothing: compare this loss network with those of --loss')
    .option('--widths <list>', 'channels of its blocks (default: 16,32,64,128)', (text) =>
      text.split(',').map(number),
    )
    .option('--layers <names>', 'what it learns (default: relu1_1,relu2_1,relu3_1,relu4_1)', (text) =>
      text.split(','),
    )
    .option('--steps <n>', 'steps of the whole training', number)
    .option('--size <px>', 'side of the square pieces of pictures', number)
    .option('--batch <n>', 'photos a step, and as many paintings', number)
    .option('--rate <r>', 'learning rate at its highest', number)
    .option('--seed <n>', 'seed of everything random', number);
  withRun(withCard(command))
    .addHelpText(
      'after',
      `
How near it is to its teachers is measured on pictures that it did not see: r is the correlation over all numbers,
within the same with each channel's own mean taken off, error the mean squared error by the variance; of the features,
and of the mean and the deviation of each channel over a picture, which are what a style is.

Examples:
  livebrush train loss --content photos --style paintings --loss vgg19 --out runs/small
  livebrush train loss --content photos --style paintings --loss vgg19 --measure runs/small/model.safetensors --size 128`,
    )
    .action((given: Given) => trainLossCommand(given, signal));
};
