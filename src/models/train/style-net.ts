import { z } from 'zod';
import { type NetSpec, sizeOf } from '../net.js';
import type { TransformOptions } from '../nets/transform.js';
import type { Tensor } from '../weights.js';
import { courseFields } from './course-options.js';
import { Random } from './random.js';

/** What a training on one painting may vary in: its course, and how loss networks look at the painting. */
export const paintingFields = {
  ...courseFields,
  /** Short side of the painting in pixels as the loss networks see it: the larger, the larger the strokes. */
  styleSize: z.number().int().min(16).max(1024).default(256),
  /** What stands between the blocks of the loss networks. */
  pool: z.enum(['max', 'average']).default('max'),
};
const paintingOptions = z.object(paintingFields);
export type PaintingOptions = z.infer<typeof paintingOptions>;

/** What a net of one or a few styles may vary in besides. */
export const styleNetFields = {
  ...paintingFields,
  base: z.number().int().min(2).max(64).default(8),
  residuals: z.number().int().min(0).max(16).default(5),
  /** All layers as wide as the first: the small net of seed 002. */
  even: z.boolean().default(false),
  output: z.enum(['sigmoid', 'tanh', 'linear']).default('sigmoid'),
  /** Added to the variance in each instance norm. */
  normEpsilon: z.number().min(1e-12).max(1).default(1e-5),
  /** Filters at first: normal with a deviation by their size (He et al. 2015), or 0.01 and cut off at twice that. */
  init: z.enum(['he', 'truncated']).default('he'),
};
const styleNetOptions = z.object(styleNetFields);
export type StyleNetOptions = z.infer<typeof styleNetOptions>;

/** A TransformNet of some options, as a model's card names them; all filters are its own. */
export const cardNet = (
  { base, residuals, even, output, normEpsilon }: StyleNetOptions,
  affine: TransformOptions['affine'],
): TransformOptions => ({
  ...{ base, residuals, generated: 'none', affine, output },
  ...(even ? { even } : {}),
  ...(normEpsilon === 1e-5 ? {} : { epsilon: normEpsilon }),
});

/** What of a model's net a training that goes on from it has to share, as options. */
export const netOptionsOf = ({ base, residuals, even, output, epsilon }: TransformOptions) => ({
  ...{ base, residuals, even: even ?? false, output, normEpsilon: epsilon ?? 1e-5 },
});

/** A normal number no further than twice its deviation from 0. */
function truncated(random: Random): number {
  for (;;) {
    const value = random.normal();
    if (Math.abs(value) <= 2) return value;
  }
}

/** Fresh params of a net, its own and its style's: scales 1, shifts and biases 0, filters by chance. */
export function freshParams(
  net: NetSpec,
  { init, seed }: Pick<StyleNetOptions, 'init' | 'seed'>,
): Map<string, Tensor> {
  const random = Random.from(seed, 'init');
  const filter = (shape: readonly number[]) =>
    init === 'he'
      ? () => Math.sqrt(2 / sizeOf(shape.slice(1))) * random.normal()
      : () => 0.01 * truncated(random);
  return new Map(
    Object.entries(net.params).map(([name, { shape }]) => {
      const value = shape.length === 1 ? () => Number(name.endsWith('.scale')) : filter(shape);
      return [name, { shape, data: Float32Array.from({ length: sizeOf(shape) }, value) }];
    }),
  );
}
