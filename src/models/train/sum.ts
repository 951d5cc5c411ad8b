import * as tf from '@tensorflow/tfjs';

/** WebGPU promises eight buffers to a shader, one of which is the sum; TensorFlow.js would ask for one for each number. */
const ABREAST = 7;

/** The sum of numbers that stand each by itself, however many; 0 of none. Called within `tf.tidy`. */
export function sumOf(parts: readonly tf.Tensor[]): tf.Scalar {
  if (parts.length === 0) return tf.scalar(0);
  if (parts.length <= ABREAST) return tf.addN([...parts]) as tf.Scalar;
  const count = Math.ceil(parts.length / ABREAST);
  return sumOf(Array.from({ length: count }, (_, i) => tf.addN(parts.slice(i * ABREAST, (i + 1) * ABREAST))));
}
