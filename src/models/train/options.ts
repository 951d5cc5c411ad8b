import { z } from 'zod';
import { chooseFrom, courseFields } from './course-options.js';
import { house } from './presets/house.js';
import { paper } from './presets/paper.js';

export const presets: Readonly<Record<string, object>> = { house, paper };

/** Everything that a training of a MetaNet may vary in, all defaults in one literal: the house recipe. */
export const trainOptions = z
  .object({
    ...courseFields,
    base: z.number().int().min(2).max(64).default(8),
    residuals: z.number().int().min(0).max(16).default(5),
    generated: z.enum(['residual', 'inner', 'all']).default('inner'),
    hidden: z.number().int().min(0).max(4096).default(256),
    group: z.number().int().min(1).max(512).default(32),
    /** Generated weights beyond this size are penalised by the square of what is too much; 0 leaves them alone. */
    weightLimit: z.number().min(0).default(8),
    weightPenalty: z.number().min(0).default(1),
  })
  .strict();
export type TrainOptions = z.infer<typeof trainOptions>;

/** A preset with a person's own choices on top. @throws Usage */
export const chooseOptions = (preset: string, given: Readonly<Record<string, unknown>>): TrainOptions =>
  chooseFrom(trainOptions, presets, preset, given);
