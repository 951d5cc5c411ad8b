import { z } from 'zod';
import { Usage } from '../../errors.js';
import { suggest } from '../closest.js';

const layer = z.string().regex(/^relu\d_\d$/);

/** What every training may vary in: data, losses, optimiser, and how often it looks up. Defaults are the house's. */
export const courseFields = {
  steps: z.number().int().min(1).max(10_000_000).default(20_000),
  /** Side of the square crops in pixels, a multiple of 4. */
  size: z.number().int().min(16).max(1024).multipleOf(4).default(128),
  /** Photos per step. */
  batch: z.number().int().min(1).max(64).default(4),
  seed: z.number().int().min(0).default(1),
  /** Share of the pictures, chosen by a hash of their names, that is never trained on; 0 for few pictures of one style. */
  holdout: z.number().min(0).max(0.9).default(0.1),

  styleLayers: z.array(layer).min(1).default(['relu1_1', 'relu2_1', 'relu3_1', 'relu4_1']),
  contentLayers: z.array(layer).min(1).default(['relu3_1']),
  styleWeight: z.number().min(0).default(6),
  contentWeight: z.number().min(0).default(1),
  tvWeight: z.number().min(0).default(0.3),
  /** What a style is: mean and deviation of each channel, the Gram matrix, or both. */
  styleLoss: z.enum(['moments', 'gram', 'both']).default('moments'),
  /** What Gram matrices are divided by: the pixels, or pixels x channels as in the papers. */
  gramScale: z.enum(['pixels', 'features']).default('pixels'),
  /** Weight of what repeats every eight pixels: see `weaveOf`. */
  weaveWeight: z.number().min(0).default(0),
  /** Weight of the difference between a painting and that of the same photo moved a little, with noise. */
  consistencyWeight: z.number().min(0).default(0),
  /** Standard deviation of that noise, of 255. */
  consistencyNoise: z.number().min(0).max(64).default(3),

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

  /** Every so many steps: a log line, held-out losses, a sample sheet, a checkpoint, histograms of weights. */
  logEvery: z.number().int().min(1).default(10),
  evaluateEvery: z.number().int().min(1).default(100),
  sheetEvery: z.number().int().min(1).default(200),
  saveEvery: z.number().int().min(1).default(200),
  histogramEvery: z.number().int().min(1).default(500),
  /** Held-out pairs in an evaluation; held-out styles and photos on a sheet. */
  evaluatePairs: z.number().int().min(1).max(256).default(16),
  sheetSide: z.number().int().min(1).max(12).default(5),
  /** Megabytes of decoded pictures that are kept at hand. */
  cacheMb: z.number().int().min(1).default(1024),
};

const courseOptions = z.object(courseFields);
export type CourseOptions = z.infer<typeof courseOptions>;

/** A preset with a person's own choices on top, checked by the training's own schema. @throws Usage */
export function chooseFrom<T extends z.ZodType>(
  schema: T,
  presets: Readonly<Record<string, object>>,
  preset: string,
  given: Readonly<Record<string, unknown>>,
): z.infer<T> {
  const found = Object.hasOwn(presets, preset) ? presets[preset] : undefined;
  if (!found)
    throw new Usage(`There is no preset ${preset}.`, { hint: `Known: ${Object.keys(presets).join(', ')}.` });
  const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const parsed = schema.safeParse({ ...found, ...chosen });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys') {
    const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
    const [key] = issue.keys as [string];
    throw new Usage(`There is no option ${key}.`, { hint: suggest(key, known, 'options') });
  }
  throw new Usage(`The option ${issue?.path.join('.')} is not valid: ${issue?.message}.`);
}
