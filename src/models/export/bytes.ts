import {
  attribute,
  elementType,
  type OnnxGraph,
  type OnnxNode,
  type OnnxTensor,
} from '../engines/onnx-proto.js';
import type { Samples } from './calibrate.js';

/** A convolution whose filters become bytes. */
interface Convolution {
  readonly node: OnnxNode;
  readonly weight: OnnxTensor;
  readonly bias: OnnxTensor | undefined;
  /** How it reads bytes too; undefined where it goes on reading floats. */
  readonly reads?: {
    /** The tensor whose numbers it reads, before they are only moved about. */
    readonly source: string;
    /** What moves them, in order: enlarging, padding. */
    readonly moves: readonly OnnxNode[];
    /** The picture's own bytes, where the source is those times 1/255. */
    readonly bytes: string | undefined;
  };
}

/** What stands in a graph that is to be calibrated. */
export interface Plan {
  readonly convolutions: readonly Convolution[];
  /** Tensors whose numbers must be known. */
  readonly watch: readonly string[];
}

const floatsOf = ({ rawData }: Pick<OnnxTensor, 'rawData'>) => new Float32Array(rawData.slice().buffer);

/** What a convolution reads, followed back to where its numbers are made. */
function readsOf(node: OnnxNode, graph: OnnxGraph): NonNullable<Convolution['reads']> {
  const maker = (name: string) => graph.node.find(({ output }) => output[0] === name);
  let source = node.input[0]!;
  const moves: OnnxNode[] = [];
  for (let at = maker(source); at?.opType === 'Pad' || at?.opType === 'Resize'; at = maker(source)) {
    moves.unshift(at);
    source = at.input[0]!;
  }
  const scaled = maker(source);
  const cast = scaled?.opType === 'Mul' ? maker(scaled.input[0]!) : undefined;
  const picture = graph.input.find(({ name }) => cast?.opType === 'Cast' && name === cast.input[0]);
  return { source, moves, bytes: picture?.elementType === elementType.uint8 ? picture.name : undefined };
}

/**
 * Finds the convolutions of a graph whose weights are constants. Those that read the picture's bytes or have as many
 * channels in as out (residual blocks: most of the weights) multiply bytes. The others keep floats to multiply: they
 * see smooth areas at full size, where neighbours are rounded alike and instance norm raises what is lost
 * (measured on `fast`: mean 1 of 255 where all layers in bytes give 3).
 */
export function planBytes(graph: OnnxGraph): Plan {
  const constants = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const convolutions = graph.node.flatMap((node): Convolution[] => {
    const weight = node.opType === 'Conv' ? constants.get(node.input[1]!) : undefined;
    if (!weight) return [];
    const reads = readsOf(node, graph);
    const multiplies = reads.bytes !== undefined || weight.dims[0] === weight.dims[1];
    return [{ node, weight, bias: constants.get(node.input[2] ?? ''), ...(multiplies ? { reads } : {}) }];
  });
  const watch = convolutions.flatMap(({ reads }) => (reads && !reads.bytes ? [reads.source] : []));
  return { convolutions, watch: [...new Set(watch)] };
}

/** Bytes that stand for the numbers of a tensor: in each channel, number = scale * (byte - zero). */
interface Quantized {
  readonly bytes: string;
  readonly zero: number;
  /** One for each channel, or one for all. */
  readonly scales: readonly number[];
}

/** Pictures that nobody calibrated with reach further than those that somebody did. */
const HEADROOM = 1.3;
/** A channel in which nothing was seen: any steps do. */
const LEAST = 1e-6;

const largestOf = (samples: Float32Array) =>
  samples.reduce((most, value) => Math.max(most, Math.abs(value)), LEAST);

/** Collects nodes and constants of the new graph. */
class Writer {
  readonly nodes: OnnxNode[] = [];
  readonly constants = new Map<string, OnnxTensor>();
  readonly #quantized = new Map<string, Quantized>();

  node(opType: string, input: string[], out: string, given: OnnxNode['attribute'] = []): string {
    this.nodes.push({ name: out, opType, input, output: [out], attribute: given });
    return out;
  }

  constant(name: string, dims: readonly number[], dataType: number, data: ArrayBufferView): string {
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.constants.set(name, { name, dims, dataType, rawData });
    return name;
  }

  byte(value: number): string {
    return this.constant(`byte ${value}`, [], elementType.uint8, Uint8Array.of(value));
  }

  /** A tensor as bytes, made once however many read it. Each channel has steps of its own, which the filters absorb. */
  quantized(source: string, samples: Samples): Quantized {
    const known = this.#quantized.get(source);
    if (known) return known;
    const signed = samples.some((channel) => channel.some((value) => value < 0));
    const zero = signed ? 128 : 0;
    const scales = samples.map((channel) => (HEADROOM * largestOf(channel)) / (255 - zero));
    const names = [
      this.constant(`${source}/scales`, [scales.length], elementType.float, Float32Array.from(scales)),
      this.constant(
        `${source}/zeros`,
        [scales.length],
        elementType.uint8,
        new Uint8Array(scales.length).fill(zero),
      ),
    ];
    const bytes = this.node('QuantizeLinear', [source, ...names], `${source}/bytes`, [
      attribute.int('axis', 1),
    ]);
    const made = { bytes, zero, scales };
    this.#quantized.set(source, made);
    return made;
  }
}

/** Filters lie in bytes about this zero: with unsigned ones the sums are exact on every processor. */
const MIDDLE = 128;

/** Filters as bytes, each output channel with a scale of its own, after the scales of what they read. */
function quantizeFilters({ name, dims, rawData }: OnnxTensor, scales: readonly number[], writer: Writer) {
  const data = floatsOf({ rawData });
  const [channels, reads] = dims as [number, number];
  const each = data.length / channels;
  const taps = each / reads;
  const steps = new Float32Array(channels);
  const bytes = new Uint8Array(data.length);
  for (let c = 0; c < channels; c++) {
    const filter = data
      .subarray(c * each, (c + 1) * each)
      .map((value, i) => value * scales[Math.floor(i / taps) % scales.length]!);
    const largest = filter.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-12);
    steps[c] = largest / (MIDDLE - 1);
    for (let i = 0; i < each; i++) bytes[c * each + i] = MIDDLE + Math.round(filter[i]! / steps[c]!);
  }
  return { bytes: writer.constant(`${name}/bytes`, dims, elementType.uint8, bytes), steps };
}

/** Filters at rest in bytes, floats when they multiply. */
function writeFloats({ node, weight }: Convolution, writer: Writer): void {
  const filters = quantizeFilters(weight, [1], writer);
  const [channels] = weight.dims as [number];
  const zeros = writer.constant(
    `${weight.name}/zeros`,
    [channels],
    elementType.uint8,
    new Uint8Array(channels).fill(MIDDLE),
  );
  const steps = writer.constant(`${weight.name}/steps`, [channels], elementType.float, filters.steps);
  const axis = [attribute.int('axis', 0)];
  const floats = writer.node(
    'DequantizeLinear',
    [filters.bytes, steps, zeros],
    `${weight.name}/floats`,
    axis,
  );
  const [x, , ...bias] = node.input as [string, string, ...string[]];
  writer.nodes.push({ ...node, input: [x, floats, ...bias] });
}

function writeBytes(
  { node, weight, bias }: Convolution,
  { source, moves, bytes }: NonNullable<Convolution['reads']>,
  samples: ReadonlyMap<string, Samples>,
  writer: Writer,
): void {
  const [out] = node.output as [string];
  const read = bytes ? { bytes, zero: 0, scales: [1 / 255] } : writer.quantized(source, samples.get(source)!);
  let at = read.bytes;
  for (const [i, move] of moves.entries())
    at = writer.node(move.opType, [at, ...move.input.slice(1)], `${out}/moved${i}`, [...move.attribute]);
  const filters = quantizeFilters(weight, read.scales, writer);
  const inputs = [at, filters.bytes, writer.byte(read.zero), writer.byte(MIDDLE)];
  const sums = writer.node('ConvInteger', inputs, `${out}/sums`, [...node.attribute]);
  const floats = writer.node('Cast', [sums], `${out}/floats`, [attribute.int('to', elementType.float)]);
  const dims = [weight.dims[0]!, 1, 1];
  const steps = writer.constant(`${weight.name}/steps`, dims, elementType.float, filters.steps);
  const scaled = writer.node('Mul', [floats, steps], bias ? `${out}/scaled` : out);
  if (!bias) return;
  const level = writer.constant(`${bias.name}/level`, dims, elementType.float, floatsOf(bias));
  writer.node('Add', [scaled, level], out);
}

/** Leaves out what no output needs. */
function pruned(graph: OnnxGraph): OnnxGraph {
  const needed = new Set(graph.output.map(({ name }) => name));
  const node: OnnxNode[] = [];
  for (const one of [...graph.node].reverse()) {
    if (!one.output.some((name) => needed.has(name))) continue;
    node.unshift(one);
    for (const name of one.input) needed.add(name);
  }
  return { ...graph, node, initializer: graph.initializer.filter(({ name }) => needed.has(name)) };
}

/**
 * A graph whose filters are 8 bits. The convolutions that the plan says read 8 bits as well and sum up 32; all between
 * convolutions stays float. `samples` are numbers seen in the tensors that the plan watches.
 */
export function inBytes(graph: OnnxGraph, plan: Plan, samples: ReadonlyMap<string, Samples>): OnnxGraph {
  const writer = new Writer();
  const byNode = new Map(plan.convolutions.map((one) => [one.node, one]));
  for (const node of graph.node) {
    const convolution = byNode.get(node);
    if (convolution?.reads) writeBytes(convolution, convolution.reads, samples, writer);
    else if (convolution) writeFloats(convolution, writer);
    else writer.nodes.push(node);
  }
  return pruned({
    ...graph,
    node: writer.nodes,
    initializer: [...graph.initializer, ...writer.constants.values()],
  });
}
