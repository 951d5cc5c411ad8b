import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { folders } from '../config.js';
import { Usage } from '../errors.js';
import { print, tell } from '../log.js';
import type { Model } from '../models/model.js';
import { gather, inRange, layers } from './options.js';

interface Given {
  readonly content: string[];
  readonly style: string[];
  readonly loss?: string[];
  readonly model: string;
  readonly tuned?: string;
  readonly pairs: number;
  readonly size: number;
  readonly split: 'held-out' | 'all';
  readonly holdout: number;
  readonly styleLayers: readonly string[];
  readonly contentLayers: readonly string[];
  readonly styleWeight: number;
  readonly referenceSteps: number;
  readonly backend: 'auto' | 'tensorflow' | 'webgpu' | 'wasm' | 'cpu';
  readonly json?: boolean;
}

/** The model, or with a style file what paints that style alone. */
async function subject({ model: name, tuned }: Given): Promise<Model> {
  const { openModel } = await import('../models/models.js');
  const model = await openModel(name);
  if (tuned === undefined) return model;
  const [{ asMeta }, { readStyleFile }, { withStyle }] = await Promise.all([
    import('../models/model.js'),
    import('../models/style.js'),
    import('../models/train/score.js'),
  ]);
  const meta = asMeta(model);
  return withStyle(meta, await readStyleFile(tuned, meta));
}

const three = (value: number) => value.toFixed(3);

async function scoreCommand(given: Given, signal: AbortSignal): Promise<void> {
  if (given.size % 4) throw new Usage('--size takes a multiple of 4.');
  const [{ useBackend }, { scoreModel, scoreDefaults }, { defaultLoss }] = await Promise.all([
    import('../models/train/backend.js'),
    import('../models/train/score.js'),
    import('../models/train/default-loss.js'),
  ]);
  const model = await subject(given);
  const backend = await useBackend(given.backend);
  const {
    content,
    style,
    loss = defaultLoss(),
    pairs,
    size,
    split,
    holdout,
    styleLayers,
    contentLayers,
  } = given;
  const { styleWeight, referenceSteps } = given;
  const options = { pairs, size, split, holdout, styleLayers, contentLayers, styleWeight, referenceSteps };
  const result = await scoreModel(
    model,
    { content, style, loss },
    { ...scoreDefaults, ...options },
    {
      signal,
      cache: join(folders.cache, 'score'),
      onPair: (done, { score }) => tell(`${done} of ${pairs}: S ${three(score)}`),
    },
  );
  if (given.json) {
    print(JSON.stringify({ ...result, id: model.id, name: model.card.name, backend, options }));
    return;
  }
  print(`Model ${model.card.name}, ${result.pairs.length} pairs (${split}), ${size} px, on ${backend}`);
  print(`loss unchanged   ${three(result.unchanged)}`);
  print(`loss model       ${three(result.model)}`);
  print(`loss optimised   ${three(result.optimised)}`);
  print(`S of the means   ${three(result.score)}`);
  print(`S of the pairs   mean ${three(result.mean)}, median ${three(result.median)}`);
}

/** `livebrush score`: how near a model comes to optimising each picture. */
export const score = (parent: Command, signal: AbortSignal): void => {
  parent
    .command('score')
    .description('measure a model on photos and paintings that it was not trained on')
    .requiredOption('--content <dir>', 'folder of photos (repeatable)', gather)
    .requiredOption('--style <dir or file>', 'folder of paintings, or single paintings (repeatable)', gather)
    .option(
      '--loss <file>',
      'loss network, as for train meta (repeatable; default: the one that ships)',
      gather,
    )
    .option('--model <name>', 'a model by name or file', 'fast')
    .option('--tuned <file>', 'a style file of the model: measure that style, which --style shows')
    .option('--pairs <n>', 'photos and paintings, paired one to one', inRange(1, 10_000), 24)
    .option('--size <px>', 'side of the pictures', inRange(32, 2048), 256)
    .addOption(
      new Option('--split <share>', 'which pictures').choices(['held-out', 'all']).default('held-out'),
    )
    .option('--holdout <share>', 'the share that the training held out', inRange(0, 0.9, false), 0.1)
    .option('--style-layers <names>', 'layers compared for style', layers, [
      'relu1_1',
      'relu2_1',
      'relu3_1',
      'relu4_1',
    ])
    .option('--content-layers <names>', 'layers compared for content', layers, ['relu3_1'])
    .option('--style-weight <w>', 'weight of style against content', inRange(0, 1e6, false), 6)
    .option('--reference-steps <n>', 'steps of Adam for the optimised reference', inRange(1, 10_000), 150)
    .addOption(
      new Option('--backend <name>', 'what computes')
        .choices(['auto', 'tensorflow', 'webgpu', 'wasm', 'cpu'])
        .default('auto'),
    )
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
S is (L unchanged - L model) / (L unchanged - L optimised): 0 leaves the photo alone, 1 equals optimising each
picture for itself. L is content loss + weight x style loss. The optimised references are kept in the cache folder.
A model that paints its own styles is measured on the pictures of those, on photos that it was not trained on.

Examples:
  livebrush score --content photos --style paintings
  livebrush score --content photos --style wave.jpg --model runs/wave/model.safetensors
  livebrush score --content photos --style wave.jpg --tuned runs/wave/style.safetensors
  livebrush score --content photos --style paintings --loss vgg19 --style-layers relu1_1,relu2_1,relu3_1 --json`,
    )
    .action((given: Given) => scoreCommand(given, signal));
};
