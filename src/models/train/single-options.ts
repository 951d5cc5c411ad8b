import { z } from 'zod';
import type { Model } from '../model.js';
import { chooseFrom } from './course-options.js';
import { singlePresets } from './presets/single.js';
import { netOptionsOf, styleNetFields } from './style-net.js';

/** Everything that a training of a net of one style may vary in. */
export const singleOptions = z
  .object({
    ...styleNetFields,
    /** Scale and shift after each norm: trained, or none. */
    affine: z.enum(['net', 'none']).default('net'),
  })
  .strict();
export type SingleOptions = z.infer<typeof singleOptions>;

/**
 * A preset with a person's own choices on top; the net's shape is that of the model to begin with, where there is one.
 * @throws Usage
 */
export function chooseSingle(
  preset: string,
  given: Readonly<Record<string, unknown>>,
  from?: Model,
): SingleOptions {
  const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const shape = from ? netOptionsOf(from.card.transform) : {};
  return chooseFrom(singleOptions, singlePresets, preset, { ...shape, ...chosen });
}
