import type { Engine } from '../../../src/models/engine.js';
import type { StyledModel } from '../../../src/models/model.js';
import type { Pixels } from '../../../src/models/pixels.js';
import { type MultiOptions, multiOptions } from '../../../src/models/train/multi-options.js';
import { type SingleOptions, singleOptions } from '../../../src/models/train/single-options.js';

const tiny = {
  ...{ steps: 6, size: 16, batch: 2, holdout: 0.3, base: 2, residuals: 1, styleSize: 16, warmup: 2 },
  ...{ styleLayers: ['relu1_1', 'relu2_1'], contentLayers: ['relu2_1'] },
  ...{ logEvery: 1, evaluateEvery: 3, sheetEvery: 6, saveEvery: 3 },
  ...{ evaluatePairs: 2, sheetSide: 2, cacheMb: 8 },
};

/** A net of one style as small as they get. */
export const tinySingle = (given: Partial<SingleOptions> = {}): SingleOptions =>
  singleOptions.parse({ ...tiny, ...given });

/** A net of several styles as small as they get. */
export const tinyMulti = (given: Partial<MultiOptions> = {}): MultiOptions =>
  multiOptions.parse({ ...tiny, laterSteps: 4, ...given });

/** A picture as an engine paints it with a model's style. */
export async function paintedBy(
  engine: Engine,
  { transform, base, styles }: Pick<StyledModel, 'transform' | 'base' | 'styles'>,
  style: string,
  pixels: Pixels,
): Promise<Uint8Array> {
  await using painter = await engine.painter(transform, base, pixels);
  using bound = await painter.bind(styles.get(style)!);
  return (await painter.paint([{ pixels, style: bound }]))[0]!.data;
}

/** Largest difference between two pictures. */
export const furthest = (a: Uint8Array, b: Uint8Array): number =>
  a.reduce((most, byte, i) => Math.max(most, Math.abs(byte - b[i]!)), 0);
