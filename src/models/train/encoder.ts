import { join } from 'node:path';
import { BadInput, NotFound, Usage } from '../../errors.js';
import { floatToHalf, halfTable } from '../half.js';
import { readLossWeights } from '../import/index.js';
import { findLossFile } from '../import/published.js';
import { vggEncoderWeights } from '../import/vgg-encoder.js';
import { isStyled } from '../model.js';
import { openModel } from '../models.js';
import { isFrozen } from '../nets/encoders.js';
import type { Tensor, Weights } from '../weights.js';
import type { LossNetwork } from './losses.js';
import type { TrainOptions } from './options.js';

/** Where a MetaNet's VGG-16 may come from. */
export interface EncoderFiles {
  /** A VGG-16, by name or file, as loss networks are named. */
  readonly encoder?: string;
  /** A model to begin with. */
  readonly from?: string;
  /** Folder of the training. */
  readonly out: string;
}

/**
 * The largest number of the preprocessing, so that features have one size whoever published the net. The paper's dense
 * layers read features of about 1, as PyTorch's preprocessing gives; seed 000 has Keras's, of some hundreds, and the
 * factor of its outputs counts on them.
 */
const UNITS = { vgg16: 1 / 0.225, both: 255 } as const;

/**
 * VGG's features in another unit: ReLU, pooling and convolutions without bias keep a factor, so it is enough that the
 * preprocessing and every bias have it.
 */
function inUnits(encoder: Weights, largest: number): Weights {
  const { data } = encoder.get('vgg.conv0.weight')!;
  const now = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  if (!(now > 0)) throw new BadInput('The encoder sees nothing: its preprocessing is all zeros.');
  const scaled = ([name, tensor]: [string, Tensor]): [string, Tensor] => {
    if (!name.endsWith('.bias') && name !== 'vgg.conv0.weight') return [name, tensor];
    return [name, { ...tensor, data: tensor.data.map((value) => (value * largest) / now) }];
  };
  return new Map([...encoder].map(scaled));
}

/** As a model file holds them: what is trained with is what serves, and what a stopped training finds again. */
function asHalves(weights: Weights): Weights {
  const floats = halfTable();
  const rounded = ({ shape, data }: Tensor): Tensor => ({
    shape,
    data: data.map((value) => floats[floatToHalf(value)]!),
  });
  return new Map([...weights].map(([name, tensor]) => [name, rounded(tensor)]));
}

const same = (a: Weights, b: Weights): boolean =>
  [...a].every(([name, { data }]) => {
    const other = b.get(name)?.data;
    return other?.length === data.length && data.every((value, i) => value === other[i]);
  });

/** The encoder within a model, or undefined when there is no such model or it has none. */
async function encoderIn(model: string): Promise<Weights | undefined> {
  const found = await openModel(model).catch((error: unknown) => {
    if (error instanceof NotFound) return undefined;
    throw error;
  });
  if (!found || isStyled(found)) return undefined;
  const frozen = new Map([...found.metaWeights].filter(([name]) => isFrozen(name)));
  return frozen.size > 0 ? frozen : undefined;
}

const isVgg16 = ({ params }: LossNetwork): boolean =>
  'conv4_3.weight' in params && !('conv3_4.weight' in params);

/**
 * The frozen params of the MetaNet that the options describe, in halves: those of the model that a training goes on
 * from, else of `--encoder`, else of a loss network that is a VGG-16. Undefined when the MetaNet has none.
 * @throws Usage when it needs them and there are none, BadInput when the file is no VGG-16, or not the one of the model.
 */
export async function encoderWeights(
  { encoder, from, out }: EncoderFiles,
  options: Pick<TrainOptions, 'encoder'>,
  networks: readonly LossNetwork[],
  { resume }: { resume: boolean },
): Promise<Weights | undefined> {
  if (options.encoder === 'own') {
    if (encoder === undefined) return undefined;
    throw new Usage(
      'The MetaNet of this recipe has an encoder of its own, so --encoder means nothing to it.',
      {
        hint: 'The presets paper and keras see styles with VGG-16.',
      },
    );
  }
  const resumed = resume ? await encoderIn(join(out, 'model.safetensors')) : undefined;
  const earlier = resumed ?? (from === undefined ? undefined : await encoderIn(from));
  if (earlier && encoder === undefined) return earlier;
  const file = encoder ?? networks.find(isVgg16)?.file;
  if (file === undefined)
    throw new Usage('The MetaNet of this recipe sees styles with VGG-16, of which no file is given.', {
      hint: 'Fetch it (livebrush fetch vgg16) and give --encoder vgg16.',
    });
  const { weights } = await readLossWeights(findLossFile(file));
  const given = asHalves(inUnits(vggEncoderWeights(weights), UNITS[options.encoder]));
  if (earlier && !same(given, earlier))
    throw new BadInput(`${file} is not the encoder that this model began with.`, {
      hint: 'Leave --encoder out: the model holds its own.',
    });
  return given;
}
