import { describe, expect, it } from 'vitest';
import { openEngine, probeEngines } from '../../../src/models/engines/index.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import type { Pixels } from '../../../src/models/pixels.js';
import { randomWeights } from '../../../src/models/random-weights.js';
import { findVulkan } from '../../suites/vulkan.js';

findVulkan();

/** Engines are compared with this one. */
const reference = 'onnx/cpu';
const others = [
  'native/cpu',
  'native/bf16',
  'onnx/webgpu',
  'onnx/cuda',
  'tfjs/tensorflow',
  'tfjs/webgpu',
  'tfjs/wasm',
] as const;
const probes = new Map((await probeEngines([reference, ...others])).map((probe) => [probe.name, probe]));

/** The most that a byte and their mean may differ; numbers of eight digits make more of it. */
const near = { most: 2, mean: 0.5 };
const tolerances: Readonly<Record<string, typeof near>> = {
  'native/bf16': { most: 12, mean: 1.5 },
  // Halves, where the graphics processor computes with them.
  'onnx/webgpu': { most: 6, mean: 0.8 },
  'onnx/cuda': { most: 6, mean: 0.8 },
};

/** An imitated graphics processor takes its time. */
const LONGEST_MS = 300_000;

/** A picture with edges, gradients and every brightness. */
function drawn(width: number, height: number): Pixels {
  const data = new Uint8Array(3 * width * height);
  for (let channel = 0; channel < 3; channel++)
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const disc = Math.hypot(x - width / 2, y - height / 3) < height / 4 ? 90 : 0;
        const wave = 60 * Math.sin((x * (channel + 1)) / 7) * Math.cos(y / 5);
        data[(channel * height + y) * width + x] = Math.max(0, Math.min(255, 100 + disc + wave));
      }
  return { data, width, height };
}

async function painted(name: string, picture: Pixels): Promise<Uint8Array> {
  const net = transformNet({ base: 8 });
  await using engine = await openEngine(name);
  await using painter = await engine.painter(net, randomWeights(net, 'net', 3), picture);
  using style = await painter.bind(randomWeights(net, 'style', 4));
  const [result] = await painter.paint([{ pixels: picture, style }]);
  return result!.data;
}

describe(`Engines agree with ${reference}`, () => {
  for (const name of others) {
    const { present, why } = probes.get(name)!;
    const missing = !present || !probes.get(reference)!.present;
    const note = missing ? ` (skipped: ${why ?? `${reference} is not here`})` : '';

    it.skipIf(missing)(`${name} paints as ${reference} does${note}`, { timeout: LONGEST_MS }, async () => {
      const { most, mean } = tolerances[name] ?? near;
      const picture = drawn(32, 24);
      const [expected, actual] = [await painted(reference, picture), await painted(name, picture)];
      const differences = expected.map((value, i) => Math.abs(value - actual[i]!));
      expect(new Set(expected).size).toBeGreaterThan(50);
      expect(differences.reduce((most, value) => Math.max(most, value), 0)).toBeLessThanOrEqual(most);
      expect(differences.reduce((sum, value) => sum + value, 0) / differences.length).toBeLessThan(mean);
    });
  }
});
