import { z } from 'zod';
import { Unsupported } from '../../errors.js';
import { NetBuilder, type NetSpec, sizeOf, styleParams } from '../net.js';

/** What a MetaNet may vary in. `encoder`: a small net of its own, or the VGG-16 features of the paper. */
export const metaOptions = z
  .object({
    encoder: z.enum(['own', 'vgg16']).default('own'),
    /** Width of the hidden layer between features and groups; 0 leaves it out, as the paper does. */
    hidden: z.number().int().min(0).max(4096).default(256),
    /** Hidden numbers per generated layer (128 in the paper). */
    group: z.number().int().min(1).max(512).default(32),
  })
  .strict();
export type MetaOptions = z.infer<typeof metaOptions>;

const EPSILON = 1e-5;

/** Features of a style picture, [N, width]: mean and deviation of the picture and of each stage of a small strided CNN. */
function ownEncoder(net: NetBuilder, picture: string): { features: string; width: number } {
  const stages = [
    { in: 3, out: 16, size: 5 },
    { in: 16, out: 32, size: 3 },
    { in: 32, out: 48, size: 3 },
    { in: 48, out: 64, size: 3 },
  ];
  const statistics = [net.push('meanStd', { in: picture, epsilon: EPSILON })];
  let x = picture;
  for (const [i, stage] of stages.entries()) {
    const bias = net.param(`encoder${i}.bias`, [stage.out]);
    x = net.push('relu', { in: net.conv(x, `encoder${i}`, stage, { stride: 2, bias }) });
    statistics.push(net.push('meanStd', { in: x, epsilon: EPSILON }));
  }
  const width = 2 * (3 + stages.reduce((sum, stage) => sum + stage.out, 0));
  return { features: net.push('concat', { ins: statistics }), width };
}

/** Features of the paper, [N, 1920]: mean and deviation of VGG-16 at relu1_2, 2_2, 3_3 and 4_3. */
function vgg16Encoder(net: NetBuilder, picture: string): { features: string; width: number } {
  const blocks = [
    { convs: 2, out: 64 },
    { convs: 2, out: 128 },
    { convs: 3, out: 256 },
    { convs: 3, out: 512 },
  ];
  const statistics: string[] = [];
  // RGB in [0, 1] to 255 * BGR minus the ImageNet mean, as one 1x1 convolution, like the loss networks' conv0.
  let x = net.conv(
    picture,
    'vgg.conv0',
    { in: 3, out: 3, size: 1 },
    { bias: net.param('vgg.conv0.bias', [3]) },
  );
  let channels = 3;
  for (const [i, block] of blocks.entries()) {
    if (i > 0) x = net.push('pool', { in: x, kind: 'max', size: 2 });
    for (let j = 1; j <= block.convs; j++) {
      const name = `vgg.conv${i + 1}_${j}`;
      const bias = net.param(`${name}.bias`, [block.out]);
      x = net.push('relu', { in: net.conv(x, name, { in: channels, out: block.out, size: 3 }, { bias }) });
      channels = block.out;
    }
    statistics.push(net.push('meanStd', { in: x, epsilon: EPSILON }));
  }
  return { features: net.push('concat', { ins: statistics }), width: 1920 };
}

/**
 * MetaNet: a style picture, uint8 [N,3,H,W], to the style params of one TransformNet, each flat [N, numbers].
 * Shen et al. 2018 (arXiv 1709.04111), seed 001: features → hidden → one group of hidden numbers per generated
 * layer → dense → that layer's filter, scale and shift. The bias of the last dense is the learned base to which
 * the style's part is added.
 */
export function metaNet(transform: NetSpec, given: Partial<MetaOptions> = {}): NetSpec {
  const options = metaOptions.parse(given);
  const names = styleParams(transform);
  if (names.length === 0)
    throw new Unsupported(`The net ${transform.name} has no generated weights for a MetaNet to make.`);
  const layers = [...new Set(names.map((name) => name.split('.')[0]!))];

  const net = new NetBuilder();
  const picture = net.push('fromRgb8', { in: 'style' });
  const { features, width } = (options.encoder === 'own' ? ownEncoder : vgg16Encoder)(net, picture);
  let hidden = features;
  let hiddenWidth = width;
  if (options.hidden > 0) {
    hidden = net.push('relu', { in: net.dense(hidden, 'hidden', { in: width, out: options.hidden }) });
    hiddenWidth = options.hidden;
  }
  const groups = net.push('relu', {
    in: net.dense(hidden, 'groups', { in: hiddenWidth, out: layers.length * options.group }),
  });

  const outputs: Record<string, string> = {};
  for (const [i, layer] of layers.entries()) {
    const group = net.push('slice', { in: groups, from: i * options.group, to: (i + 1) * options.group });
    for (const name of names.filter((name) => name.startsWith(`${layer}.`)))
      outputs[name] = net.dense(group, `make.${name}`, {
        in: options.group,
        out: sizeOf(transform.params[name]!.shape),
      });
  }
  const makes = Object.fromEntries(names.map((name) => [name, transform.params[name]!.shape]));
  return net.build({ name: `metanet-${transform.name}`, inputs: ['style'], outputs, makes });
}
