import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { CannotWrite, Usage } from '../../errors.js';
import { readWhole, writeWhole } from '../files.js';
import { isStyled, type Model, type StyledModel, writeStyledModel } from '../model.js';
import { MAX_MODEL_BYTES, openModel } from '../models.js';
import { type NetSpec, styleParams } from '../net.js';
import { transformNet } from '../nets/transform.js';
import { paramsFrom, type Tensor, type Weights } from '../weights.js';
import { baked } from './bake.js';
import type { TrainResult } from './course.js';
import type { MultiOptions } from './multi-options.js';
import { type OneStyle, type OneStyleFiles, type Run, trainOneStyle } from './one-style.js';
import { type Painting, readPainting } from './painting.js';
import { cardNet, freshParams } from './style-net.js';
import type { Standing } from './training.js';

/** What a training of a net of several styles reads and writes. */
export interface MultiFiles extends OneStyleFiles {
  /** The paintings, in the order in which they are learned. */
  readonly style: readonly string[];
  readonly name: string;
  readonly data?: readonly string[];
  readonly licence?: string;
  /** A model for the first style to begin with: what its MetaNet makes of the painting, or the style that it holds. */
  readonly from?: Model;
}

/** How it is run; `add` lets the folder hold a model, to which the styles are added. */
export interface MultiRun extends Run {
  readonly add?: boolean;
  /** Called as a style begins, with the folder of its training, and closed as it ends. */
  readonly onStyle?: (painting: Painting, folder: string) => Promise<AsyncDisposable>;
}

/** How a training of several styles ended. */
export interface MultiResult {
  /** Path of the model. */
  readonly model: string;
  /** The styles that were learned in this run, and how each ended. */
  readonly styles: readonly ({ readonly style: string } & Omit<TrainResult, 'model'>)[];
}

const modelPath = ({ out }: OneStyleFiles): string => join(out, 'model.safetensors');

/** The folder's model as it is, if there is one. @throws CannotWrite when it is not of this kind. */
async function modelIn(files: MultiFiles): Promise<StyledModel | undefined> {
  const path = modelPath(files);
  if (!(await stat(path).catch(() => undefined))) return undefined;
  const model = await openModel(path);
  if (isStyled(model) && styleParams(model.transform).length > 0) return model;
  throw new CannotWrite(`${files.out} holds a model to which no styles can be added.`, {
    hint: 'Choose another --out.',
  });
}

/** Scale and shift to begin a later style with: the mean of those there are. */
function meanStyle({ styles }: StyledModel): Map<string, Tensor> {
  const all = [...styles.values()];
  const means = [...all[0]!].map(([name, { shape, data }]): [string, Tensor] => [
    name,
    {
      shape,
      data: data.map((_, i) => all.reduce((sum, one) => sum + one.get(name)!.data[i]!, 0) / all.length),
    },
  ]);
  return new Map(means);
}

const halvesOf = (net: NetSpec, params: Weights) => {
  const style = styleParams(net);
  return {
    base: new Map([...params].filter(([name]) => !style.includes(name))),
    style: new Map([...params].filter(([name]) => style.includes(name))),
  };
};

/**
 * What one style trains: all params where it is the first, else its own scale and shift alone, on the numbers of the
 * model as its file has them, so that they stay what they are to the bit.
 */
async function stepOf(
  files: MultiFiles,
  painting: Painting,
  before: StyledModel | undefined,
  options: MultiOptions,
): Promise<OneStyle> {
  const transform = before?.card.transform ?? cardNet(options, 'style');
  const net = transformNet(transform);
  const start = !before && files.from ? await baked(files.from, painting, net) : undefined;
  const data = files.data ?? [...files.content, ...files.style].map((path) => basename(resolve(path)));
  const style = { name: painting.name, title: painting.title };
  const model = (params: Weights, standing: Standing) => {
    const own = halvesOf(net, params);
    const card = {
      ...{
        name: before?.card.name ?? files.name,
        transform,
        styles: [...(before?.card.styles ?? []), style],
      },
      ...{
        data: [...new Set([...(before?.card.data ?? []), ...data])],
        licence: files.licence ?? before?.card.licence ?? 'not stated',
      },
      training: { ...before?.card.training, [painting.name]: { ...standing } },
      date: new Date().toISOString().slice(0, 10),
    };
    const styles = new Map([...(before?.styles ?? []), [painting.name, own.style] as const]);
    return writeStyledModel(card, { base: before?.base ?? own.base, styles });
  };
  const plan = before
    ? { shapes: paramsFrom(net.params, 'style'), begin: () => meanStyle(before), model }
    : { shapes: net.params, begin: () => start ?? freshParams(net, options), model };
  return { painting, net, plan, frozen: before?.base ?? new Map() };
}

async function paintingsOf({ style }: MultiFiles): Promise<Painting[]> {
  const paintings = await Promise.all(style.map(readPainting));
  for (const [i, { name, file }] of paintings.entries())
    if (paintings.findIndex((other) => other.name === name) < i)
      throw new Usage(`Two pictures would make a style called ${name}; one is ${file}.`, {
        hint: 'Rename one of the files.',
      });
  return paintings;
}

/**
 * Trains a net of several styles by conditional instance norm (Dumoulin et al. 2017, arXiv 1610.07629; seed 002): the
 * first style trains everything, each later one its own scale and shift. Each style is a training of its own in
 * `styles/NAME`, and once it has ended the model holds it. With `resume`, styles that the model holds are done.
 * @throws as `trainOneStyle`; CannotWrite when the folder holds a model and neither `resume` nor `add` is set; Usage when a
 * style is to be added that the model has.
 */
export async function trainMulti(
  files: MultiFiles,
  options: MultiOptions,
  { add = false, onStyle, ...run }: MultiRun = {},
): Promise<MultiResult> {
  const paintings = await paintingsOf(files);
  const there = await modelIn(files);
  if (there && !run.resume && !add)
    throw new CannotWrite(`${files.out} already holds a model of ${there.styles.size} styles.`, {
      hint: 'Go on with --resume, add styles to it with --add, or choose another --out.',
    });
  if (add && !there)
    throw new Usage(`${files.out} holds no model that styles could be added to.`, {
      hint: 'Train one first.',
    });
  const known = add && !run.resume ? paintings.find(({ name }) => there!.styles.has(name)) : undefined;
  if (known)
    throw new Usage(`The model in ${files.out} already has a style ${known.name}.`, {
      hint: 'Rename the file.',
    });

  const styles: MultiResult['styles'][number][] = [];
  for (const painting of paintings) {
    const before = await modelIn(files);
    if (before?.styles.has(painting.name)) continue;
    const out = join(files.out, 'styles', painting.name);
    const { laterSteps: steps, laterRate: rate } = options;
    const mine = before ? { ...options, steps, rate } : options;
    await using _shown = await onStyle?.(painting, out);
    const { model, ...ended } = await trainOneStyle(
      { ...files, out },
      await stepOf(files, painting, before, options),
      mine,
      run,
    );
    await writeWhole(modelPath(files), await readWhole(model, MAX_MODEL_BYTES));
    styles.push({ style: painting.name, ...ended });
  }
  return { model: modelPath(files), styles };
}
