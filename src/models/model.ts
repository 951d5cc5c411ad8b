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

/** What a model file says of itself, in the `livebrush` entry of its safetensors header. */
export const modelCard = z.object({
  format: z.literal(1),
  kind: z.literal('model'),
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  transform: transformOptions,
  meta: metaOptions,
  /** Options, steps, seconds, losses: whatever the training wants to tell, for people. */
  training: z.record(z.string(), z.unknown()).default({}),
  /** What it was trained on, in words. */
  data: z.array(z.string()).default([]),
  date: z.string(),
  licence: z.string(),
});
export type ModelCard = z.infer<typeof modelCard>;

/** A MetaNet and its TransformNet, ready for an engine. */
export interface Model {
  readonly card: ModelCard;
  /** Hash of the numbers and the nets' options: what caches are keyed by. */
  readonly id: string;
  readonly transform: NetSpec;
  /** The TransformNet's own params. */
  readonly base: Weights;
  readonly meta: NetSpec;
  readonly metaWeights: Weights;
}

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

function check(weights: Weights, net: NetSpec, what: string): void {
  const why = mismatch(weights, paramsFrom(net.params, 'net'));
  if (why) throw new BadInput(`${what} does not fit its net ${net.name}: ${why}.`);
}

/** @throws BadInput when the bytes are not a model, or not one that fits the nets it names. */
export function readModel(file: Uint8Array, what = 'The model file'): Model {
  const { weights, metadata } = readWeights(file, what);
  const card = readCard(metadata, modelCard, what);
  const transform = transformNet(card.transform);
  if (styleParams(transform).length === 0)
    throw new BadInput(`${what} names a net with no generated weights, so no style could change it.`);
  const meta = metaNet(transform, card.meta);
  const base = withPrefix(weights, 'transform/');
  const metaWeights = withPrefix(weights, 'meta/');
  if (base.size + metaWeights.size !== weights.size)
    throw new BadInput(`${what} holds tensors that belong neither to its TransformNet nor to its MetaNet.`);
  check(base, transform, what);
  check(metaWeights, meta, what);
  const hash = createHash('sha256').update(JSON.stringify([card.transform, card.meta]));
  for (const [name, { data }] of weights)
    hash.update(name).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return { card, id: hash.digest('hex').slice(0, 32), transform, base, meta, metaWeights };
}

/** The bytes of a model file, numbers as halves. */
export function writeModel(
  card: Omit<ModelCard, 'format' | 'kind'>,
  { base, metaWeights }: Pick<Model, 'base' | 'metaWeights'>,
): Uint8Array {
  const whole: ModelCard = { format: 1, kind: 'model', ...card };
  const weights = new Map([...prefixed(base, 'transform/'), ...prefixed(metaWeights, 'meta/')]);
  return writeWeights(weights, { livebrush: JSON.stringify(whole) });
}
