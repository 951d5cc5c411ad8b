import { createHash } from 'node:crypto';
import { z } from 'zod';
import { BadInput } from '../errors.js';
import { type NetSpec, styleParams } from './net.js';
import { metaNet, metaOptions } from './nets/metanet.js';
import { transformNet, transformOptions } from './nets/transform.js';
import {
  mismatch,
  paramsFrom,
  prefixed,
  readWeights,
  type Weights,
  withPrefix,
  writeWeights,
} from './weights.js';

const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;
const MOST_STYLES = 256;

const about = {
  format: z.literal(1),
  name: z.string().regex(NAME),
  transform: transformOptions,
  /** Options, steps, seconds, losses: whatever the training wants to tell, for people. */
  training: z.record(z.string(), z.unknown()).default({}),
  /** What it was trained on, in words. */
  data: z.array(z.string()).default([]),
  date: z.string(),
  licence: z.string(),
};

/** What a model file says of a style that it holds. */
export const heldStyle = z.object({ name: z.string().regex(NAME), title: z.string().max(200) });
export type HeldStyle = z.infer<typeof heldStyle>;

const metaCard = z.object({ ...about, kind: z.literal('model'), meta: metaOptions });
const styledCard = z.object({
  ...about,
  kind: z.literal('styled-model'),
  styles: z
    .array(heldStyle)
    .min(1)
    .max(MOST_STYLES)
    .refine((styles) => new Set(styles.map(({ name }) => name)).size === styles.length, 'names one twice'),
});

/**
 * What a model file says of itself, in the `livebrush` entry of its safetensors header: a `model` has a MetaNet, which
 * makes weights of any picture; a `styled-model` holds the weights of its own styles.
 */
export const modelCard = z.discriminatedUnion('kind', [metaCard, styledCard]);
export type ModelCard = z.infer<typeof modelCard>;
type MetaCard = z.infer<typeof metaCard>;
type StyledCard = z.infer<typeof styledCard>;

interface Common {
  /** Hash of the numbers and the nets' options: what caches are keyed by. */
  readonly id: string;
  readonly transform: NetSpec;
  /** The TransformNet's own params. */
  readonly base: Weights;
}

/** A MetaNet and its TransformNet, ready for an engine. */
export interface MetaModel extends Common {
  readonly card: MetaCard;
  readonly meta: NetSpec;
  readonly metaWeights: Weights;
}

/** A TransformNet that paints its own styles and no others. */
export interface StyledModel extends Common {
  readonly card: StyledCard;
  /** What each style brings, by name, in the order of the card: nothing where the net knows one style only. */
  readonly styles: ReadonlyMap<string, Weights>;
}

/** What paints. */
export type Model = MetaModel | StyledModel;

export const isStyled = (model: Model): model is StyledModel => 'styles' in model;

/** Reads the JSON that a weights file carries about itself and checks it against a schema. */
export function readCard<T extends z.ZodType>(
  metadata: Readonly<Record<string, string>>,
  schema: T,
  what: string,
): z.infer<T> {
  let raw: unknown;
  try {
    raw = JSON.parse(metadata.livebrush ?? '');
  } catch (cause) {
    throw new BadInput(`${what} was not written by Livebrush: its header does not say what it is.`, {
      cause,
    });
  }
  const card = schema.safeParse(raw);
  if (card.success) return card.data;
  const [issue] = card.error.issues;
  throw new BadInput(
    `${what} has a header that this version cannot read: ${issue?.path.join('.')} ${issue?.message}.`,
  );
}

/** What the header of a model file says. @throws BadInput when the file is something else. */
export function readModelCard(metadata: Readonly<Record<string, string>>, what: string): ModelCard {
  if (/"kind":\s*"(cached-)?style"/.test(metadata.livebrush ?? ''))
    throw new BadInput(`${what} is a style, not a model.`, { hint: 'Name it with --style.' });
  return readCard(metadata, modelCard, what);
}

function check(weights: Weights, net: NetSpec, from: 'net' | 'style', what: string): void {
  const why = mismatch(weights, paramsFrom(net.params, from));
  if (why) throw new BadInput(`${what} does not fit its net ${net.name}: ${why}.`);
}

function idOf(options: unknown, weights: Weights): string {
  const hash = createHash('sha256').update(JSON.stringify(options));
  for (const [name, { data }] of weights)
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return hash.digest('hex').slice(0, 32);
}

function metaModel(card: MetaCard, transform: NetSpec, weights: Weights, what: string): MetaModel {
  if (styleParams(transform).length === 0)
    throw new BadInput(`${what} names a net with no generated weights, so no style could change it.`);
  const meta = metaNet(transform, card.meta);
  const base = withPrefix(weights, 'transform/');
  const metaWeights = withPrefix(weights, 'meta/');
  if (base.size + metaWeights.size !== weights.size)
    throw new BadInput(`${what} holds tensors that belong neither to its TransformNet nor to its MetaNet.`);
  check(base, transform, 'net', what);
  check(metaWeights, meta, 'net', what);
  return { card, id: idOf([card.transform, card.meta], weights), transform, base, meta, metaWeights };
}

function styledModel(card: StyledCard, transform: NetSpec, weights: Weights, what: string): StyledModel {
  const base = withPrefix(weights, 'transform/');
  check(base, transform, 'net', what);
  const styles = new Map<string, Weights>();
  let count = base.size;
  for (const { name } of card.styles) {
    const style = withPrefix(weights, `style/${name}/`);
    check(style, transform, 'style', `The style ${name} of ${what}`);
    styles.set(name, style);
    count += style.size;
  }
  if (count !== weights.size)
    throw new BadInput(`${what} holds tensors that belong neither to its TransformNet nor to its styles.`);
  if (card.styles.length > 1 && styleParams(transform).length === 0)
    throw new BadInput(`${what} names ${card.styles.length} styles, but its net knows only one.`);
  const names = card.styles.map(({ name }) => name);
  return { card, id: idOf([card.transform, names], weights), transform, base, styles };
}

/** @throws BadInput when the bytes are not a model, or not one that fits the nets it names. */
export function readModel(file: Uint8Array, what = 'The model file'): Model {
  const { weights, metadata } = readWeights(file, what);
  const card = readModelCard(metadata, what);
  const transform = transformNet(card.transform);
  return card.kind === 'model'
    ? metaModel(card, transform, weights, what)
    : styledModel(card, transform, weights, what);
}

/** A model that any picture can be a style of. @throws BadInput when it is one that paints its own styles only. */
export function asMeta(model: Model): MetaModel {
  if (!isStyled(model)) return model;
  throw new BadInput(`The model ${model.card.name} has no MetaNet: it ${paintsOnly(model)}.`);
}

/** `paints only its own styles: wave, scream`. */
export const paintsOnly = ({ styles }: StyledModel): string =>
  `paints only ${styles.size === 1 ? 'its own style' : 'its own styles'}: ${[...styles.keys()].join(', ')}`;

/** The bytes of a model file, numbers as halves. */
export function writeModel(
  card: Omit<MetaCard, 'format' | 'kind'>,
  { base, metaWeights }: Pick<MetaModel, 'base' | 'metaWeights'>,
): Uint8Array {
  const whole: MetaCard = { format: 1, kind: 'model', ...card };
  const weights = new Map([...prefixed(base, 'transform/'), ...prefixed(metaWeights, 'meta/')]);
  return writeWeights(weights, { livebrush: JSON.stringify(whole) });
}

/** The bytes of the file of a model and the styles that its card names, numbers as halves. */
export function writeStyledModel(
  card: Omit<StyledCard, 'format' | 'kind'>,
  { base, styles }: Pick<StyledModel, 'base' | 'styles'>,
): Uint8Array {
  const whole: StyledCard = { format: 1, kind: 'styled-model', ...card };
  const weights = new Map(prefixed(base, 'transform/'));
  for (const { name } of card.styles)
    for (const [key, tensor] of prefixed(styles.get(name) ?? new Map(), `style/${name}/`))
      weights.set(key, tensor);
  return writeWeights(weights, { livebrush: JSON.stringify(whole) });
}
