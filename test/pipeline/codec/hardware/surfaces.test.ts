import { expect, it } from 'vitest';
import { loadAv } from '../../../../src/pipeline/codec/av.js';
import { FromPixels } from '../../../../src/pipeline/codec/color.js';
import { Downloads } from '../../../../src/pipeline/codec/hardware/decoding.js';
import { openDevice, pixelFormat, Uploads } from '../../../../src/pipeline/codec/hardware/surfaces.js';
import { patternAt } from '../../../../src/pipeline/sources/pattern.js';
import { disguised } from './doubles.js';

const vulkan = { device: 'vulkan', format: 'vulkan' };
const SIZE = { width: 322, height: 182 };

const av = await loadAv();
/** Vulkan needs no graphics processor: drivers that run on the processor have memory of a device, too. */
const hasDevice = (() => {
  try {
    openDevice(av, vulkan).free();
    return true;
  } catch {
    return false;
  }
})();

it.skipIf(!hasDevice)(
  'a picture comes back from the memory of a device (Vulkan) as it went there',
  async () => {
    using uploads = new Uploads(av, { ...disguised, surfaces: vulkan }, SIZE);
    using fromPixels = new FromPixels(av, SIZE, pixelFormat(av, 'nv12'));
    const context = new av.CodecContext();
    context.allocContext3(av.Codec.findDecoder(av.C.AV_CODEC_ID_H264)!);
    using downloads = new Downloads(av, context, { surfaces: vulkan });
    const picture = await fromPixels.convert(patternAt(SIZE, 5));
    picture.pts = 7n;
    const surface = await uploads.upload(picture);
    expect(surface.isHwFrame()).toBe(true);
    const back = await downloads.fetch(surface);
    expect(back.isHwFrame()).toBe(false);
    expect([back.pts, back.width, back.height, back.colorSpace]).toEqual([
      7n,
      SIZE.width,
      SIZE.height,
      picture.colorSpace,
    ]);
    for (const [plane, data] of picture.data!.slice(0, 2).entries()) {
      const [stride, other] = [picture.linesize[plane]!, back.linesize[plane]!];
      for (let y = 0; y < SIZE.height >> plane; y++)
        expect(
          back
            .data![plane]!.subarray(y * other, y * other + SIZE.width)
            .equals(data.subarray(y * stride, y * stride + SIZE.width)),
        ).toBe(true);
    }
    expect(downloads.fetched).toBe(1);
    expect(await downloads.fetch(picture)).toBe(picture);
    surface.free();
    picture.free();
    context.freeContext();
  },
);

it('a device that is not there is an error in words', () => {
  expect(() => openDevice(av, { device: 'nowhere', format: 'vulkan' })).toThrow('device of nowhere');
  expect(() => pixelFormat(av, 'nowhere')).toThrow('no pixels named nowhere');
});
