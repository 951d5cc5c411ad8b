import { z } from 'zod';
import { BadInput, Usage } from '../errors.js';
import { weightsOfFeatures } from './features.js';
import { readWhole } from './files.js';
import { type MetaModel, type Model, readCard } from './model.js';
import {
  halved,
  mismatch,
  paramsFrom,
  readWeights,
  type StoredType,
  type Tensor,
  type Weights,
  writeWeights,
} from './weights.js';

/** Names of styles and models: what is safe as a file name anywhere and needs no quotes in a shell. */
export const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;

/** A look with a name. */
export interface Style {
  readonly name: string;
  readonly title: string;
  readonly artist?: string;
  /** As people write it: `1831`, `c. 1820`. */
  readonly year?: string;
  /** Ships with the product, was added by a person, is a file named just now, or lies in the model's own file. */
  readonly source: 'preset' | 'user' | 'file' | 'model';
  /** File that shows it: a preset's thumbnail, the picture of all others. */
  readonly picture?: string;
}

/** What a style file says of itself, in the `livebrush` entry of its safetensors header. */
export const styleCard = z.object({
  format: z.literal(1),
  kind: z.literal('style'),
  name: z.string().regex(NAME),
  title: z.string().max(200),
  artist: z.string().max(200).optional(),
  year: z.string().max(40).optional(),
  /** Name and id of the model whose TransformNet these weights are for. */
  model: z.string().regex(NAME),
  modelId: z.string().max(64),
  date: z.string().max(40),
  licence: z.string().max(1000),
  /** What the weights were made from and how, in words. */
  provenance: z.string().max(2000).default(''),
});
export type StyleCard = z.infer<typeof styleCard>;

/** @throws Usage when a name could not be a style's. */
export function checkName(name: string): string {
  if (NAME.test(name)) return name;
  throw new Usage(`${JSON.stringify(name)} cannot be the name of a style.`, {
    hint: 'A name has 1 to 64 letters a to z, digits and hyphens, and does not begin with a hyphen.',
  });
}

/** A name made of a title or file name: `Großer Löwe (2).jpg` → `grosser-lowe-2`; undefined when nothing is left. */
export function nameFrom(text: string): string | undefined {
  const name = text
    .replace(/\.[a-z0-9]{1,11}$/i, '')
    .toLowerCase()
    .replaceAll('ß', 'ss')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 64)
    .replace(/^-+|-+$/g, '');
  return NAME.test(name) ? name : undefined;
}

type Made = Pick<Model, 'card' | 'id' | 'transform'>;

/** @throws BadInput when the weights are not exactly the style params of the model's TransformNet. */
export function checkStyle(weights: Weights, { card, transform }: Made, what: string): void {
  const why = mismatch(weights, paramsFrom(transform.params, 'style'));
  if (why) throw new BadInput(`${what} does not fit the model ${card.name}: ${why}.`);
}

/** The one tensor of a style file that holds features (see `features.ts`) in place of weights. */
const FEATURES = 'features';

type Described = Omit<StyleCard, 'format' | 'kind' | 'model' | 'modelId'>;

/** The bytes of a style file: one style's weights for one model, numbers as halves. */
export function writeStyle(card: Described, weights: Weights, model: Made): Uint8Array {
  checkStyle(weights, model, `The style ${card.name}`);
  return writeCard(card, weights, model, 'F16');
}

/** The bytes of a style file that holds what the model's MetaNet sees of a picture: a thousandth of the weights. */
export function writeFeatures(card: Described, features: Tensor, model: MetaModel): Uint8Array {
  checkStyle(weightsOfFeatures(model.meta, model.metaWeights, features), model, `The style ${card.name}`);
  return writeCard(card, new Map([[FEATURES, features]]), model, 'F32');
}

function writeCard(card: Described, tensors: Weights, model: Made, type: StoredType): Uint8Array {
  const whole = styleCard.parse({
    ...card,
    format: 1,
    kind: 'style',
    model: model.card.name,
    modelId: model.id,
  });
  return writeWeights(tensors, { livebrush: JSON.stringify(whole) }, type);
}

/** What the header of a style file says. @throws BadInput when the file is something else. */
export function readStyleCard(metadata: Readonly<Record<string, string>>, what: string): StyleCard {
  if (/"kind":\s*"(styled-)?model"/.test(metadata.livebrush ?? ''))
    throw new BadInput(`${what} is a model, not a style.`, { hint: 'Name it with --model.' });
  return readCard(metadata, styleCard, what);
}

/** @throws BadInput when the bytes are no style file, or one for another model. */
export function readStyle(
  file: Uint8Array,
  model: Made | MetaModel,
  what = 'The style file',
): { card: StyleCard; weights: Weights } {
  const { weights: stored, metadata } = readWeights(file, what);
  const card = readStyleCard(metadata, what);
  if (card.modelId !== model.id)
    throw new BadInput(
      card.model === model.card.name
        ? `${what} was made for another version of the model ${card.model}.`
        : `${what} was made for the model ${card.model}, not for ${model.card.name}.`,
      { hint: 'Make it again from its picture, or name the model it was made for with --model.' },
    );
  const features = stored.size === 1 && 'meta' in model ? stored.get(FEATURES) : undefined;
  const weights =
    features && 'meta' in model ? halved(weightsOfFeatures(model.meta, model.metaWeights, features)) : stored;
  checkStyle(weights, model, what);
  return { card, weights };
}

/** What no style file exceeds: one of base 16 takes 0.8 MB. */
export const MAX_STYLE_BYTES = 64e6;

/** @throws NotFound; BadInput as `readStyle`. */
export const readStyleFile = async (
  path: string,
  model: Made | MetaModel,
): Promise<ReturnType<typeof readStyle>> => readStyle(await readWhole(path, MAX_STYLE_BYTES), model, path);
