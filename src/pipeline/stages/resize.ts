import type { Pixels, Size } from '../../models/pixels.js';
import type { Frame } from '../frame.js';
import type { Stage } from '../stage.js';

/** Resamples a picture to a size; what does it stands behind a door of `codec`. */
export type Resample = (pixels: Pixels, size: Size) => Promise<Pixels>;

export const sameSize = (a: Size, b: Size): boolean => a.width === b.width && a.height === b.height;

/** A stage that drops nothing. */
interface Resize extends Stage {
  run(frame: Frame): Promise<Frame>;
}

/** Brings every frame to one size; frames that have it already pass untouched. */
export function resize(size: Size, resample: Resample): Resize {
  return {
    name: 'resize',
    run: async (frame: Frame) =>
      sameSize(frame, size) ? frame.clone() : frame.with(await resample(frame, size)),
  };
}
