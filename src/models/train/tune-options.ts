import { z } from 'zod';
import { chooseFrom } from './course-options.js';
import { paintingFields } from './style-net.js';

const tuneOptions = z.object(paintingFields).strict();
export type TuneOptions = z.infer<typeof tuneOptions>;

const presets = {
  /** What the presets of the styles that ship were made with. */
  house: {
    ...{ steps: 90, size: 192, batch: 4, rate: 4e-3, warmup: 10, styleSize: 384 },
    ...{ weaveWeight: 1500, consistencyWeight: 100 },
    ...{ evaluateEvery: 45, sheetEvery: 45, saveEvery: 45, sheetSide: 4 },
  },
};

/** A preset with a person's own choices on top. @throws Usage */
export const chooseTune = (preset: string, given: Readonly<Record<string, unknown>>): TuneOptions =>
  chooseFrom(tuneOptions, presets, preset, given);
