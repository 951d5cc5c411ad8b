import protobuf from 'protobufjs/light.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { BadInput } from '../../../src/errors.js';
import { openOnnx } from '../../../src/models/engines/onnx.js';
import { loadRuntime, Session } from '../../../src/models/engines/onnx-session.js';
import { difference, paintExported } from '../../../src/models/export/compare.js';
import { exportMetaNet, exportTransform, type OnnxExport } from '../../../src/models/export/onnx.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import type { Pixels } from '../../../src/models/pixels.js';
import { Scene } from '../../../src/pipeline/demo/scene.js';
import { seededPicture, seededWeights } from '../../suites/weights.js';
import { tinyModel } from '../tiny-model.js';
import { byEngine, type Subject, seededSubject, shipped } from './subject.js';

const size = { width: 48, height: 32 };
const pictures = [1, 2].map((seed) => seededPicture(size, seed));

const paintedBy = async (
  { net, weights }: Subject,
  shown: readonly Pixels[],
  how: Omit<OnnxExport, 'weights'>,
) =>
  paintExported(await exportTransform(net, { weights, ...how }), shown, {
    floats: how.pictures === 'floats',
  });

describe('a style as ONNX paints what the engine paints', () => {
  it.each([
    ['32 bits, any size', { precision: 'float' }],
    ['32 bits, one size', { precision: 'float', size }],
    ['32 bits at half resolution', { precision: 'float', size, fast: true }],
    ['32 bits, floats in and out', { precision: 'float', pictures: 'floats' }],
    [
      '32 bits at half resolution, floats in and out',
      { precision: 'float', pictures: 'floats', size, fast: true },
    ],
    ['16 bits', { precision: 'half' }],
    ['16 bits, one size, floats in and out', { precision: 'half', size, pictures: 'floats' }],
  ] as const)('%s', async (_, how) => {
    for (const output of ['sigmoid', 'tanh', 'linear'] as const) {
      const subject = seededSubject(transformNet({ base: 4, residuals: 1, output }));
      const truth = await byEngine(subject, pictures);
      expect(new Set(truth[0]!.data).size).toBeGreaterThan(30);
      expect(difference(truth, await paintedBy(subject, pictures, how)).max).toBeLessThanOrEqual(2);
    }
  });

  it.each(['wave', 'starry-night'])('8 bits, calibrated on drawn pictures: the preset %s', async (preset) => {
    const subject = await shipped(preset);
    const scene = (seconds: number) => new Scene({ width: 96, height: 96 }).draw(seconds);
    const shown = [45, 135].map(scene);
    const truth = await byEngine(subject, shown);
    const calibration = [0, 60, 120, 180].map(scene);
    for (const kind of ['bytes', 'floats'] as const) {
      const painted = await paintedBy(subject, shown, { precision: 'byte', calibration, pictures: kind });
      expect(difference(truth, painted).mean).toBeLessThan(2);
    }
    const file = await exportTransform(subject.net, {
      weights: subject.weights,
      precision: 'byte',
      calibration,
    });
    const plain = await exportTransform(subject.net, { weights: subject.weights, precision: 'float' });
    expect(file.byteLength).toBeLessThan(0.3 * plain.byteLength);
  });

  it('tells 8 bits that saw nothing of the picture from the truth', async () => {
    const subject = await shipped('wave');
    const shown = [new Scene({ width: 64, height: 64 }).draw(45)];
    const blind = { data: new Uint8Array(3 * 64 * 64), width: 64, height: 64 };
    const truth = await byEngine(subject, shown);
    const painted = await paintedBy(subject, shown, { precision: 'byte', calibration: [blind] });
    expect(difference(truth, painted).mean).toBeGreaterThan(2);
  });
});

describe('what cannot be exported', () => {
  const net = transformNet({ base: 2, residuals: 0 });
  const { weights } = seededSubject(net);
  it.each([
    ['a size that the net does not take', { precision: 'float', size: { width: 30, height: 32 } }],
    ['half resolution of any size', { precision: 'float', fast: true }],
    ['half resolution in 16 bits', { precision: 'half', fast: true, size }],
    ['8 bits without pictures', { precision: 'byte', calibration: [] }],
  ] as const)('%s', async (_, how) => {
    await expect(exportTransform(net, { weights, ...how })).rejects.toThrow(BadInput);
  });
});

describe.each(['float', 'half'] as const)('MetaNet and TransformNet as ONNX, %s', (precision) => {
  it('paint together what the engine paints', async () => {
    const model = tinyModel();
    const style = seededPicture({ width: 64, height: 64 }, 9);
    await using engine = await openOnnx();
    await using styler = await engine.styler(model.meta, model.metaWeights);
    await using painter = await engine.painter(model.transform, model.base, size);
    using bound = await painter.bind(await styler.weights(style));
    const truth = await painter.paint([{ pixels: pictures[0]!, style: bound }]);

    const runtime = await loadRuntime('cpu');
    const meta = await Session.open(runtime, 'cpu', 'styler', exportMetaNet(model, { precision }));
    const made = await meta.run({ style: meta.bytes(style) });
    const file = await exportTransform(model.transform, { weights: model.base, precision });
    const transform = await Session.open(runtime, 'cpu', 'painter', file);
    const painted = await transform.run({ ...made, content: transform.bytes(pictures[0]!) });
    await Promise.all([meta.close(), transform.close()]);
    expect(Object.keys(made).sort()).toEqual(Object.keys(model.meta.outputs).sort());
    const data = painted.picture!.data as Uint8Array;
    expect(difference(truth, [{ ...size, data }]).max).toBeLessThanOrEqual(2);
  });
});

/** What the format's own description says of the parts that its checker looks at. */
const field = (id: number, type: string, rule?: string) => ({ id, type, ...(rule ? { rule } : {}) });
const modelProto = protobuf.Root.fromJSON({
  nested: {
    Model: {
      fields: {
        ir: field(1, 'int64'),
        producer: field(2, 'string'),
        version: field(3, 'string'),
        graph: field(7, 'Graph'),
        opsets: field(8, 'Opset', 'repeated'),
        facts: field(14, 'Fact', 'repeated'),
      },
    },
    Opset: { fields: { domain: field(1, 'string'), version: field(2, 'int64') } },
    Fact: { fields: { key: field(1, 'string'), value: field(2, 'string') } },
    Graph: {
      fields: {
        nodes: field(1, 'Node', 'repeated'),
        name: field(2, 'string'),
        tensors: field(5, 'Tensor', 'repeated'),
        inputs: field(11, 'Value', 'repeated'),
        outputs: field(12, 'Value', 'repeated'),
      },
    },
    Node: {
      fields: {
        inputs: field(1, 'string', 'repeated'),
        outputs: field(2, 'string', 'repeated'),
        name: field(3, 'string'),
        op: field(4, 'string'),
      },
    },
    Tensor: {
      fields: {
        dims: field(1, 'int64', 'repeated'),
        type: field(2, 'int32'),
        name: field(8, 'string'),
        raw: field(9, 'bytes'),
      },
    },
    Value: { fields: { name: field(1, 'string'), type: field(2, 'bytes') } },
  },
}).lookupType('Model');

const widths: Record<number, number> = { 1: 4, 2: 1, 3: 1, 6: 4, 7: 8, 10: 2 };

describe.each(['float', 'half', 'byte'] as const)('the ONNX file in %s', (precision) => {
  type File = {
    ir: unknown;
    producer: string;
    version: string;
    facts: { key: string; value: string }[];
    opsets: { domain: string; version: unknown }[];
    graph: {
      name: string;
      nodes: { name: string; inputs: string[]; outputs: string[]; op: string }[];
      tensors: { dims: unknown[]; type: number; name: string; raw: Uint8Array }[];
      inputs: { name: string; type: Uint8Array }[];
      outputs: { name: string; type: Uint8Array }[];
    };
  };
  let file: File;
  beforeAll(async () => {
    const { net, weights } = seededSubject(transformNet({ base: 4, residuals: 1 }));
    const about = { producerVersion: '1.2.3', metadata: { style: 'wave', licence: 'CC0-1.0' } };
    const bytes = await exportTransform(net, { weights, precision, about, calibration: pictures });
    file = modelProto.toObject(modelProto.decode(bytes), { longs: Number, arrays: true }) as File;
  });

  it('names its versions, its maker and its licence', () => {
    expect(file).toMatchObject({ ir: 8, producer: 'livebrush', version: '1.2.3', opsets: [{ version: 17 }] });
    expect(file.facts).toEqual([
      { key: 'style', value: 'wave' },
      { key: 'licence', value: 'CC0-1.0' },
    ]);
    expect(file.graph.name).not.toBe('');
  });

  it('makes every tensor once, before it is read, and reads every one', () => {
    const { nodes, tensors, inputs, outputs } = file.graph;
    const known = new Set([...tensors, ...inputs].map(({ name }) => name));
    expect(known.size).toBe(tensors.length + inputs.length);
    const read = new Set(outputs.map(({ name }) => name));
    for (const node of nodes) {
      for (const name of node.inputs.filter(Boolean)) {
        expect(known, `${node.op} ${node.name}`).toContain(name);
        read.add(name);
      }
      for (const name of node.outputs) {
        expect(known, `${node.op} ${node.name}`).not.toContain(name);
        known.add(name);
      }
    }
    expect(new Set(nodes.map(({ name }) => name)).size).toBe(nodes.length);
    expect([...known].filter((name) => !read.has(name))).toEqual([]);
  });

  it('holds as many bytes in each constant as its type and shape say, and types for what goes in and out', () => {
    for (const { name, dims, type, raw } of file.graph.tensors)
      expect(raw.byteLength, name).toBe(
        widths[type]! * dims.reduce<number>((n, side) => n * Number(side), 1),
      );
    for (const { type } of [...file.graph.inputs, ...file.graph.outputs])
      expect(type.byteLength).toBeGreaterThan(8);
  });
});

it('has no 32-bit filters left in 16 and in 8 bits', async () => {
  const { net, weights } = {
    net: transformNet({ base: 8 }),
    weights: seededSubject(transformNet({ base: 8 })).weights,
  };
  const of = async (precision: OnnxExport['precision']) =>
    (await exportTransform(net, { weights, precision, calibration: pictures })).byteLength;
  const [full, half, byte] = [await of('float'), await of('half'), await of('byte')];
  expect(half).toBeLessThan(0.56 * full);
  expect(byte).toBeLessThan(0.33 * full);
  expect(seededWeights(net, 'style').size).toBeGreaterThan(0);
});
