import * as tf from '@tensorflow/tfjs';
import type { Random } from './random.js';

/** Where the second view of a photo lies, in pixels from the first, and the seed of its noise. */
export interface Move {
  readonly right: number;
  readonly down: number;
  readonly seed: number;
}

/** Pixels that the views are smaller than their photo: a TransformNet's stride, so that all sizes fit it. */
const MARGIN = 4;
/** Most pixels along the edge that are left out, since their painting depends on the padding. */
const EDGE = 8;

/** A move by 0 to 3 pixels each way, never by none: what upsampling locks to its cells then differs. */
export function drawMove(random: Random): Move {
  const place = 1 + random.below(MARGIN * MARGIN - 1);
  return {
    right: place % MARGIN,
    down: Math.floor(place / MARGIN),
    seed: random.below(2 ** 31),
  };
}

/** The part of pictures [N, S, S, C] that lies `right` and `down` of the corner, [N, S - 4, S - 4, C]. */
export function view(pictures: tf.Tensor4D, { right, down }: { right: number; down: number }): tf.Tensor4D {
  const [, height, width] = pictures.shape;
  return tf.slice(pictures, [0, down, right, 0], [-1, height - MARGIN, width - MARGIN, -1]);
}

/** Noise of a camera: the same for the same seed. Values 0 to 255 in and out. */
export function withNoise(pictures: tf.Tensor4D, deviation: number, seed: number): tf.Tensor4D {
  if (deviation === 0) return pictures;
  const noise = tf.randomNormal(pictures.shape, 0, deviation, 'float32', seed);
  return tf.clipByValue(tf.add(pictures, noise), 0, 255) as tf.Tensor4D;
}

/**
 * Mean squared difference between paintings of a view and of a moved, noisy one, where they show the same: small when
 * strokes stick to the scene and neither to the pixel grid nor to the noise (after Zheng et al. 2016, arXiv
 * 1604.04326, and Ruder et al. 2018, arXiv 1708.04538, without optical flow: the motion is known).
 */
export function inconsistency(still: tf.Tensor4D, moved: tf.Tensor4D, { right, down }: Move): tf.Scalar {
  const [, height, width] = still.shape;
  const edge = Math.min(EDGE, Math.floor(Math.min(height, width) / 4));
  const size = [-1, height - down - 2 * edge, width - right - 2 * edge, -1];
  const [a, b] = [
    tf.slice(still, [0, edge + down, edge + right, 0], size),
    tf.slice(moved, [0, edge, edge, 0], size),
  ];
  return tf.mean(tf.square(tf.sub(a, b))) as tf.Scalar;
}

/** Photos [N, S, S, 3] as a step sees them: whole, or the still view, and half of them moved and noisy. */
export interface Views {
  readonly photo: tf.Tensor4D;
  readonly second?: { readonly moved: tf.Tensor4D; readonly move: Move };
}

/** Two views of photos (0 to 255) where `move` says how, else the photos as they are. */
export function viewsOf(photos: tf.Tensor4D, move: Move | undefined, noise: number): Views {
  if (!move) return { photo: photos };
  const some = tf.slice(photos, 0, [Math.ceil(photos.shape[0] / 2), -1, -1, -1]);
  return {
    photo: view(photos, { right: 0, down: 0 }),
    second: { moved: withNoise(view(some, move), noise, move.seed), move },
  };
}
