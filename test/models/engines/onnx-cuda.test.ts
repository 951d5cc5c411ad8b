import { expect, it } from 'vitest';
import { Unsupported, Usage } from '../../../src/errors.js';
import {
  type GpuDevice,
  OnnxGpuEngine,
  openOnnxGpu,
  probeOnnxGpu,
} from '../../../src/models/engines/onnx-gpu.js';
import { loadRuntime } from '../../../src/models/engines/onnx-session.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import { describeEngine } from '../../suites/engine.js';
import { seededPicture, seededWeights } from '../../suites/weights.js';

const probe = await probeOnnxGpu('cuda');
const skip = !probe.present && probe.why;

describeEngine('onnx/cuda:float', () => openOnnxGpu('cuda', 'float'), { skip });
describeEngine('onnx/cuda:half', () => openOnnxGpu('cuda', 'half'), { skip });

const imitated: GpuDevice = {
  device: 'cpu',
  name: 'imitated',
  title: 'The processor',
  hint: '',
  holds: false,
};
/** The processor in place of a graphics processor: the graphs, the batches and the weights' way are the same. */
const imitate = async (halves: boolean, name = imitated.name) =>
  new OnnxGpuEngine(await loadRuntime('cpu'), imitated, halves, name);

describeEngine('imitated:float', () => imitate(false, 'imitated:float'));
describeEngine('imitated:half', () => imitate(true, 'imitated:half'), { tolerance: { mean: 0.8, max: 6 } });

it('feeds the weights of a style with each call where they cannot stay', async () => {
  const net = transformNet({ base: 4, residuals: 1 });
  const pixels = seededPicture({ width: 16, height: 12 });
  await using engine = await imitate(true);
  await using painter = await engine.painter(net, seededWeights(net, 'net'), pixels);
  expect([engine.batch, painter.batch]).toEqual([8, 8]);
  const [one, two] = [
    await painter.bind(seededWeights(net, 'style', 2)),
    await painter.bind(seededWeights(net, 'style', 3)),
  ];
  const alone = async (style: typeof one) => (await painter.paint([{ pixels, style }]))[0]!.data;
  const [first, second] = [await alone(one), await alone(two)];
  expect(first).not.toEqual(second);
  const mixed = await painter.paint([one, two, one, two, two].map((style) => ({ pixels, style })));
  expect(mixed.map(({ data }) => data)).toEqual([first, second, first, second, second]);
  one[Symbol.dispose]();
  expect(await alone(two)).toEqual(second);
});

it.runIf(skip)('says in a sentence why it is not there, and what to do', async () => {
  expect(probe.hint).toMatch(/\w{3}/);
  await expect(openOnnxGpu('cuda')).rejects.toThrow(Unsupported);
});

it('refuses a width that it does not know', async () => {
  await expect(openOnnxGpu('cuda', 'double')).rejects.toThrow(Usage);
});
