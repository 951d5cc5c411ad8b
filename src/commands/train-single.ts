import type { Command } from 'commander';
import { print, tell } from '../log.js';
import {
  type NetGiven,
  nameOf,
  netOptions,
  number,
  type TrainGiven,
  withCard,
  withNet,
  withTraining,
} from './train-options.js';
import { photosOf } from './train-videos.js';
import { serveIfAsked } from './train-watch.js';

interface Given extends TrainGiven, NetGiven {
  readonly style: string;
  readonly from?: string;
  readonly steps?: number;
  readonly size?: number;
  readonly batch?: number;
  readonly rate?: number;
  readonly seed?: number;
}

async function trainSingleCommand(given: Given, signal: AbortSignal): Promise<void> {
  const [{ useBackend }, { chooseSingle }, { trainSingle }, { defaultLoss }, { openModel }] =
    await Promise.all([
      import('../models/train/backend.js'),
      import('../models/train/single-options.js'),
      import('../models/train/single.js'),
      import('../models/train/default-loss.js'),
      import('../models/models.js'),
    ]);
  const name = nameOf(given);
  const from = given.from === undefined ? undefined : await openModel(given.from);
  const { steps, size, batch, rate, seed } = given;
  const chosen = { steps, size, batch, rate, seed, ...netOptions(given), ...given.set };
  const options = chooseSingle(given.preset, chosen, from);
  const backend = await useBackend(given.backend);
  tell(`Training on ${backend}: ${options.steps} steps of ${options.batch} pictures, ${options.size} px.`);
  const { style, out, data, licence } = given;
  const content = await photosOf(given.content, out, signal);
  const files = { content, style, loss: given.loss ?? defaultLoss(), out, name, data, licence, from };
  await using _page = await serveIfAsked(out, given.serve);
  const result = await trainSingle(files, options, { resume: given.resume ?? false, signal });
  if (given.json) print(JSON.stringify({ ...result, backend }));
  else print(`Trained ${result.step} steps: ${result.model}`);
}

/** `livebrush train single`: makes a net of one style. */
export const trainSingle = (train: Command, signal: AbortSignal): void => {
  const command = train
    .command('single')
    .description('train a net of one style: small, and nearer to its painting than any other')
    .requiredOption('--style <picture>', 'the painting')
    .option(
      '--from <model>',
      'model to begin with, by name or file: what it makes of the painting is made better',
    )
    .option('--steps <n>', 'steps of the whole training', number);
  withCard(withNet(withTraining(command, 'house, johnson (seed 001), resize (003), mobile (002)')))
    .addHelpText(
      'after',
      `
The fastest way to a good net is --from fast: its MetaNet makes the weights, and the training improves on them. The
net's shape is then that of the model.

Examples:
  livebrush train single --content photos --style wave.jpg --from fast --out runs/wave
  livebrush train single --content photos --style wave.jpg --preset johnson --loss vgg16 --out runs/johnson
  livebrush train single --content photos --style wave.jpg --preset mobile --net small --alpha 0.3 --loss vgg16 --out runs/tiny
  livebrush image photo.jpg --model runs/wave/model.safetensors --style wave --out painted.jpg`,
    )
    .action((given: Given) => trainSingleCommand(given, signal));
};
