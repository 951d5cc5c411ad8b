import { z } from 'zod';
import { families } from '../nets/vgg.js';
import { chooseFrom, courseFields } from './course-options.js';

/** The four layers that the house's losses look at. */
const layers = ['relu1_1', 'relu2_1', 'relu3_1', 'relu4_1'];
const none = z.literal(0).default(0);

/** Whether a net of so many blocks has a layer. */
function isWithin(layer: string, blocks: number): boolean {
  const [, block, index] = /^relu(\d)_(\d)$/.exec(layer)!.map(Number) as [number, number, number];
  return block >= 1 && block <= blocks && index >= 1 && index <= (families.vgg19[block - 1] ?? 0);
}

/** Everything that the training of a loss network may vary in, all defaults in one literal. */
export const distillOptions = z
  .object({
    ...courseFields,
    steps: courseFields.steps.default(4000),
    /** Side of the square pieces in pixels that the student learns from. */
    size: courseFields.size.default(96),
    /** Pictures are read so many times as large as a piece: what is compared later is larger than what is learnt from. */
    zoom: z.number().int().min(1).max(8).default(2),
    /** Channels of the student's blocks. */
    widths: z.array(z.number().int().min(1).max(512)).min(1).max(5).default([16, 32, 64, 128]),
    /** Layers of which mean and deviation are matched, and of which the features are. */
    styleLayers: courseFields.styleLayers.default(layers),
    contentLayers: courseFields.contentLayers.default(layers),
    styleWeight: courseFields.styleWeight.default(0.5),
    evaluatePairs: courseFields.evaluatePairs.default(8),
    evaluateEvery: courseFields.evaluateEvery.default(500),
    sheetEvery: courseFields.sheetEvery.default(1000),
    // No picture is painted here, so nothing that concerns one has a weight.
    tvWeight: none,
    weaveWeight: none,
    consistencyWeight: none,
    styleLoss: z.literal('moments').default('moments'),
  })
  .strict()
  .refine(
    ({ styleLayers, contentLayers, widths }) =>
      [...styleLayers, ...contentLayers].every((layer) => isWithin(layer, widths.length)),
    { path: ['widths'], message: 'there must be one width for each block that a layer is taken from' },
  );
export type DistillOptions = z.infer<typeof distillOptions>;

/** Every layer that the student learns, in the order of the net. */
export const layersOf = ({
  styleLayers,
  contentLayers,
}: Pick<DistillOptions, 'styleLayers' | 'contentLayers'>): string[] =>
  [...new Set([...styleLayers, ...contentLayers])].sort();

/** The defaults with a person's own choices on top. @throws Usage */
export const chooseDistillOptions = (given: Readonly<Record<string, unknown>>): DistillOptions =>
  chooseFrom(distillOptions, { house: {} }, 'house', given);
