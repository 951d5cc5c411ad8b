import type { NetBuilder } from '../net.js';

/** Numbers that describe a picture, [N, width]. */
export interface Features {
  readonly features: string;
  readonly width: number;
}

const EPSILON = 1e-5;

/** Name of the tensor that holds the features of VGG-16: a training computes them apart, since nothing before is trained. */
export const VGG_FEATURES = 'vgg.features';

/** Params of a MetaNet that are taken from elsewhere and never trained: those of its VGG-16. */
export const isFrozen = (name: string): boolean => name.startsWith('vgg.');

const meanStd = (net: NetBuilder, x: string): string => net.push('meanStd', { in: x, epsilon: EPSILON });

/** Mean and deviation of the picture and of each stage of a small strided CNN. */
export function ownEncoder(net: NetBuilder, picture: string): Features {
  const stages = [
    { in: 3, out: 16, size: 5 },
    { in: 16, out: 32, size: 3 },
    { in: 32, out: 48, size: 3 },
    { in: 48, out: 64, size: 3 },
  ];
  const statistics = [meanStd(net, picture)];
  let x = picture;
  for (const [i, stage] of stages.entries()) {
    const bias = net.param(`encoder${i}.bias`, [stage.out]);
    x = net.push('relu', { in: net.conv(x, `encoder${i}`, stage, { stride: 2, bias }) });
    statistics.push(meanStd(net, x));
  }
  const width = 2 * (3 + stages.reduce((sum, stage) => sum + stage.out, 0));
  return { features: net.push('concat', { ins: statistics }), width };
}

/**
 * Features of the paper, [N, 1920]: mean and deviation of VGG-16 at relu1_2, 2_2, 3_3 and 4_3. Pads with zeros after
 * the preprocessing, as VGG was trained.
 */
export function vgg16Encoder(net: NetBuilder, picture: string): Features {
  const blocks = [
    { convs: 2, out: 64 },
    { convs: 2, out: 128 },
    { convs: 3, out: 256 },
    { convs: 3, out: 512 },
  ];
  const conv = (x: string, name: string, shape: { in: number; out: number; size: number }) =>
    net.conv(x, name, shape, { bias: net.param(`${name}.bias`, [shape.out]), padMode: 'zero' });
  const statistics: string[] = [];
  // The preprocessing of RGB in [0, 1], as one 1x1 convolution, like the loss networks' conv0.
  let x = conv(picture, 'vgg.conv0', { in: 3, out: 3, size: 1 });
  let channels = 3;
  for (const [i, block] of blocks.entries()) {
    if (i > 0) x = net.push('pool', { in: x, kind: 'max', size: 2 });
    for (let j = 1; j <= block.convs; j++) {
      x = net.push('relu', {
        in: conv(x, `vgg.conv${i + 1}_${j}`, { in: channels, out: block.out, size: 3 }),
      });
      channels = block.out;
    }
    statistics.push(meanStd(net, x));
  }
  return { features: net.push('concat', { ins: statistics }, VGG_FEATURES), width: 1920 };
}

/** Features of the small CNN of seed 000, [N, 512]: mean and deviation of its last layer. It sees colours of 0 to 17. */
export function cnnEncoder(net: NetBuilder, picture: string): Features {
  const stages = [
    { in: 3, out: 64, size: 9, stride: 1 },
    { in: 64, out: 64, size: 3, stride: 2 },
    { in: 64, out: 256, size: 3, stride: 2 },
  ];
  let x = net.push('affine', { in: picture, scale: 255 / 15, shift: 0 });
  for (const [i, { stride, ...shape }] of stages.entries()) {
    const bias = net.param(`cnn${i}.bias`, [shape.out]);
    x = net.push('relu', { in: net.conv(x, `cnn${i}`, shape, { stride, bias }) });
  }
  return { features: meanStd(net, x), width: 512 };
}
