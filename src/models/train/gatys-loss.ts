import * as tf from '@tensorflow/tfjs';
import type { Errors, PictureRecipe } from './gatys-options.js';
import { features, type LossNetwork, lossOf, styleOf, type Targets, totalVariation } from './losses.js';

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
 * Factors on a layer's mean squared error: of Gram matrices that are sums over pixels by their number, [C, C], and of
 * features. `layers`: how many are compared for style; `numbers`: how many a feature has.
 */
const factors: Record<
  Exclude<Errors, 'house'>,
  { gram: (channels: number, layers: number) => number; content: (numbers: number) => number }
> = {
  // A Gram matrix over C H W is one over H W by C, and its squared error C² times smaller.
  means: { gram: (channels) => 1 / channels ** 2, content: () => 1 },
  // sum (G - A)² / (4 C² (H W)²) is the mean over C² of the squared error of G / (H W), by 4.
  sums: { gram: (_, layers) => 1 / (4 * layers), content: (numbers) => numbers / 2 },
};

/** What a network multiplies pixels in [0, 1] by at most before its first layer. */
async function gainOf({ params }: LossNetwork): Promise<number> {
  const mixing = params['conv0.weight'];
  if (!mixing) return 1;
  const values = (await mixing.data()) as Float32Array;
  return values.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
}

/** The loss of a recipe against targets, from `targetsOf`. */
export async function pictureLoss(
  networks: readonly LossNetwork[],
  targets: Targets,
  recipe: PictureRecipe,
): Promise<PictureLoss> {
  if (recipe.errors === 'house')
    return (picture) => {
      const { total, style, content, variation } = lossOf(networks, picture, targets, recipe);
      return { total, style, content, variation };
    };
  const { gram, content } = factors[recipe.errors];
  const scales: Record<string, number> = {};
  for (const network of networks) {
    const scale = recipe.inputGain ? recipe.inputGain / (await gainOf(network)) : 1;
    for (const layer of network.layers) scales[layer] = scale;
  }
  const error = (a: tf.Tensor, b: tf.Tensor, factor: number) =>
    tf.mul(tf.mean(tf.squaredDifference(a, b)), factor);
  const sum = (parts: tf.Tensor[]) => tf.addN(parts) as tf.Scalar;
  return (picture) => {
    const feature = features(networks, picture);
    const described = Object.entries(styleOf(feature, recipe));
    const styleError = sum(
      described.map(([key, mine]) => {
        const scale = scales[key.split(' ')[0]!]!;
        return error(mine, targets.style[key]!, scale ** 4 * gram(mine.shape[1]!, described.length));
      }),
    );
    const contentError = sum(
      recipe.contentLayers.map((layer) => {
        const mine = feature[layer]!;
        return error(mine, targets.content[layer]!, scales[layer]! ** 2 * content(mine.size));
      }),
    );
    const variation = totalVariation(picture);
    const total = sum([
      tf.mul(styleError, recipe.styleWeight),
      tf.mul(contentError, recipe.contentWeight),
      tf.mul(variation, recipe.tvWeight),
    ]);
    return { total, style: styleError, content: contentError, variation };
  };
}
