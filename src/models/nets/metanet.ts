import { z } from 'zod';
import { Unsupported } from '../../errors.js';
import { NetBuilder, type NetSpec, sizeOf, styleParams } from '../net.js';
import { cnnEncoder, type Features, ownEncoder, vgg16Encoder } from './encoders.js';

const width = z.number().int().min(1).max(4096);
const share = z.number().min(0).max(0.9);

/**
 * The hidden numbers of seed 000. Widths are those of three dense layers side by side: VGG's features with ReLU, the
 * own net's with a sigmoid, the own net's with ReLU.
 */
export const jointOptions = z
  .object({
    /** Hidden numbers that all layers share. */
    shared: z.tuple([width, width, width]).default([128, 16, 128]),
    /** Hidden numbers that each layer has to itself. */
    each: z.tuple([width, width, width]).default([64, 32, 16]),
    /** Shares of both that are zeroed while training. */
    dropout: z.tuple([share, share]).default([0.05, 0.1]),
    /** What is made is multiplied by this, so that a step moves it little. */
    factor: z.number().positive().max(1).default(1e-4),
  })
  .strict();
export type JointOptions = z.infer<typeof jointOptions>;

/**
 * What a MetaNet may vary in. `encoder`: a small net of its own; the VGG-16 features of the paper; or both, joined as
 * in seed 000, where `joint` counts instead of `hidden` and `group`.
 */
export const metaOptions = z
  .object({
    encoder: z.enum(['own', 'vgg16', 'both']).default('own'),
    /** Width of the hidden layer between features and groups; 0 leaves it out, as the paper does. */
    hidden: z.number().int().min(0).max(4096).default(256),
    /** Hidden numbers per generated layer (128 in the paper). */
    group: z.number().int().min(1).max(512).default(32),
    // What follows has no default: it would change the ids of models that were made without it.
    joint: jointOptions.optional(),
  })
  .strict()
  .refine(({ encoder, joint }) => !joint || encoder === 'both', {
    path: ['joint'],
    message: 'goes with the encoder both',
  });
export type MetaOptions = z.infer<typeof metaOptions>;

/** The numbers that a generated layer is made of, [N, width], layer by layer. */
type Head = (layer: string, index: number) => Features;

/** Shen et al. 2018: one hidden vector, of which each layer gets a group of its own. */
function groupsHead(
  net: NetBuilder,
  { features, width }: Features,
  { hidden, group }: MetaOptions,
  layers: number,
): Head {
  let x = features;
  if (hidden > 0) x = net.push('relu', { in: net.dense(x, 'hidden', { in: width, out: hidden }) });
  const groups = net.push('relu', {
    in: net.dense(x, 'groups', { in: hidden > 0 ? hidden : width, out: layers * group }),
  });
  return (_, i) => ({
    features: net.push('slice', { in: groups, from: i * group, to: (i + 1) * group }),
    width: group,
  });
}

/** Seed 000: hidden numbers that all layers share, beside some that each has to itself. */
function jointHead(net: NetBuilder, vgg: Features, own: Features, options: JointOptions): Head {
  const side = (from: Features, name: string, out: number) =>
    net.dense(from.features, name, { in: from.width, out });
  const hidden = (name: string, [first, gates, last]: JointOptions['each'], rate: number): string => {
    const ins = [
      net.push('relu', { in: side(vgg, `${name}.vgg`, first) }),
      net.push('sigmoid', { in: side(own, `${name}.gates`, gates) }),
      net.push('relu', { in: side(own, `${name}.own`, last) }),
    ];
    return net.push('dropout', { in: net.push('concat', { ins }), rate });
  };
  const { dropout } = options;
  const shared = hidden('shared', options.shared, dropout[0]);
  const width = [...options.shared, ...options.each].reduce((sum, one) => sum + one, 0);
  return (layer) => ({
    features: net.push('concat', { ins: [hidden(`each.${layer}`, options.each, dropout[1]), shared] }),
    width,
  });
}

/**
 * MetaNet: a style picture, uint8 [N,3,H,W], to the style params of one TransformNet, each flat [N, numbers].
 * Shen et al. 2018 (arXiv 1709.04111), seed 001: features → hidden → one group of hidden numbers per generated
 * layer → dense → that layer's filter, scale and shift. The bias of the last dense is the learned base to which
 * the style's part is added. With the encoder `both` it is that of seed 000.
 * @throws Unsupported when the TransformNet has nothing to be generated.
 */
export function metaNet(transform: NetSpec, given: Partial<MetaOptions> = {}): NetSpec {
  const options = metaOptions.parse(given);
  const names = styleParams(transform);
  if (names.length === 0)
    throw new Unsupported(`The net ${transform.name} has no generated weights for a MetaNet to make.`);
  const layers = [...new Set(names.map((name) => name.split('.')[0]!))];

  const net = new NetBuilder();
  const picture = net.push('fromRgb8', { in: 'style' });
  const joint = options.encoder === 'both' ? jointOptions.parse(options.joint ?? {}) : undefined;
  const head = joint
    ? jointHead(net, vgg16Encoder(net, picture), cnnEncoder(net, picture), joint)
    : groupsHead(
        net,
        (options.encoder === 'own' ? ownEncoder : vgg16Encoder)(net, picture),
        options,
        layers.length,
      );

  const outputs: Record<string, string> = {};
  for (const [i, layer] of layers.entries()) {
    const { features, width } = head(layer, i);
    for (const name of names.filter((name) => name.startsWith(`${layer}.`))) {
      const out = sizeOf(transform.params[name]!.shape);
      const made = net.dense(features, `make.${name}`, { in: width, out });
      // A scale is made as its difference from 1: the factor would hold it near 0 otherwise.
      const shift = name.endsWith('.scale') ? 1 : 0;
      outputs[name] = joint ? net.push('affine', { in: made, scale: joint.factor, shift }) : made;
    }
  }
  const makes = Object.fromEntries(names.map((name) => [name, transform.params[name]!.shape]));
  return net.build({ name: `metanet-${transform.name}`, inputs: ['style'], outputs, makes });
}
