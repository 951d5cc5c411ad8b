import { z } from 'zod';
import { Usage } from '../../errors.js';
import type { LossOptions } from './losses.js';

/**
 * How a loss sums its errors. `house`: that of training (`lossOf`). `means`: Gram matrices
 * over channels and pixels, means of squares, as written in PyTorch (seed 001). `sums`: sums of squares, Gram matrices
 * over pixels, 1/2 and 1/4 before them, layers averaged, as in the paper and in seed 004.
 */
export type Errors = 'house' | 'means' | 'sums';

/** Who makes how many steps. */
export interface PictureSteps {
  readonly optimiser: 'adam' | 'lbfgs';
  readonly steps: number;
  /** Of Adam, in units of a picture in [0, 1]; the largest change of a pixel in the first trial of L-BFGS. */
  readonly rate: number;
  /** Whether pixels stay in [0, 1] at every step, or are cut only when they are shown. */
  readonly bounded: boolean;
}

/** All that says how one picture is optimised. */
export interface PictureRecipe extends LossOptions, PictureSteps {
  readonly errors: Errors;
  /** What the picture begins as. */
  readonly start: 'content' | 'noise';
  /** Sizes it is optimised at, each half the next, with an equal share of the steps. */
  readonly scales: number;
  /**
   * What the loss network of the recipe multiplies pixels in [0, 1] by at most. Another network's features are
   * scaled to match, since content grows with their square and Gram matrices with the fourth power.
   */
  readonly inputGain?: number;
  /** The loss network when none is named. */
  readonly network?: string;
}

/** Adam as Keras and PyTorch set it. */
export const adamOptions = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 } as const;

export const picturePresets = {
  /** By any network: Gram matrices bring strokes, means and deviations the palette, less weight than usual clear content. */
  house: {
    optimiser: 'lbfgs',
    steps: 200,
    rate: 0.02,
    bounded: true,
    errors: 'house',
    styleLoss: 'both',
    start: 'content',
    scales: 2,
    styleLayers: ['relu1_1', 'relu2_1', 'relu3_1', 'relu4_1'],
    contentLayers: ['relu3_1'],
    styleWeight: 0.03,
    contentWeight: 1,
    tvWeight: 3,
  },
  /** Seed 001, by torchvision's VGG-16. */
  'lbfgs-vgg16': {
    optimiser: 'lbfgs',
    steps: 300,
    rate: 0.02,
    bounded: true,
    errors: 'means',
    styleLoss: 'gram',
    start: 'content',
    scales: 1,
    styleLayers: ['relu1_2', 'relu2_2', 'relu3_3', 'relu4_3'],
    contentLayers: ['relu3_3'],
    styleWeight: 1e6,
    contentWeight: 1,
    tvWeight: 0,
    inputGain: 1 / 0.224,
    network: 'vgg16',
  },
  /** Seeds 004 and 002, by Keras's VGG-16: a rate of 10 of 255, pixels cut only when shown. */
  'adam-vgg16': {
    optimiser: 'adam',
    steps: 30,
    rate: 10 / 255,
    bounded: false,
    errors: 'sums',
    styleLoss: 'gram',
    start: 'content',
    scales: 1,
    styleLayers: ['relu1_1', 'relu2_1', 'relu3_1', 'relu4_1', 'relu5_1'],
    contentLayers: ['relu5_3'],
    styleWeight: 1e4,
    contentWeight: 0.5,
    tvWeight: 0,
    inputGain: 255,
    network: 'vgg16',
  },
} as const satisfies Record<string, PictureRecipe>;

export type PicturePreset = keyof typeof picturePresets;

const layers = z.array(z.string().regex(/^relu[1-5]_[1-4]$/)).min(1);
const weight = z.number().min(0).max(1e12);

/** What a person may change of a preset. */
const changes = z
  .object({
    optimiser: z.enum(['adam', 'lbfgs']),
    steps: z.int().min(1).max(100_000),
    rate: z.number().positive().max(1),
    bounded: z.boolean(),
    styleLoss: z.enum(['moments', 'gram', 'both']),
    start: z.enum(['content', 'noise']),
    scales: z.int().min(1).max(4),
    styleLayers: layers,
    contentLayers: layers,
    styleWeight: weight,
    contentWeight: weight,
    tvWeight: weight,
  })
  .partial()
  .strict();

export type PictureChanges = z.input<typeof changes>;

/**
 * A preset with changes.
 * @throws Usage for an unknown preset, and for values that are none.
 */
export function choosePicture(preset: string, given: PictureChanges = {}): PictureRecipe {
  if (!Object.hasOwn(picturePresets, preset))
    throw new Usage(`There is no preset ${preset} for optimising a picture.`, {
      hint: `There are ${Object.keys(picturePresets).join(', ')}.`,
    });
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const checked = changes.safeParse(set);
  if (!checked.success) {
    const { path, message } = checked.error.issues[0]!;
    throw new Usage(`The option ${path.join('.')} for optimising a picture is not right: ${message}.`);
  }
  const recipe: PictureRecipe = { ...picturePresets[preset as PicturePreset], ...checked.data };
  if (recipe.errors !== 'house' && recipe.styleLoss !== 'gram')
    throw new Usage(`The preset ${preset} compares Gram matrices; another style loss goes with house.`);
  if (recipe.styleWeight === 0 && recipe.contentWeight === 0)
    throw new Usage('Style and content cannot both weigh nothing.');
  return recipe;
}
