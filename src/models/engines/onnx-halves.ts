import { floatToHalf } from '../half.js';
import { attribute, elementType, type OnnxGraph, type OnnxNode, type OnnxTensor } from './onnx-proto.js';

/** What of a graph in halves may be halves as well, where whoever runs it can do with that. */
export interface HalvesOptions {
  /** Inputs that are pictures: they keep their types, and floats, until a convolution has read them. */
  readonly pictures: readonly string[];
  /** Instance norms: for a runtime that sums in floats whatever it is given, as ONNX Runtime does through WebGPU. */
  readonly norms?: boolean;
  /** All other inputs of floats: they are fed as halves. */
  readonly inputs?: boolean;
}

const cast = (from: string, to: string, type: number): OnnxNode => ({
  name: to,
  opType: 'Cast',
  input: [from],
  output: [to],
  attribute: [attribute.int('to', type)],
});

/** A tensor of floats as halves. */
function halved({ dims, rawData }: OnnxTensor, name: string): OnnxTensor {
  const floats = new Float32Array(rawData.slice().buffer);
  const halves = Uint16Array.from(floats, floatToHalf);
  return { name, dims, dataType: elementType.half, rawData: new Uint8Array(halves.buffer) };
}

type Width = 'float' | 'half';

/** What a picture goes through before its first convolution. */
const prepares: ReadonlySet<string> = new Set(['Cast', 'Mul', 'Add', 'Sub', 'Pad']);

/** Rewrites a graph node by node, in order; casts are put in where a tensor is first wanted in another width. */
class Halver {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];
  /** Tensors by name and width, under the name that holds them so. What is neither floats nor halves is not here. */
  readonly #held = new Map<string, Partial<Record<Width, string>>>();
  readonly #constants = new Map<string, OnnxTensor>();
  /** Pictures and what is made of them before a convolution. */
  readonly #pictures: Set<string>;
  /** Outputs of floats. */
  readonly #yields: ReadonlySet<string>;

  constructor(
    graph: OnnxGraph,
    readonly options: HalvesOptions,
  ) {
    this.#pictures = new Set(options.pictures);
    this.#yields = new Set(
      graph.output.filter((output) => output.elementType === elementType.float).map(({ name }) => name),
    );
    for (const tensor of graph.initializer)
      if (tensor.dataType === elementType.float) {
        this.#constants.set(tensor.name, tensor);
        this.#held.set(tensor.name, {});
      } else this.initializers.push(tensor);
    for (const { name, elementType: type } of graph.input)
      if (type === elementType.float)
        this.#held.set(name, options.inputs && !this.#pictures.has(name) ? { half: name } : { float: name });
  }

  /** The name of a tensor in a width. */
  #in(width: Width, name: string): string {
    const held = this.#held.get(name);
    if (!held) return name;
    held[width] ??= this.#make(width, name, held);
    return held[width];
  }

  #make(width: Width, name: string, held: Partial<Record<Width, string>>): string {
    const constant = this.#constants.get(name);
    const made = constant && width === 'float' ? name : `${name}/${width}`;
    if (constant) this.initializers.push(width === 'half' ? halved(constant, made) : constant);
    else this.nodes.push(cast((held.float ?? held.half)!, made, elementType[width]));
    return made;
  }

  add(node: OnnxNode): void {
    const [out] = node.output as [string];
    const [first = ''] = node.input;
    const ofPicture = this.#pictures.has(first) && (prepares.has(node.opType) || node.opType === 'Conv');
    const wide = ofPicture || (node.opType === 'InstanceNormalization' && !this.options.norms);
    const width = wide ? 'float' : 'half';
    if (ofPicture && node.opType !== 'Conv') this.#pictures.add(out);
    // The scales of Resize are floats by definition.
    const input = node.input.map((name, place) =>
      this.#in(node.opType === 'Resize' && place > 0 ? 'float' : width, name),
    );
    if (node.opType === 'Cast') {
      const floats = node.attribute[0]!.i === elementType.float;
      this.nodes.push(floats ? cast(first, out, elementType[width]) : { ...node, input });
      if (floats) this.#held.set(out, { [width]: out });
      return;
    }
    const numbers = node.input.some((name) => this.#held.has(name));
    const named = numbers && !wide && this.#yields.has(out) ? `${out}/half` : out;
    this.nodes.push({ ...node, name: named, input, output: [named] });
    if (numbers) this.#held.set(out, { [width]: named });
    if (named !== out) this.nodes.push(cast(named, out, elementType.float));
  }
}

/**
 * A graph whose weights and arithmetic are halves (float16). Outputs keep their types, and so do inputs unless told
 * otherwise. The first convolution computes in floats: it sums hundreds of bright pixels, and the norm behind it takes
 * their mean off and magnifies what is left, so that sums in halves there cost three times as much as everywhere after
 * it (docs/performance.md). Norms are floats between two casts, since sums over a picture do not fit into halves.
 */
export function inHalves(graph: OnnxGraph, options: HalvesOptions): OnnxGraph {
  const halver = new Halver(graph, options);
  for (const node of graph.node) halver.add(node);
  const halfInput = ({ name, elementType: type }: { name: string; elementType: number }) =>
    options.inputs && type === elementType.float && !options.pictures.includes(name);
  return {
    ...graph,
    node: halver.nodes,
    initializer: halver.initializers,
    input: graph.input.map((input) =>
      halfInput(input) ? { ...input, elementType: elementType.half } : input,
    ),
  };
}
