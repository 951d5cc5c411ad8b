import { z } from 'zod';
import { jointOptions } from '../nets/metanet.js';
import { chooseFrom, courseFields } from './course-options.js';
import { finish } from './presets/finish.js';
import { house } from './presets/house.js';
import { keras } from './presets/keras.js';
import { paper } from './presets/paper.js';

export const presets: Readonly<Record<string, object>> = { house, finish, paper, keras };

/** From and to, not the other way round. */
const range = (number: z.ZodNumber) =>
  z.tuple([number, number]).refine(([least, most]) => least <= most, 'must not fall');
const shortSide = range(z.number().min(1).max(8)).default([1, 2]);

/** Everything that a training of a MetaNet may vary in, all defaults in one literal: the house recipe. */
export const trainOptions = z
  .object({
    ...courseFields,
    base: z.number().int().min(2).max(64).default(8),
    residuals: z.number().int().min(0).max(16).default(5),
    generated: z.enum(['residual', 'inner', 'all']).default('inner'),
    /** Where scale and shift come with each style: after every norm, or where the filter does too. */
    affine: z.enum(['style', 'generated']).default('style'),
    /** What the MetaNet sees a style with: a small net of its own, VGG-16 (frozen), or both (seed 000, see `joint`). */
    encoder: z.enum(['own', 'vgg16', 'both']).default('own'),
    hidden: z.number().int().min(0).max(4096).default(256),
    group: z.number().int().min(1).max(512).default(32),
    joint: jointOptions.optional(),
    /** Every so many batches a new style, which all photos share; 0: every photo a style of its own. */
    styleEvery: z.number().int().min(0).default(0),
    /** So many styles one at a time (see `styleEvery`), then several in each batch; 0: one at a time for ever. */
    curriculum: z.number().int().min(0).default(0),
    /** Fewest and most styles of a batch after the curriculum. */
    mixedStyles: range(z.number().int().min(1).max(64)).default([4, 8]),
    /** Short sides of photos and of paintings before a crop is cut, in crops: the longer, the closer a crop looks. */
    contentScale: shortSide,
    styleScale: shortSide,
    optimiser: z.enum(['adam', 'adagrad']).default('adam'),
    /** With Adagrad: no number of a gradient is larger than this; the MetaNet's, then all others'. */
    clipMeta: z.number().positive().default(1),
    clipRest: z.number().positive().default(10),
    /** Generated weights beyond this size are penalised by the square of what is too much; 0 leaves them alone. */
    weightLimit: z.number().min(0).default(8),
    weightPenalty: z.number().min(0).default(1),
  })
  .strict();
export type TrainOptions = z.infer<typeof trainOptions>;

/** A preset with a person's own choices on top. @throws Usage */
export const chooseOptions = (preset: string, given: Readonly<Record<string, unknown>>): TrainOptions =>
  chooseFrom(trainOptions, presets, preset, given);
