import { basename, resolve } from 'node:path';
import { Usage } from '../../errors.js';
import { inWords } from '../files.js';
import { asMeta, writeModel } from '../model.js';
import { MAX_MODEL_BYTES, openModel } from '../models.js';
import { netParams, sizeOf } from '../net.js';
import { type Weights, withPrefix } from '../weights.js';
import { Adagrad } from './adagrad.js';
import type { EncoderFiles } from './encoder.js';
import { cardOptions, initialParams, type Nets, trainedParams } from './nets.js';
import type { TrainOptions } from './options.js';
import type { Plan } from './training.js';
import { widened } from './widen.js';

/** What a training reads and writes. */
export interface TrainFiles extends EncoderFiles {
  /** Folders of photos and of paintings. */
  readonly content: readonly string[];
  readonly style: readonly string[];
  /** Loss networks, as `loadLossNetworks` reads them. */
  readonly loss: readonly string[];
  /** Folder of the training: model, checkpoints, log, events, sheets. */
  readonly out: string;
  /** Name of the model. */
  readonly name: string;
  /** What the pictures are, in words, for the model's header; the folders' names unless told. */
  readonly data?: readonly string[];
  /** Licence of the model, for its header. */
  readonly licence?: string;
  /** A model to begin with, by name or file, widened where the options ask for wider nets. */
  readonly from?: string;
  /** A VGG-16 for the MetaNet to see styles with, by name or file; a loss network that is one unless told. */
  readonly encoder?: string;
}

const namesOf = ({ content, style }: TrainFiles): string[] =>
  [...content, ...style].map((folder) => basename(resolve(folder)));

/** @throws Usage when the model would be larger than any that is read back: better now than after the training. */
export function checkModelSize({ transform, meta }: Nets): void {
  const numbers = [transform, meta].flatMap((net) =>
    netParams(net).map((name) => sizeOf(net.params[name]!.shape)),
  );
  const bytes = 2 * numbers.reduce((sum, count) => sum + count, 0);
  if (bytes < 0.99 * MAX_MODEL_BYTES) return;
  throw new Usage(`Such a model would take ${inWords(bytes)}; ${inWords(MAX_MODEL_BYTES)} is the most.`, {
    hint: 'Choose a smaller --base, or narrower hidden layers.',
  });
}

/** What is trained: both nets, from `files.from` on where there is one, widened as the options say. */
export async function planOf(
  files: TrainFiles,
  nets: Nets,
  encoder: Weights | undefined,
  options: TrainOptions,
): Promise<Plan> {
  const start = files.from === undefined ? undefined : asMeta(await openModel(files.from));
  return {
    shapes: trainedParams(nets),
    begin: () => (start ? widened(start, nets, options.seed) : initialParams(nets, options.seed)),
    model: (params, training) => {
      const card = {
        ...{ name: files.name, ...cardOptions(options), training: { ...training } },
        ...{ data: [...(files.data ?? namesOf(files))], licence: files.licence ?? 'not stated' },
        date: new Date().toISOString().slice(0, 10),
      };
      const metaWeights = new Map([...(encoder ?? []), ...withPrefix(params, 'meta/')]);
      return writeModel(card, { base: withPrefix(params, 'transform/'), metaWeights });
    },
    ...(options.optimiser === 'adagrad' && { optimiser: adagrad }),
  };
}

/** Seed 000 holds the layers of the MetaNet tight. */
const adagrad: NonNullable<Plan['optimiser']> = (params, options) => {
  const { epsilon, clipMeta, clipRest } = options as TrainOptions;
  const tight = (name: string) => name.startsWith('meta/');
  return new Adagrad(params, { epsilon, tight, clipTight: clipMeta, clipLoose: clipRest });
};
