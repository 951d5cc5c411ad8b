import { z } from 'zod';
import { Usage } from '../../errors.js';
import { house } from './presets/house.js';
import { paper } from './presets/paper.js';

export const presets: Readonly<Record<string, object>> = { house, paper };

const layer = z.string().regex(/^relu\d_\d$/);

/** Everything that a training may vary in, all defaults in one literal: the house recipe. */
export const trainOptions = z
  .object({
    steps: z.number().int().min(1).max(10_000_000).default(20_000),
    /** Side of the square crops in pixels, a multiple of 4. */
    size: z.number().int().min(16).max(1024).multipleOf(4).default(128),
    /** Pictures per step, each with a style of its own. */
    batch: z.number().int().min(1).max(64).default(4),
    seed: z.number().int().min(0).default(1),
    /** Share of the pictures, chosen by a hash of their names, that is never trained on. */
    holdout: z.number().min(0).max(0.9).default(0.1),

    base: z.number().int().min(2).max(64).default(8),
    residuals: z.number().int().min(0).max(16).default(5),
    generated: z.enum(['residual', 'inner', 'all']).default('inner'),
    hidden: z.number().int().min(0).max(4096).default(256),
    group: z.number().int().min(1).max(512).default(32),

    styleLayers: z.array(layer).min(1).default(['relu1_1', 'relu2_1', 'relu3_1', 'relu4_1']),
    contentLayers: z.array(layer).min(1).default(['relu3_1']),
    styleWeight: z.number().min(0).default(6),
    contentWeight: z.number().min(0).default(1),
    tvWeight: z.number().min(0).default(0.3),
    /** Generated weights beyond this size are penalised by the square of what is too much; 0 leaves them alone. */
    weightLimit: z.number().min(0).default(8),
    weightPenalty: z.number().min(0).default(1),

    rate: z.number().positive().default(2e-3),
    warmup: z.number().int().min(0).default(200),
    floor: z.number().min(0).max(1).default(0.03),
    beta1: z.number().min(0).max(0.9999).default(0.9),
    beta2: z.number().min(0).max(0.999999).default(0.99),
    epsilon: z.number().positive().default(1e-8),
    /** Gradients with a larger norm are scaled down to it. */
    clip: z.number().positive().default(5),
    /** So many steps in a row without finite gradients end the training. */
    patience: z.number().int().min(1).default(20),

    /** Every so many steps: a log line, held-out losses, a sample sheet, a checkpoint. */
    logEvery: z.number().int().min(1).default(10),
    evaluateEvery: z.number().int().min(1).default(100),
    sheetEvery: z.number().int().min(1).default(200),
    saveEvery: z.number().int().min(1).default(200),
    /** Held-out pairs in an evaluation; held-out styles and photos on a sheet. */
    evaluatePairs: z.number().int().min(1).max(256).default(16),
    sheetSide: z.number().int().min(1).max(12).default(5),
    /** Megabytes of decoded pictures that are kept at hand. */
    cacheMb: z.number().int().min(1).default(1024),
  })
  .strict();
export type TrainOptions = z.infer<typeof trainOptions>;

/** A preset with a person's own choices on top. @throws Usage */
export function chooseOptions(preset: string, given: Readonly<Record<string, unknown>>): TrainOptions {
  const found = Object.hasOwn(presets, preset) ? presets[preset] : undefined;
  if (!found)
    throw new Usage(`There is no preset ${preset}.`, { hint: `Known: ${Object.keys(presets).join(', ')}.` });
  const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const parsed = trainOptions.safeParse({ ...found, ...chosen });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Usage(`The option ${issue?.path.join('.')} is not valid: ${issue?.message}.`);
}
