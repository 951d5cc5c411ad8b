import type { Command } from 'commander';
import { Usage } from '../errors.js';
import { print, tell } from '../log.js';
import { gather } from './options.js';
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
  readonly style?: string[];
  readonly add?: string[];
  readonly from?: string;
  readonly steps?: number;
  readonly laterSteps?: number;
  readonly laterRate?: number;
  readonly size?: number;
  readonly batch?: number;
  readonly rate?: number;
  readonly seed?: number;
}

async function trainMultiCommand(given: Given, signal: AbortSignal): Promise<void> {
  if ((given.style === undefined) === (given.add === undefined))
    throw new Usage('Give --style to train a net, or --add to add styles to the one in --out.');
  const [{ useBackend }, { chooseMulti }, { trainMulti }, { defaultLoss }, { openModel }] = await Promise.all(
    [
      import('../models/train/backend.js'),
      import('../models/train/multi-options.js'),
      import('../models/train/multi.js'),
      import('../models/train/default-loss.js'),
      import('../models/models.js'),
    ],
  );
  const name = nameOf(given);
  const from = given.from === undefined ? undefined : await openModel(given.from);
  const { steps, laterSteps, laterRate, size, batch, rate, seed } = given;
  const chosen = {
    steps,
    laterSteps,
    laterRate,
    size,
    batch,
    rate,
    seed,
    ...netOptions(given),
    ...given.set,
  };
  const options = chooseMulti(given.preset, chosen, from);
  const backend = await useBackend(given.backend);
  const { out, data, licence } = given;
  const content = await photosOf(given.content, out, signal);
  const style = given.style ?? given.add!;
  const files = { content, style, loss: given.loss ?? defaultLoss(), out, name, data, licence, from };
  const result = await trainMulti(files, options, {
    ...{ resume: given.resume ?? false, add: given.add !== undefined, signal },
    onStyle: (painting, folder) => {
      tell(`Training ${painting.name} on ${backend}: ${options.batch} pictures a step, ${options.size} px.`);
      return serveIfAsked(folder, given.serve);
    },
  });
  if (given.json) print(JSON.stringify({ ...result, backend }));
  else
    print(
      `Trained ${result.styles.map(({ style, step }) => `${style} (${step} steps)`).join(', ') || 'nothing: all is done'}: ${result.model}`,
    );
}

/** `livebrush train multi`: makes a net of several styles. */
export const trainMulti = (train: Command, signal: AbortSignal): void => {
  const command = train
    .command('multi')
    .description(
      'train a net of several styles: they share its filters, and each has its own scales and shifts',
    )
    .option('--style <picture>', 'a painting: the first trains all of the net (repeatable)', gather)
    .option(
      '--add <picture>',
      'add a style to the model in --out, which it leaves as it is otherwise (repeatable)',
      gather,
    )
    .option('--from <model>', 'model for the first style to begin with, by name or file')
    .option('--steps <n>', 'steps of the first style', number)
    .option('--later-steps <n>', 'steps of each later style', number)
    .option('--later-rate <r>', 'learning rate of later styles at its highest', number);
  withCard(withNet(withTraining(command, 'house or seed (002)')))
    .addHelpText(
      'after',
      `
Each style is a training of its own in OUT/styles/NAME, with its log and sheets; livebrush train watch shows it.

Examples:
  livebrush train multi --content photos --style wave.jpg --style scream.jpg --from fast --out runs/many
  livebrush train multi --content photos --add irises.jpg --out runs/many
  livebrush train multi --content photos --style a.jpg --style b.jpg --preset seed --loss vgg19 --out runs/seed
  livebrush image photo.jpg --model runs/many/model.safetensors --style wave:3 --style scream:1 --out painted.jpg`,
    )
    .action((given: Given) => trainMultiCommand(given, signal));
};
