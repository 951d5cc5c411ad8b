import { describe, expect, it } from 'vitest';
import { BadInput } from '../../../src/errors.js';
import { vggEncoderWeights } from '../../../src/models/import/vgg-encoder.js';
import { netParams, sizeOf } from '../../../src/models/net.js';
import { metaNet } from '../../../src/models/nets/metanet.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import type { Tensor } from '../../../src/models/weights.js';

/** A net of the genuine widths, its numbers all the same. */
function vgg(convs: readonly number[], widths = [64, 128, 256, 512, 512]): Map<string, Tensor> {
  const weights = new Map<string, Tensor>();
  const put = (name: string, shape: number[]) => {
    weights.set(name, { shape, data: new Float32Array(sizeOf(shape)).fill(weights.size) });
  };
  put('conv0.weight', [3, 3, 1, 1]);
  put('conv0.bias', [3]);
  let channels = 3;
  for (const [i, count] of convs.entries())
    for (let j = 1; j <= count; j++) {
      put(`conv${i + 1}_${j}.weight`, [widths[i]!, channels, 3, 3]);
      put(`conv${i + 1}_${j}.bias`, [widths[i]!]);
      channels = widths[i]!;
    }
  return weights;
}

describe('VGG-16 as the encoder of a MetaNet', () => {
  it('fills exactly the params that the net names for it', () => {
    const net = metaNet(transformNet({ base: 2 }), { encoder: 'vgg16', hidden: 0, group: 2 });
    const wanted = netParams(net).filter((name) => name.startsWith('vgg.'));
    const given = vgg([2, 2, 3, 3, 3]);
    const weights = vggEncoderWeights(given);
    expect([...weights.keys()].sort()).toEqual(wanted.sort());
    for (const name of wanted) expect(weights.get(name)!.shape).toEqual(net.params[name]!.shape);
    expect(weights.get('vgg.conv4_3.bias')).toBe(given.get('conv4_3.bias'));
  });

  it('is refused when it is VGG-19, thinner than the genuine one, or ends too early', () => {
    for (const [net, why] of [
      [vgg([2, 2, 4, 4, 4]), /this is VGG-19/],
      [vgg([2, 2, 3, 3], [8, 8, 8, 8]), /conv1_1\.weight is \[64, 3, 3, 3\]; this one is \[8, 3, 3, 3\]/],
      [vgg([2, 2, 3]), /conv4_1\.weight .*this net has none/],
    ] as const) {
      expect(() => vggEncoderWeights(net)).toThrow(BadInput);
      expect(() => vggEncoderWeights(net)).toThrow(why);
    }
  });
});
