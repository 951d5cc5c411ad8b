import { z } from 'zod';
import type { Model } from '../model.js';
import { chooseFrom } from './course-options.js';
import { multiPresets } from './presets/multi.js';
import { netOptionsOf, styleNetFields } from './style-net.js';

/** Everything that a training of a net of several styles may vary in. `steps` and `rate` are the first style's. */
export const multiOptions = z
  .object({
    ...styleNetFields,
    /** Steps of each later style, and its learning rate at its highest. */
    laterSteps: z.number().int().min(1).max(10_000_000).default(2000),
    laterRate: z.number().positive().default(1e-2),
  })
  .strict();
export type MultiOptions = z.infer<typeof multiOptions>;

/**
 * A preset with a person's own choices on top; the net's shape is that of the model to begin with, where there is one.
 * @throws Usage
 */
export function chooseMulti(
  preset: string,
  given: Readonly<Record<string, unknown>>,
  from?: Model,
): MultiOptions {
  const chosen = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const shape = from ? netOptionsOf(from.card.transform) : {};
  return chooseFrom(multiOptions, multiPresets, preset, { ...shape, ...chosen });
}
