import { basename, resolve } from 'node:path';
import { type Model, writeStyledModel } from '../model.js';
import { transformNet } from '../nets/transform.js';
import { baked } from './bake.js';
import type { TrainResult } from './course.js';
import { type OneStyleFiles, type Run, trainOneStyle } from './one-style.js';
import { readPainting } from './painting.js';
import type { SingleOptions } from './single-options.js';
import { cardNet, freshParams } from './style-net.js';

/** What a training of a net of one style reads and writes. */
export interface SingleFiles extends OneStyleFiles {
  /** The painting. */
  readonly style: string;
  /** Name of the model. */
  readonly name: string;
  /** What the pictures are, in words, for the model's header; names of folders and file unless told. */
  readonly data?: readonly string[];
  /** Licence of the model, for its header. */
  readonly licence?: string;
  /** A model to begin with: what its MetaNet makes of the painting, or the style that it holds. */
  readonly from?: Model;
}

/**
 * Trains a net of one style, which becomes a model of that style alone.
 * @throws as `trainOneStyle`; BadInput when the model to begin with is of another shape.
 */
export async function trainSingle(
  files: SingleFiles,
  options: SingleOptions,
  run: Run = {},
): Promise<TrainResult> {
  const painting = await readPainting(files.style);
  const transform = cardNet(options, options.affine);
  const net = transformNet(transform);
  const start = files.from && (await baked(files.from, painting, net));
  const data = [...(files.data ?? [...files.content, files.style].map((path) => basename(resolve(path))))];
  const plan = {
    shapes: net.params,
    begin: () => start ?? freshParams(net, options),
    model: (base: Parameters<typeof writeStyledModel>[1]['base'], training: object) => {
      const card = {
        ...{ name: files.name, transform, data, licence: files.licence ?? 'not stated' },
        styles: [{ name: painting.name, title: painting.title }],
        ...{ training: { ...training }, date: new Date().toISOString().slice(0, 10) },
      };
      return writeStyledModel(card, { base, styles: new Map() });
    },
  };
  return trainOneStyle(files, { painting, net, plan, frozen: new Map() }, options, run);
}
