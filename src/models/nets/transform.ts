import { z } from 'zod';
import { NetBuilder, type NetSpec } from '../net.js';

/**
 * What a TransformNet may vary in.
 * `generated` says which convolutions' filters come with each style: `inner` is the 14 between the two 9x9 ones
 * (Shen et al. 2018, arXiv 1709.04111), `residual` only those of the residual blocks, `none` leaves all to the net.
 */
export const transformOptions = z
  .object({
    base: z.number().int().min(2).max(64).default(8),
    residuals: z.number().int().min(0).max(16).default(5),
    generated: z.enum(['none', 'residual', 'inner', 'all']).default('inner'),
    /**
     * Scale and shift after each instance norm: with each style, the net's own, or none at all; `generated` has them
     * with each style where the filter comes with it, and the net's own elsewhere.
     */
    affine: z.enum(['style', 'net', 'none', 'generated']).default('style'),
    output: z.enum(['sigmoid', 'tanh', 'linear']).default('sigmoid'),
    // What follows has no default: it would change the ids of models that were made without it.
    /** All layers as wide as the first, where they are twice and four times as wide otherwise (the small net of seed 002). */
    even: z.literal(true).optional(),
    /** Added to the variance in each instance norm; 1e-5 unless given. */
    epsilon: z.number().min(1e-12).max(1).optional(),
  })
  .strict();
export type TransformOptions = z.infer<typeof transformOptions>;

/** The convolutions of a TransformNet in order: name, channels in and out, filter side, stride, upsampling before. */
export function transformLayers({
  base,
  residuals,
  even,
}: Pick<TransformOptions, 'base' | 'residuals' | 'even'>) {
  type Layer = { name: string; in: number; out: number; size: number; stride?: number; upsample?: number };
  const [middle, wide] = even ? [base, base] : [2 * base, 4 * base];
  const blocks = Array.from({ length: residuals }, (_, i) =>
    ['a', 'b'].map((half): Layer => ({ name: `res${i}${half}`, in: wide, out: wide, size: 3 })),
  ).flat();
  const layers: Layer[] = [
    { name: 'first', in: 3, out: base, size: 9 },
    { name: 'down1', in: base, out: middle, size: 3, stride: 2 },
    { name: 'down2', in: middle, out: wide, size: 3, stride: 2 },
    ...blocks,
    { name: 'up1', in: wide, out: middle, size: 3, upsample: 2 },
    { name: 'up2', in: middle, out: base, size: 3, upsample: 2 },
    { name: 'last', in: base, out: 3, size: 9 },
  ];
  return layers;
}

const isGenerated = (name: string, generated: TransformOptions['generated']): boolean =>
  generated === 'all' ||
  (generated === 'residual' && name.startsWith('res')) ||
  (generated === 'inner' && name !== 'first' && name !== 'last');

/**
 * TransformNet: picture in, painting out, both uint8 [N,3,H,W] with sides multiples of 4.
 * Johnson et al. 2016 (arXiv 1603.08155) with instance norm, reflection padding and nearest upsampling, seeds 001 to 003.
 * A convolution before an instance norm has no bias: the norm would remove it.
 */
export function transformNet(given: Partial<TransformOptions> = {}): NetSpec {
  const options = transformOptions.parse(given);
  const { epsilon = 1e-5 } = options;
  const net = new NetBuilder();
  const layer = (x: string, spec: ReturnType<typeof transformLayers>[number], activate = true): string => {
    const from = isGenerated(spec.name, options.generated) ? 'style' : 'net';
    const larger = spec.upsample ? net.push('upsample', { in: x, scale: spec.upsample }) : x;
    const y = net.conv(larger, spec.name, spec, { stride: spec.stride ?? 1, from });
    const side = options.affine === 'generated' ? from : options.affine;
    const affine =
      side === 'none'
        ? {}
        : {
            scale: net.param(`${spec.name}.scale`, [spec.out], side),
            shift: net.param(`${spec.name}.shift`, [spec.out], side),
          };
    const normed = net.push('instanceNorm', { in: y, epsilon, ...affine });
    return activate ? net.push('relu', { in: normed }) : normed;
  };

  const layers = transformLayers(options);
  const named = new Map(layers.map((spec) => [spec.name, spec]));
  const at = (name: string) => named.get(name)!;
  let x = net.push('fromRgb8', { in: 'content' });
  for (const name of ['first', 'down1', 'down2']) x = layer(x, at(name));
  for (let i = 0; i < options.residuals; i++) {
    const inner = layer(layer(x, at(`res${i}a`)), at(`res${i}b`), false);
    x = net.push('add', { in: x, with: inner });
  }
  for (const name of ['up1', 'up2']) x = layer(x, at(name));

  const last = at('last');
  const from = isGenerated('last', options.generated) ? 'style' : 'net';
  x = net.conv(x, 'last', last, { from, bias: net.param('last.bias', [3], from) });
  if (options.output === 'sigmoid') x = net.push('sigmoid', { in: x });
  if (options.output === 'tanh')
    x = net.push('affine', { in: net.push('tanh', { in: x }), scale: 0.5, shift: 0.5 });
  const floats = x;
  return net.build({
    name: `transform-${options.base}${options.even ? '-even' : ''}`,
    inputs: ['content'],
    outputs: { picture: net.push('toRgb8', { in: floats }), floats },
    stride: 4,
  });
}
