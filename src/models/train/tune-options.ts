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
  /** For a machine that paints streams meanwhile, and a few pictures of one of them. */
  live: {
    ...{ steps: 90, size: 160, batch: 2, rate: 4e-3, warmup: 10, styleSize: 320, holdout: 0 },
    ...{ weaveWeight: 1500, consistencyWeight: 100 },
    ...{
      logEvery: 1,
      evaluateEvery: 2000,
      evaluatePairs: 4,
      sheetEvery: 2000,
      sheetSide: 2,
      saveEvery: 2000,
    },
    cacheMb: 128,
  },
};

/** A preset with a person's own choices on top. @throws Usage */
export const chooseTune = (preset: string, given: Readonly<Record<string, unknown>>): TuneOptions =>
  chooseFrom(tuneOptions, presets, preset, given);
