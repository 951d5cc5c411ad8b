import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { print, tell } from '../log.js';
import { NAME } from '../models/style.js';
import { number, type TrainGiven, withStyleSize, withTraining } from './train-options.js';
import { photosOf } from './train-videos.js';
import { serveIfAsked } from './train-watch.js';

interface Given extends Omit<TrainGiven, 'data'> {
  readonly style: string;
  readonly model: string;
  readonly title?: string;
  readonly artist?: string;
  readonly year?: string;
  readonly steps?: number;
  readonly size?: number;
  readonly batch?: number;
  readonly rate?: number;
  readonly seed?: number;
  readonly styleSize?: number;
}

/** The file of a picture: itself, or the picture of a style of one's own. */
async function pictureOf(spec: string): Promise<string> {
  if (!NAME.test(spec) || (await stat(spec).catch(() => undefined))?.isFile()) return spec;
  const { userStyle } = await import('../models/user-styles.js');
  return (await userStyle(spec)).picture!;
}

async function trainStyleCommand(given: Given, signal: AbortSignal): Promise<void> {
  const [
    { useBackend },
    { chooseTune },
    { tuneStyle },
    { defaultLoss },
    { openModel },
    modelFile,
    styleFile,
  ] = await Promise.all([
    import('../models/train/backend.js'),
    import('../models/train/tune-options.js'),
    import('../models/train/tune.js'),
    import('../models/train/default-loss.js'),
    import('../models/models.js'),
    import('../models/model.js'),
    import('../models/style.js'),
  ]);
  const name = given.name === undefined ? undefined : styleFile.checkName(given.name);
  const model = modelFile.asMeta(await openModel(given.model));
  const style = await pictureOf(given.style);
  const { steps, size, batch, rate, seed, styleSize } = given;
  const options = chooseTune(given.preset, { steps, size, batch, rate, seed, styleSize, ...given.set });
  const own = style === given.style ? undefined : given.style;
  const told = { name: name ?? own, title: given.title, artist: given.artist, year: given.year };
  const card = Object.fromEntries(
    Object.entries({ ...told, licence: given.licence }).filter(([, value]) => value !== undefined),
  );
  const backend = await useBackend(given.backend);
  tell(`Tuning on ${backend}: ${options.steps} steps of ${options.batch} pictures, ${options.size} px.`);
  const { out } = given;
  const content = await photosOf(given.content, out, signal);
  const files = { content, style, loss: given.loss ?? defaultLoss(), out, model, card };
  await using _page = await serveIfAsked(out, given.serve);
  const { model: file, ...result } = await tuneStyle(files, options, {
    resume: given.resume ?? false,
    signal,
  });
  if (given.json) return print(JSON.stringify({ ...result, style: file, backend }));
  print(`Tuned ${result.step} steps: ${file}`);
  const of = given.model === 'fast' ? '' : ` --model ${given.model}`;
  print(`  livebrush image photo.jpg --style ${file}${of} --out painted.jpg`);
  print(`Keep it by name: livebrush styles add ${given.style} --tuned ${file}`);
}

/** `livebrush train style`: makes one style of a model better. */
export const trainStyle = (train: Command, signal: AbortSignal): void => {
  const command = train
    .command('style')
    .description('tune one style of a model to its painting: minutes for what a MetaNet sees in a moment')
    .requiredOption('--style <picture>', 'the painting, or the name of a style of yours')
    .option('--model <name>', 'whose style it is, by name or file', 'fast')
    .option('--steps <n>', 'steps of the whole training', number)
    .option('--name <name>', "the style's name (default: made of the picture's)")
    .option('--title <text>', 'what lists call it')
    .option('--artist <text>', 'who made the picture')
    .option('--year <text>', 'when')
    .option('--licence <text>', "the style's licence, for its header");
  withStyleSize(withTraining(command, 'house, or live for a machine that paints meanwhile'))
    .addHelpText(
      'after',
      `
A MetaNet makes weights of any picture in a moment; trained further for this one picture, they paint it better. The model
stays as it is, so a tuned style is switched, mixed and faded like any other. It is one file, style.safetensors.

Examples:
  livebrush train style --content photos --style wave.jpg --out runs/wave
  livebrush train style --content holiday.mp4 --style wave.jpg --out runs/holiday
  livebrush image photo.jpg --style runs/wave/style.safetensors --out painted.jpg
  livebrush styles add wave.jpg --tuned runs/wave/style.safetensors`,
    )
    .action((given: Given) => trainStyleCommand(given, signal));
};
