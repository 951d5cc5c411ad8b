import { basename } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { Usage } from '../../errors.js';
import { allToDevice, forward, type Tensors } from '../engines/tfjs-forward.js';
import { isStyled, type MetaModel, type Model, type StyledModel } from '../model.js';
import { nameFrom } from '../style.js';
import { prefixed } from '../weights.js';
import { generate, paintEach } from './nets.js';

/** A picture of a style: its pixels [1, S, S, 3] (0 to 255), and the file it is from. */
export interface StylePicture {
  readonly pixels: tf.Tensor4D;
  readonly file: string;
}

/** A model on the device: paints photos [1, S, S, 3] (0 to 255), yields floats in [0, 1]. Called within `tf.tidy`. */
export interface ModelPainter extends Disposable {
  paint(photo: tf.Tensor4D, style: StylePicture): tf.Tensor4D;
}

function metaPainter(model: Pick<MetaModel, 'transform' | 'meta' | 'base' | 'metaWeights'>): ModelPainter {
  const params: Tensors = allToDevice(
    new Map([...prefixed(model.base, 'transform/'), ...prefixed(model.metaWeights, 'meta/')]),
  );
  return {
    paint: (photo, { pixels }) => paintEach(model, params, generate(model, params, pixels), photo),
    [Symbol.dispose]: () => tf.dispose(params),
  };
}

/** The style of a model that a picture's file is named after; its only one, whatever the file is called. @throws Usage */
function styleOf({ card }: StyledModel, file: string): string {
  const [only, ...others] = card.styles;
  if (others.length === 0) return only!.name;
  const name = nameFrom(basename(file));
  if (card.styles.some((style) => style.name === name)) return name!;
  throw new Usage(`The model ${card.name} has no style ${name}, which ${basename(file)} would be.`, {
    hint: `Name the pictures as its styles: ${card.styles.map((style) => style.name).join(', ')}.`,
  });
}

function styledPainter(model: StyledModel): ModelPainter {
  const base = allToDevice(model.base);
  const styles = new Map([...model.styles].map(([name, weights]) => [name, allToDevice(weights)]));
  return {
    paint: (content, { file }) => {
      const params = { ...base, ...styles.get(styleOf(model, file)) };
      return forward(model.transform, { content }, params, ['floats']).floats as tf.Tensor4D;
    },
    [Symbol.dispose]: () => tf.dispose([base, ...styles.values()] as tf.TensorContainer),
  };
}

/** Puts a model on the device. */
export const openPainter = (model: Model): ModelPainter =>
  isStyled(model) ? styledPainter(model) : metaPainter(model);
