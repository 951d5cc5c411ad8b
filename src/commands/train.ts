import { basename, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { Usage } from '../errors.js';
import { print, tell } from '../log.js';
import { gather } from './options.js';
import { trainLoss } from './train-loss.js';
import { trainMulti } from './train-multi.js';
import { trainSingle } from './train-single.js';
import { serveIfAsked, trainWatch } from './train-watch.js';

interface Given {
  readonly content: string[];
  readonly style: string[];
  readonly loss?: string[];
  readonly out: string;
  readonly preset: string;
  readonly backend: 'auto' | 'tensorflow' | 'webgpu' | 'wasm' | 'cpu';
  readonly resume?: boolean;
  readonly name?: string;
  readonly data?: string[];
  readonly licence?: string;
  readonly from?: string;
  readonly set: Record<string, unknown>;
  readonly json?: boolean;
  readonly serve?: boolean | string;
  readonly [key: string]: unknown;
}

/** `key=value`; the value is JSON where it reads as JSON, text otherwise. */
function setting(text: string, before: Record<string, unknown> = {}): Record<string, unknown> {
  const at = text.indexOf('=');
  if (at < 1) throw new Usage(`--set ${text} is not of the form key=value.`);
  const value = text.slice(at + 1);
  let parsed: unknown = value;
  try {
    parsed = JSON.parse(value);
  } catch {
    // Text it is.
  }
  return { ...before, [text.slice(0, at)]: parsed };
}

const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new Usage(`${text} is not a number.`);
  return value;
};

/** The name asked for, or the folder's made fit. */
function nameOf({ name, out }: Given): string {
  if (name !== undefined && !/^[a-z0-9][a-z0-9-]{0,63}$/.test(name))
    throw new Usage(`--name ${name} is no name for a model.`, {
      hint: 'Small letters, digits and hyphens, at most 64.',
    });
  const folder = basename(resolve(out))
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-');
  return name ?? (folder.replace(/^-+/, '').slice(0, 64) || 'model');
}

async function trainMetaCommand(given: Given, signal: AbortSignal): Promise<void> {
  const [{ useBackend }, { chooseOptions }, { trainMeta }, { defaultLoss }] = await Promise.all([
    import('../models/train/backend.js'),
    import('../models/train/options.js'),
    import('../models/train/meta.js'),
    import('../models/train/default-loss.js'),
  ]);
  const { steps, size, batch, base, residuals, rate, seed } = given;
  const options = chooseOptions(given.preset, {
    steps,
    size,
    batch,
    base,
    residuals,
    rate,
    seed,
    ...given.set,
  });
  const name = nameOf(given);
  const backend = await useBackend(given.backend);
  tell(`Training on ${backend}: ${options.steps} steps of ${options.batch} pictures, ${options.size} px.`);
  await using _page = await serveIfAsked(given.out, given.serve);
  const result = await trainMeta(
    {
      ...{ content: given.content, style: given.style, loss: given.loss ?? defaultLoss(), out: given.out },
      ...{ name, data: given.data, licence: given.licence, from: given.from },
    },
    options,
    { resume: given.resume ?? false, signal },
  );
  print(
    given.json ? JSON.stringify({ ...result, backend }) : `Trained ${result.step} steps: ${result.model}`,
  );
}

/** `livebrush train`: makes models. */
export const train = (parent: Command, signal: AbortSignal): void => {
  const command = parent.command('train').description('train networks');
  command
    .command('meta')
    .description('train a MetaNet and its TransformNet: any picture becomes a style')
    .requiredOption('--content <dir>', 'folder of photos (repeatable)', gather)
    .requiredOption('--style <dir>', 'folder of paintings (repeatable)', gather)
    .option(
      '--loss <file>',
      'loss network: vgg16, vgg19 or a file; FILE:relu1_1,relu2_1 names what it serves (repeatable; default: the small one that ships)',
      gather,
    )
    .requiredOption('--out <dir>', 'folder for the model, checkpoints, log, events and sheets')
    .option('--preset <name>', 'recipe to start from: house or paper', 'house')
    .option('--from <model>', 'model to begin with, by name or file; a larger --base widens it')
    .option('--steps <n>', 'steps of the whole training', number)
    .option('--size <px>', 'side of the square crops', number)
    .option('--batch <n>', 'pictures a step, each with a style of its own', number)
    .option('--base <n>', 'width of the TransformNet: 8, 16 or 32', number)
    .option('--residuals <n>', 'residual blocks of the TransformNet', number)
    .option('--rate <r>', 'learning rate at its highest', number)
    .option('--seed <n>', 'seed of everything random', number)
    .option('--set <key=value>', 'any other option of the recipe (repeatable)', setting, {})
    .option('--name <name>', "the model's name (default: the folder's)")
    .option('--data <text>', "what it is trained on, for the model's header (repeatable)", gather)
    .option('--licence <text>', "the model's licence, for its header")
    .option('--resume', 'go on from the newest checkpoint in --out')
    .addOption(
      new Option('--backend <name>', 'what computes')
        .choices(['auto', 'tensorflow', 'webgpu', 'wasm', 'cpu'])
        .default('auto'),
    )
    .option('--serve [port]', 'show losses and sheets live in a page on this machine (port 8090; 0: any)')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Examples:
  livebrush train meta --content photos --style paintings --out runs/mine
  livebrush train meta --content photos --style a --style b --loss vgg19 --out runs/mine --resume --size 256 --rate 3e-4`,
    )
    .action((given: Given) => trainMetaCommand(given, signal));
  trainSingle(command, signal);
  trainMulti(command, signal);
  trainLoss(command, signal);
  trainWatch(command, signal);
};
