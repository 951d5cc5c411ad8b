import { basename } from 'node:path';
import type { MetaModel } from '../model.js';
import { type StyleCard, writeStyle } from '../style.js';
import { paramsFrom } from '../weights.js';
import { made } from './bake.js';
import type { TrainResult } from './course.js';
import { type OneStyleFiles, type Run, trainOneStyle } from './one-style.js';
import { readPainting } from './painting.js';
import type { TuneOptions } from './tune-options.js';

/** What the tuning of a style reads and writes. */
export interface TuneFiles extends OneStyleFiles {
  /** The painting. */
  readonly style: string;
  /** Whose style it becomes. */
  readonly model: MetaModel;
  /** What the style file says of itself; its name and title are the painting's unless told. */
  readonly card?: Partial<Pick<StyleCard, 'name' | 'title' | 'artist' | 'year' | 'licence'>>;
}

/**
 * Tunes a style of a model: begins with the weights that the MetaNet makes of a painting and trains these alone, so that
 * the style paints nearer to the painting and still belongs to the model, to be switched and mixed with all others. What
 * comes out is `style.safetensors`.
 * @throws as `trainOneStyle`
 */
export async function tuneStyle(files: TuneFiles, options: TuneOptions, run: Run = {}): Promise<TrainResult> {
  const { model, card } = files;
  const painting = await readPainting(files.style);
  const start = await made(model, painting);
  const plan: Parameters<typeof trainOneStyle>[1]['plan'] = {
    shapes: paramsFrom(model.transform.params, 'style'),
    begin: () => start,
    file: 'style.safetensors',
    model: (weights, { step }) => {
      const provenance = `What the MetaNet of the model ${model.card.name} makes of ${basename(painting.file)}, tuned by ${step} steps of training.`;
      const { name, title } = painting;
      const date = new Date().toISOString().slice(0, 10);
      return writeStyle({ name, title, licence: 'not stated', ...card, date, provenance }, weights, model);
    },
  };
  const { transform: net, base: frozen, id: frozenId } = model;
  return trainOneStyle(files, { painting, net, plan, frozen, frozenId }, options, run);
}
