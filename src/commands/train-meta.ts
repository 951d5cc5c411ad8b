import type { Command } from 'commander';
import { Usage } from '../errors.js';
import { print, tell } from '../log.js';
import { gather } from './options.js';
import { nameOf, number, type TrainGiven, withCard, withTraining } from './train-options.js';
import { photosOf } from './train-videos.js';
import { serveIfAsked } from './train-watch.js';

interface Given extends TrainGiven {
  readonly style: string[];
  readonly from?: string;
  readonly encoder?: string;
  readonly steps?: number;
  readonly size?: number;
  readonly batch?: number;
  readonly base?: number;
  readonly residuals?: number;
  readonly rate?: number;
  readonly seed?: number;
}

async function trainMetaCommand(given: Given, signal: AbortSignal): Promise<void> {
  const [{ useBackend }, { chooseOptions }, { trainMeta }, { defaultLoss }] = await Promise.all([
    import('../models/train/backend.js'),
    import('../models/train/options.js'),
    import('../models/train/meta.js'),
    import('../models/train/default-loss.js'),
  ]);
  const { steps, size, batch, base, residuals, rate, seed } = given;
  const chosen = { steps, size, batch, base, residuals, rate, seed, ...given.set };
  const options = chooseOptions(given.preset, chosen);
  if (given.preset === 'finish' && given.from === undefined && !given.resume)
    throw new Usage('The preset finish goes on from a model.', { hint: 'Name it with --from.' });
  const name = nameOf(given);
  // A recipe that sees styles with VGG-16 judges with it too.
  const loss = given.loss ?? (options.encoder === 'own' ? defaultLoss() : ['vgg16']);
  const content = await photosOf(given.content, given.out, signal);
  const backend = await useBackend(given.backend);
  tell(`Training on ${backend}: ${options.steps} steps of ${options.batch} pictures, ${options.size} px.`);
  await using _page = await serveIfAsked(given.out, given.serve);
  const result = await trainMeta(
    {
      ...{ content, style: given.style, loss, out: given.out },
      ...{ name, data: given.data, licence: given.licence, from: given.from, encoder: given.encoder },
    },
    options,
    { resume: given.resume ?? false, signal },
  );
  print(
    given.json ? JSON.stringify({ ...result, backend }) : `Trained ${result.step} steps: ${result.model}`,
  );
}

/** `livebrush train meta`: makes a model that takes any picture as a style. */
export const trainMeta = (train: Command, signal: AbortSignal): void => {
  const command = train
    .command('meta')
    .description('train a MetaNet and its TransformNet: any picture becomes a style')
    .requiredOption('--style <dir>', 'folder of paintings (repeatable)', gather)
    .option(
      '--encoder <file>',
      'VGG-16 that the MetaNet of paper and keras sees styles with: vgg16 or a file (default: the --loss that is one)',
    )
    .option('--from <model>', 'model to begin with, by name or file; a larger --base widens it')
    .option('--steps <n>', 'steps of the whole training', number)
    .option('--base <n>', 'width of the TransformNet: 8, 16 or 32', number)
    .option('--residuals <n>', 'residual blocks of the TransformNet', number);
  withCard(withTraining(command, 'house, finish, paper (seed 001) or keras (seed 000)'))
    .addHelpText(
      'after',
      `
paper and keras see and judge with VGG-16 unless --loss names another: livebrush fetch vgg16.

Examples:
  livebrush train meta --content photos --style paintings --out runs/mine
  livebrush train meta --content photos --style paintings --preset finish --from runs/mine/model.safetensors --out runs/better
  livebrush train meta --content photos --style paintings --preset finish --from fast --base 16 --out runs/wide
  livebrush train meta --content photos --style paintings --preset paper --loss vgg16 --base 8 --out runs/paper`,
    )
    .action((given: Given) => trainMetaCommand(given, signal));
};
