import { basename } from 'node:path';
import { Unsupported, Usage } from '../errors.js';
import type { Engine } from '../models/engine.js';
import type { Model } from '../models/model.js';
import type { Weights } from '../models/weights.js';

/** A look as a file of its own: all weights of the TransformNet, and what there is to say of it. */
export interface BakedStyle {
  readonly name: string;
  /** The net's own params and the style's. */
  readonly weights: Weights;
  readonly facts: Readonly<Record<string, string>>;
}

/** MetaNet runs once, so what matters is that it runs. */
async function anyEngine(): Promise<Engine> {
  const { openEngine } = await import('../models/engines/index.js');
  try {
    return await openEngine('onnx/cpu');
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    return openEngine('tfjs/wasm');
  }
}

/** What is known of a model, for the header of a file. */
export const modelFacts = ({ card, id }: Model): Record<string, string> => ({
  model: card.name,
  model_id: id,
  licence: card.licence,
});

/** What a preset says of itself beside its name. */
async function presetFacts(name: string, model: Model): Promise<Record<string, string>> {
  const { listPresets } = await import('../models/presets.js');
  const found = (await listPresets()).find(({ card }) => card.name === name && card.modelId === model.id);
  if (!found) return {};
  const { artist, year, licence, provenance } = found.card;
  return {
    ...(artist ? { style_artist: artist } : {}),
    ...(year ? { style_year: year } : {}),
    style_licence: licence,
    ...(provenance ? { style_provenance: provenance } : {}),
  };
}

/**
 * The weights that `--style` asks for, several mixed by their shares, joined with the model's own.
 * @throws Usage without a style; NotFound, BadInput as the gallery does.
 */
export async function bakeStyle(specs: readonly string[], model: Model): Promise<BakedStyle> {
  const [{ openGallery, parseStyleSpec }, { blendWeights }] = await Promise.all([
    import('../models/gallery.js'),
    import('../models/weights.js'),
  ]);
  const shares = specs.map(parseStyleSpec).filter(({ weight }) => weight > 0);
  const total = shares.reduce((sum, { weight }) => sum + weight, 0);
  if (shares.length === 0)
    throw new Usage('There is no style to export.', {
      hint: 'Name one with --style; livebrush styles lists them.',
    });
  let engine: Promise<Engine> | undefined;
  const gallery = openGallery({ model, engine: () => (engine ??= anyEngine()) });
  try {
    const parts: { weights: Weights; share: number; title: string; name: string; preset: boolean }[] = [];
    for (const { name, weight } of shares) {
      const { style, weights } = await gallery.resolve(name);
      const { title, source } = style;
      parts.push({ weights, share: weight / total, title, name: style.name, preset: source === 'preset' });
    }
    const [first] = parts as [(typeof parts)[number]];
    const alone = parts.length === 1;
    const style = alone ? first.weights : blendWeights(parts);
    const inWords = (of: (part: (typeof parts)[number]) => string) =>
      parts.map((part) => (alone ? of(part) : `${of(part)} ${Math.round(100 * part.share)} %`)).join(', ');
    const more = alone && first.preset ? await presetFacts(first.name, model) : {};
    return {
      name: inWords(({ name }) => basename(name)),
      weights: new Map([...model.base, ...style]),
      facts: { style: inWords(({ name }) => name), style_title: inWords(({ title }) => title), ...more },
    };
  } finally {
    await gallery[Symbol.asyncDispose]();
    await (await engine)?.[Symbol.asyncDispose]();
  }
}
