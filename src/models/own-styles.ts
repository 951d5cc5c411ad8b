import { BadInput, NotFound } from '../errors.js';
import { suggest } from './closest.js';
import { type HeldStyle, paintsOnly, type StyledModel } from './model.js';
import type { ModelEntry } from './models.js';
import { NAME, type Style } from './style.js';
import type { Weights } from './weights.js';

/** Styles that lie in the file of the model that paints them. */

const styleOf = ({ name, title }: HeldStyle): Style => ({ name, title, source: 'model' });

/** The styles of a model's card, as lists show them. */
export const ownStyles = ({ card }: Pick<ModelEntry, 'card'>): (Style & { models: string[] })[] =>
  card.kind === 'styled-model'
    ? card.styles.map((style) => ({ ...styleOf(style), models: [card.name] }))
    : [];

/** That a model paints its own styles and no picture. */
export const refusePictures = (model: StyledModel): BadInput =>
  new BadInput(`The model ${model.card.name} ${paintsOnly(model)}.`, {
    hint: 'For pictures as styles, name a model with a MetaNet, such as --model fast.',
  });

/** One of a model's own styles. @throws NotFound for another name, BadInput for a path: the model takes no pictures. */
export function ownStyle(model: StyledModel, spec: string): { style: Style; weights: Weights; from: 'file' } {
  const held = model.card.styles.find(({ name }) => name === spec);
  if (held) return { style: styleOf(held), weights: model.styles.get(spec)!, from: 'file' };
  if (!NAME.test(spec)) throw refusePictures(model);
  throw new NotFound(`The model ${model.card.name} has no style ${spec}: it ${paintsOnly(model)}.`, {
    hint: suggest(spec, [...model.styles.keys()], 'styles'),
  });
}
