import * as tf from '@tensorflow/tfjs';
import { BadInput } from '../../errors.js';
import { allToDevice } from '../engines/tfjs-forward.js';
import { STYLE_SIDE } from '../gallery.js';
import { isStyled, type MetaModel, type Model, type StyledModel } from '../model.js';
import type { NetSpec } from '../net.js';
import { mismatch, prefixed, type Tensor, type Weights } from '../weights.js';
import { toTensor } from './batches.js';
import { generate } from './nets.js';
import { type Painting, paintingCrop } from './painting.js';

/** What a MetaNet makes of a painting, as when it serves: from its middle 256x256. */
export async function made(
  { transform, meta, metaWeights }: MetaModel,
  painting: Painting,
): Promise<Weights> {
  const crop = await paintingCrop(painting, STYLE_SIDE);
  const params = allToDevice(prefixed(metaWeights, 'meta/'));
  const flat = tf.tidy(() => generate({ meta }, params, toTensor([crop], STYLE_SIDE)));
  const weights = new Map<string, Tensor>();
  for (const [name, tensor] of Object.entries(flat))
    weights.set(name, { shape: transform.params[name]!.shape, data: Float32Array.from(await tensor.data()) });
  tf.dispose([params, flat] as tf.TensorContainer);
  return weights;
}

const held = ({ styles }: StyledModel, { name }: Painting): Weights =>
  styles.get(name) ?? [...styles.values()][0]!;

/**
 * A model's TransformNet with the weights for one painting: all params of a net that paints that style. A model of its
 * own styles gives that of the painting's name, else its first.
 * @throws BadInput when the model is not one of the net's shape.
 */
export async function baked(model: Model, painting: Painting, net: NetSpec): Promise<Map<string, Tensor>> {
  const style = isStyled(model) ? held(model, painting) : await made(model, painting);
  const params = new Map([...model.base, ...style]);
  const why = mismatch(params, net.params);
  if (why)
    throw new BadInput(`The training cannot begin with ${model.card.name}, whose net is another: ${why}.`, {
      hint: 'Leave out --base, --residuals, --net and --alpha: they are then those of the model.',
    });
  return params;
}
