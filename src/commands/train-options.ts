import { basename, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { Usage } from '../errors.js';
import { gather } from './options.js';

/** What every training command is given. */
export interface TrainGiven {
  readonly content: string[];
  readonly loss?: string[];
  readonly out: string;
  readonly preset: string;
  readonly backend: 'auto' | 'tensorflow' | 'webgpu' | 'wasm' | 'cpu';
  readonly resume?: boolean;
  readonly name?: string;
  readonly data?: string[];
  readonly licence?: string;
  readonly set: Record<string, unknown>;
  readonly json?: boolean;
  readonly serve?: boolean | string;
}

/** Options that shape a net of one or a few styles. */
export interface NetGiven {
  readonly net?: 'standard' | 'small';
  readonly alpha?: number;
  readonly base?: number;
  readonly residuals?: number;
  readonly styleSize?: number;
}

/** `key=value`; the value is JSON where it reads as JSON, text otherwise. */
export function setting(text: string, before: Record<string, unknown> = {}): Record<string, unknown> {
  const at = text.indexOf('=');
  if (at < 1) throw new Usage(`--set ${text} is not of the form key=value.`);
  const value = text.slice(at + 1);
  try {
    return { ...before, [text.slice(0, at)]: JSON.parse(value) };
  } catch {
    return { ...before, [text.slice(0, at)]: value };
  }
}

export const number = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new Usage(`${text} is not a number.`);
  return value;
};

/** The name asked for, or the folder's made fit. @throws Usage */
export function nameOf({ name, out }: Pick<TrainGiven, 'name' | 'out'>): string {
  if (name !== undefined && !/^[a-z0-9][a-z0-9-]{0,63}$/.test(name))
    throw new Usage(`--name ${name} is no name for a model.`, {
      hint: 'Small letters, digits and hyphens, at most 64.',
    });
  const folder = basename(resolve(out))
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-');
  return name ?? (folder.replace(/^-+/, '').slice(0, 64) || 'model');
}

/** Width of the first layer at alpha 1 (seed 002). */
const FULL = 32;

/** What `--net`, `--alpha`, `--base`, `--residuals` and `--style-size` say, as options of a recipe. @throws Usage */
export function netOptions({ net, alpha, base, residuals, styleSize }: NetGiven): Record<string, unknown> {
  if (alpha !== undefined && base !== undefined)
    throw new Usage('--alpha and --base both say how wide the net is: give one of them.');
  if (alpha !== undefined && !(alpha >= 2 / FULL && alpha <= 2))
    throw new Usage(`--alpha ${alpha} is out of range: it takes 0.07 to 2.`);
  const small = net === 'small';
  return {
    base: alpha !== undefined || small ? (base ?? Math.floor(FULL * (alpha ?? 1))) : base,
    residuals: residuals ?? (small ? 3 : undefined),
    even: net === undefined ? undefined : small,
    styleSize,
  };
}

/** Adds how large a painting is looked at. */
export const withStyleSize = (command: Command): Command =>
  command.option(
    '--style-size <px>',
    'short side of a painting as it is looked at: larger makes larger strokes',
    number,
  );

/** Adds the options that shape a net of one or a few styles. */
export const withNet = (command: Command): Command =>
  withStyleSize(command)
    .addOption(
      new Option('--net <shape>', 'small: all layers as wide as the first, three residual blocks').choices([
        'standard',
        'small',
      ]),
    )
    .option('--alpha <share>', `width of the first layer as a share of ${FULL}`, number)
    .option('--base <n>', 'width of the first layer', number)
    .option('--residuals <n>', 'residual blocks', number);

/** Adds what a model says of itself in its header. */
export const withCard = (command: Command): Command =>
  command
    .option('--name <name>', "the model's name (default: the folder's)")
    .option('--data <text>', "what it is trained on, for the model's header (repeatable)", gather)
    .option('--licence <text>', "the model's licence, for its header");

/** Adds what every training is told of the run: recipe, resuming, backend, watching. */
export const withRun = (command: Command): Command =>
  command
    .addOption(
      new Option('--set <key=value>', 'any other option of the recipe (repeatable)')
        .argParser(setting)
        .default({}, 'none'),
    )
    .option('--resume', 'go on from the newest checkpoint in --out')
    .addOption(
      new Option('--backend <name>', 'what computes')
        .choices(['auto', 'tensorflow', 'webgpu', 'wasm', 'cpu'])
        .default('auto'),
    )
    .option('--serve [port]', 'show losses and sheets live in a page on this machine (port 8090; 0: any)')
    .option('--json', 'print the result as JSON');

/** Adds the options that every training of styles has. */
export const withTraining = (command: Command, presets: string): Command =>
  withRun(
    command
      .requiredOption(
        '--content <dir>',
        'folder of photos, or a video to take pictures of (repeatable)',
        gather,
      )
      .option(
        '--loss <file>',
        'loss network: vgg16, vgg19 or a file; FILE:relu1_1,relu2_1 names what it serves (repeatable; default: the small one that ships)',
        gather,
      )
      .requiredOption('--out <dir>', 'folder for what is made, checkpoints, log, events and sheets')
      .option('--preset <name>', `recipe to start from: ${presets}`, 'house')
      .option('--size <px>', 'side of the square crops', number)
      .option('--batch <n>', 'photos a step', number)
      .option('--rate <r>', 'learning rate at its highest', number)
      .option('--seed <n>', 'seed of everything random', number),
  );
