import * as tf from '@tensorflow/tfjs';
import type { Errors, PictureRecipe } from './gatys-options.js';
import { features, type LossNetwork, styleOf, type Targets, totalVariation } from './losses.js';
import { sumOf } from './sum.js';

/** The loss of a picture and its parts, those unweighted. */
export interface PictureLosses extends Readonly<Record<string, tf.Scalar>> {
  readonly total: tf.Scalar;
  readonly style: tf.Scalar;
  readonly content: tf.Scalar;
  readonly variation: tf.Scalar;
}

/** A loss as a function of a picture, [1, H, W, 3] in [0, 1]; differentiable. */
export type PictureLoss = (picture: tf.Tensor4D) => PictureLosses;

/**
 * Factors on a layer's mean squared errors: of Gram matrices, [C, C], sums over pixels by their number; of means and
 * deviations, [2C]; and of features. `layers`: how many are compared for style; `numbers`: how many a feature has.
 */
interface Factors {
  readonly gram: (channels: number, layers: number) => number;
  readonly moments: number;
  readonly content: (numbers: number) => number;
}

const factors: Record<Errors, Factors> = {
  // As `lossOf`: of Gram matrices the mean over rows, of moments the mean's error plus the deviation's.
  house: { gram: (channels) => channels, moments: 2, content: () => 1 },
  // A Gram matrix over C H W is one over H W by C, and its squared error C² times smaller.
  means: { gram: (channels) => 1 / channels ** 2, moments: 2, content: () => 1 },
  // sum (G - A)² / (4 C² (H W)²) is the mean over C² of the squared error of G / (H W), by 4.
  sums: { gram: (_, layers) => 1 / (4 * layers), moments: 2, content: (numbers) => numbers / 2 },
};

/** What a network multiplies pixels in [0, 1] by at most before its first layer. */
async function gainOf({ params }: LossNetwork): Promise<number> {
  const mixing = params['conv0.weight'];
  if (!mixing) return 1;
  const values = (await mixing.data()) as Float32Array;
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
}

/** Features whose mean on the photo is within this factor of 1 are taken as they are. */
const NEAR_ONE = 8;

/**
 * By layer, what its features are multiplied by. Networks normalised as by Gatys et al. have features of mean 1 on
 * photos, which the house's weights are chosen for; those of another network are brought there.
 */
async function scalesOf(
  networks: readonly LossNetwork[],
  photo: tf.Tensor4D,
  { inputGain, errors }: PictureRecipe,
): Promise<Readonly<Record<string, number>>> {
  const scales: Record<string, number> = {};
  for (const network of networks) {
    const gain = inputGain ? inputGain / (await gainOf(network)) : 1;
    for (const layer of network.layers) scales[layer] = gain;
  }
  if (errors !== 'house') return scales;
  const means = tf.tidy(() =>
    Object.fromEntries(
      Object.entries(features(networks, photo)).map(([layer, feature]) => [layer, tf.mean(feature)]),
    ),
  );
  for (const [layer, mean] of Object.entries(means)) {
    const value = (await mean.data())[0]!;
    if (value > 0 && (value > NEAR_ONE || value < 1 / NEAR_ONE)) scales[layer] = 1 / value;
  }
  tf.dispose(means);
  return scales;
}

/** The loss of a recipe against targets, from `targetsOf` of a style and this photo. */
export async function pictureLoss(
  networks: readonly LossNetwork[],
  targets: Targets,
  photo: tf.Tensor4D,
  recipe: PictureRecipe,
): Promise<PictureLoss> {
  const { gram, moments, content } = factors[recipe.errors];
  const scales = await scalesOf(networks, photo, recipe);
  const error = (a: tf.Tensor, b: tf.Tensor, factor: number) =>
    tf.mul(tf.mean(tf.squaredDifference(a, b)), factor);
  const styleError = (key: string, mine: tf.Tensor) => {
    const scale = scales[key.split(' ')[0]!]!;
    const factor =
      mine.rank === 2 ? scale ** 2 * moments : scale ** 4 * gram(mine.shape[1]!, recipe.styleLayers.length);
    return error(mine, targets.style[key]!, factor);
  };
  return (picture) => {
    const feature = features(networks, picture);
    const style = sumOf(Object.entries(styleOf(feature, recipe)).map(([key, mine]) => styleError(key, mine)));
    const contentErrors = recipe.contentLayers.map((layer) => {
      const mine = feature[layer]!;
      return error(mine, targets.content[layer]!, scales[layer]! ** 2 * content(mine.size));
    });
    const parts = { style, content: sumOf(contentErrors), variation: totalVariation(picture) };
    const total = sumOf([
      tf.mul(style, recipe.styleWeight),
      tf.mul(parts.content, recipe.contentWeight),
      tf.mul(parts.variation, recipe.tvWeight),
    ]);
    return { total, ...parts };
  };
}
