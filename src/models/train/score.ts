import { createHash } from 'node:crypto';
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { z } from 'zod';
import { Usage } from '../../errors.js';
import { log } from '../../log.js';
import { writeWhole } from '../files.js';
import { isStyled, type MetaModel, type Model, paintsOnly, type StyledModel } from '../model.js';
import type { StyleCard } from '../style.js';
import type { Weights } from '../weights.js';
import { toTensor } from './batches.js';
import { optimisePicture } from './gatys.js';
import { type Crop, Pictures, type Split, spread } from './images.js';
import {
  type LossNetwork,
  type LossOptions,
  loadLossNetworks,
  lossOf,
  type Targets,
  targetsOf,
} from './losses.js';
import { openPainter } from './painter.js';
import { paintingCrop, readPainting } from './painting.js';

/** What is compared, and how. */
export interface ScoreOptions {
  readonly pairs: number;
  /** Side of the square pictures in pixels. */
  readonly size: number;
  readonly split: Split;
  readonly holdout: number;
  readonly styleLayers: readonly string[];
  readonly contentLayers: readonly string[];
  readonly styleWeight: number;
  /** Steps of Adam by which the reference picture is optimised, and their rate in units of [0, 1]. */
  readonly referenceSteps: number;
  readonly referenceRate: number;
}

/** 256 px, the distilled VGG-19's relu1_1 to relu4_1, style weight 6, 150 steps for the reference. */
export const scoreDefaults: ScoreOptions = {
  pairs: 24,
  size: 256,
  split: 'held-out',
  holdout: 0.1,
  styleLayers: ['relu1_1', 'relu2_1', 'relu3_1', 'relu4_1'],
  contentLayers: ['relu3_1'],
  styleWeight: 6,
  referenceSteps: 150,
  referenceRate: 0.02,
};

/** Losses of one pair, content + weight x style, and the score (unchanged - model) / (unchanged - optimised). */
export interface PairScore {
  readonly content: string;
  readonly style: string;
  readonly unchanged: number;
  readonly model: number;
  readonly optimised: number;
  readonly score: number;
}

/** How good a model is, over pairs of pictures it never saw. */
export interface Score {
  /** Mean losses over the pairs. */
  readonly unchanged: number;
  readonly model: number;
  readonly optimised: number;
  /** S of the mean losses; mean and median of the pairs' own. */
  readonly score: number;
  readonly mean: number;
  readonly median: number;
  readonly pairs: readonly PairScore[];
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
};

/** Mean losses, S of them, and mean and median of the pairs' S. */
export function summarise(pairs: readonly PairScore[]): Score {
  const [unchanged, model, optimised] = (['unchanged', 'model', 'optimised'] as const).map((key) =>
    mean(pairs.map((pair) => pair[key])),
  ) as [number, number, number];
  const scores = pairs.map(({ score }) => score);
  const score = (unchanged - model) / (unchanged - optimised);
  return { unchanged, model, optimised, score, mean: mean(scores), median: median(scores), pairs };
}

/** A model that paints one style of another model and nothing else, as a style file holds it: what is measured of a tuned style. */
export const withStyle = (
  { card, id, transform, base }: MetaModel,
  style: { readonly card: StyleCard; readonly weights: Weights },
): StyledModel => {
  const { meta: _, ...rest } = card;
  const { name, title } = style.card;
  return {
    card: { ...rest, kind: 'styled-model', styles: [{ name, title }] },
    ...{ id, transform, base, styles: new Map([[name, style.weights]]) },
  };
};

/** A picture as a screen shows it: 8 bits a channel. */
const shown = (picture: tf.Tensor): tf.Tensor4D =>
  tf.mul(tf.clipByValue(tf.round(tf.mul(picture, 255)), 0, 255), 1 / 255) as tf.Tensor4D;

/** The loss that is left after the picture itself was optimised, from the content on (Gatys et al. 2016, with Adam). */
async function optimise(
  networks: readonly LossNetwork[],
  content: tf.Tensor4D,
  targets: Targets,
  loss: LossOptions,
  options: ScoreOptions,
  signal?: AbortSignal,
): Promise<number> {
  const parts = (picture: tf.Tensor4D) => {
    const { total, style, content, variation } = lossOf(networks, picture, targets, loss);
    return { total, style, content, variation };
  };
  const { referenceSteps: steps, referenceRate: rate } = options;
  const recipe = { optimiser: 'adam', steps, rate, bounded: true } as const;
  const { picture } = await optimisePicture(content, parts, recipe, { signal });
  const result = tf.tidy(() => lossOf(networks, shown(picture), targets, loss).total);
  picture.dispose();
  const [value] = await result.data();
  result.dispose();
  signal?.throwIfAborted();
  return value!;
}

const kept = z.number().finite();

/** The reference's loss from a file of earlier runs, or made and kept: it does not depend on the model. */
async function remembered(
  folder: string | undefined,
  key: string,
  make: () => Promise<number>,
): Promise<number> {
  const path = folder && join(folder, `${key}.json`);
  if (path) {
    const known = await readFile(path, 'utf8')
      .then((text) => kept.parse(JSON.parse(text)))
      .catch(() => undefined);
    if (known !== undefined) return known;
  }
  const value = await make();
  if (path)
    await mkdir(folder, { recursive: true })
      .then(() => writeWhole(path, JSON.stringify(value)))
      .catch((error: unknown) => log.warn({ path, error: String(error) }, 'A reference is not kept.'));
  return value;
}

/** The paintings that are named one by one, or undefined where folders are. @throws Usage for some of each */
async function namedPaintings(style: readonly string[], size: number): Promise<Crop[] | undefined> {
  const files = await Promise.all(
    style.map(async (path) => (await stat(path).catch(() => undefined))?.isFile() === true),
  );
  if (!files.includes(true)) return undefined;
  if (files.includes(false)) throw new Usage('Styles are measured by folder or by file, not both at once.');
  return Promise.all(style.map(async (path) => paintingCrop(await readPainting(path), size)));
}

/**
 * Pairs of photos and styles of a split, spread evenly over the sorted files, the same for every model. Paintings that
 * are named one by one are all of them taken, in turn.
 */
async function choosePairs(
  files: { readonly content: readonly string[]; readonly style: readonly string[] },
  { pairs, size, split, holdout }: ScoreOptions,
): Promise<{ content: Crop; style: Crop }[]> {
  const open = (folders: readonly string[], name: string) =>
    Pictures.open(folders, { name, split, holdout, seed: 1, size, cacheMb: 256 });
  const contents = await spread(await open(files.content, 'content'), pairs);
  const named = await namedPaintings(files.style, size);
  const styles = named ?? (await spread(await open(files.style, 'style'), pairs));
  return contents.map((content, i) => ({ content, style: styles[i % styles.length]! }));
}

/**
 * How near a model comes to optimising each picture, on pairs it was not trained on; a model of its own styles, on
 * photos that it was not trained on, in the styles whose paintings are named.
 * @throws NotFound, BadInput, Usage for the files; the signal's reason when it is aborted.
 */
export async function scoreModel(
  model: Model,
  files: {
    readonly content: readonly string[];
    readonly style: readonly string[];
    readonly loss: readonly string[];
  },
  options: ScoreOptions,
  about: { signal?: AbortSignal; cache?: string; onPair?: (done: number, pair: PairScore) => void } = {},
): Promise<Score> {
  if (isStyled(model) && !(await namedPaintings(files.style, 4)))
    throw new Usage(`The model ${model.card.name} ${paintsOnly(model)}.`, {
      hint: 'Name the pictures of its styles: --style painting.jpg.',
    });
  const loss: LossOptions = { ...options, contentWeight: 1, tvWeight: 0 };
  const networks = await loadLossNetworks(files.loss, [...loss.styleLayers, ...loss.contentLayers]);
  const painter = openPainter(model);
  const lossBytes = await Promise.all(networks.map(({ file }) => readFile(file)));
  const { referenceSteps, referenceRate, size } = options;
  const recipe = JSON.stringify([
    loss,
    size,
    referenceSteps,
    referenceRate,
    networks.map(({ layers }) => layers),
  ]);
  const pairs: PairScore[] = [];
  try {
    for (const { content, style } of await choosePairs(files, options)) {
      about.signal?.throwIfAborted();
      const crops = { content: toTensor([content], size), style: toTensor([style], size) };
      const photo = tf.mul(crops.content, 1 / 255) as tf.Tensor4D;
      const targets = tf.tidy(() =>
        targetsOf(networks, tf.mul(crops.style, 1 / 255), photo, loss),
      ) as Targets;
      const both = tf.tidy(() => {
        const painted = painter.paint(crops.content, { pixels: crops.style, file: style.file });
        return tf.stack(
          [photo, shown(painted)].map((picture) => lossOf(networks, picture, targets, loss).total),
        );
      });
      const [unchanged, painted] = (await both.data()) as Float32Array;
      const hash = createHash('sha256').update(recipe).update(content.data).update(style.data);
      for (const bytes of lossBytes) hash.update(bytes);
      const optimised = await remembered(about.cache, hash.digest('hex').slice(0, 32), () =>
        optimise(networks, photo, targets, loss, options, about.signal),
      );
      tf.dispose([both, photo, ...Object.values(crops)]);
      tf.dispose(targets as tf.TensorContainer);
      const pair: PairScore = {
        content: content.file,
        style: style.file,
        unchanged: unchanged!,
        model: painted!,
        optimised,
        score: (unchanged! - painted!) / (unchanged! - optimised),
      };
      pairs.push(pair);
      about.onPair?.(pairs.length, pair);
    }
    return summarise(pairs);
  } finally {
    painter[Symbol.dispose]();
    for (const network of networks) network[Symbol.dispose]();
  }
}
