import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { graphOf } from '../../../src/models/engines/onnx-graph.js';
import { inHalves } from '../../../src/models/engines/onnx-halves.js';
import { elementType, encodeModel, type OnnxGraph } from '../../../src/models/engines/onnx-proto.js';
import { floatToHalf } from '../../../src/models/half.js';
import type { NetSpec } from '../../../src/models/net.js';
import { metaNet } from '../../../src/models/nets/metanet.js';
import { transformNet } from '../../../src/models/nets/transform.js';
import type { Pixels } from '../../../src/models/pixels.js';
import { randomWeights } from '../../../src/models/random-weights.js';

const size = { width: 48, height: 32 };
const net = transformNet({ base: 4, residuals: 1 });
const base = randomWeights(net, 'net', 1);
const style = randomWeights(net, 'style', 2);
const written = (spec: NetSpec, batches = false) =>
  graphOf(spec, { outputs: ['picture'], constants: base, size, batches });

/** A bright picture with faint detail, whose pixels a half tells apart only just. */
function faint(seed: number): Pixels {
  const data = Uint8Array.from({ length: 3 * size.width * size.height }, (_, i) => {
    const x = i % size.width;
    return 243 + Math.round(6 * Math.sin(x / 3 + seed) * Math.cos(Math.floor(i / size.width) / 4));
  });
  return { ...size, data };
}

async function run(graph: OnnxGraph, pictures: readonly Pixels[], halves = false): Promise<Uint8Array> {
  const session = await InferenceSession.create(encodeModel(graph), { logSeverityLevel: 4 });
  const bytes = new Uint8Array(pictures.flatMap(({ data }) => [...data]));
  const feeds: Record<string, Tensor> = {
    content: new Tensor('uint8', bytes, [pictures.length, 3, size.height, size.width]),
  };
  for (const [name, { data, shape }] of style)
    feeds[name] = halves
      ? new Tensor('float16', Uint16Array.from(data, floatToHalf), shape)
      : new Tensor('float32', data, shape);
  const { picture } = await session.run(feeds);
  await session.release();
  return picture!.data as Uint8Array;
}

function mean(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

const typesOf = ({ input, output }: OnnxGraph) =>
  Object.fromEntries([...input, ...output].map((value) => [value.name, value.elementType]));

describe('a graph in halves', () => {
  it.each([
    ['between float inputs', {}],
    ['with norms in halves', { norms: true }],
    ['fed with halves', { inputs: true }],
    ['fed with halves, with norms in halves', { inputs: true, norms: true }],
  ])('paints what floats paint, %s', async (_, options) => {
    const graph = inHalves(written(net), { pictures: net.inputs, ...options });
    const picture = faint(1);
    const truth = await run(written(net), [picture]);
    expect(new Set(truth).size).toBeGreaterThan(50);
    const painted = await run(graph, [picture], 'inputs' in options);
    expect(mean(painted, truth)).toBeLessThan(0.35);
    expect(mean(painted, truth)).toBeGreaterThan(0);
  });

  it('computes with floats until a convolution has read the picture', () => {
    const { node } = inHalves(written(net), { pictures: net.inputs, norms: true });
    const first = node.findIndex(({ opType }) => opType === 'Conv');
    const ofPicture = new Set(net.inputs);
    for (const { input, output } of node.slice(0, first + 1))
      if (input.some((name) => ofPicture.has(name))) ofPicture.add(output[0]!);
    const toHalf = node.findIndex(
      ({ opType, input, attribute }) =>
        opType === 'Cast' && ofPicture.has(input[0]!) && attribute[0]!.i === elementType.half,
    );
    expect(ofPicture.has(node[first]!.output[0]!)).toBe(true);
    expect(toHalf).toBeGreaterThan(first);
    expect(node[toHalf]!.input).toEqual(node[first]!.output);
  });

  it('holds the weights of a MetaNet as halves, but for filters that read its picture', () => {
    const meta = metaNet(net, { hidden: 64, group: 4 });
    const graph = inHalves(graphOf(meta, { constants: randomWeights(meta, 'net', 3) }), {
      pictures: meta.inputs,
    });
    const bytes = (type: number) =>
      graph.initializer
        .filter(({ dataType }) => dataType === type)
        .reduce((sum, { rawData }) => sum + rawData.length, 0);
    expect(bytes(elementType.float)).toBeLessThan(0.05 * bytes(elementType.half));
  });

  it('keeps the types of inputs and outputs, but for those that are fed as halves', () => {
    const graph = written(net);
    expect(typesOf(inHalves(graph, { pictures: net.inputs }))).toEqual(typesOf(graph));
    const fed = typesOf(inHalves(graph, { pictures: net.inputs, inputs: true }));
    expect(fed).toMatchObject({ content: elementType.uint8, picture: elementType.uint8 });
    for (const name of style.keys()) expect(fed[name]).toBe(elementType.half);
  });

  it('paints several pictures at a time as it paints each', async () => {
    const graph = inHalves(written(net, true), { pictures: net.inputs, inputs: true, norms: true });
    const pictures = [faint(1), faint(2), faint(3)];
    const together = await run(graph, pictures, true);
    const bytes = together.length / pictures.length;
    for (const [i, picture] of pictures.entries())
      expect(together.slice(i * bytes, (i + 1) * bytes)).toEqual(await run(graph, [picture], true));
  });
});
