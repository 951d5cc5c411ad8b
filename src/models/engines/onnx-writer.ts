import type { NetSpec } from '../net.js';
import type { Weights } from '../weights.js';
import {
  elementType,
  type OnnxAttribute,
  type OnnxDomain,
  type OnnxNode,
  type OnnxTensor,
  type OnnxValue,
} from './onnx-proto.js';
import type { Shape } from './shapes.js';

/** Collects the parts of an ONNX graph. Every method returns the name of the tensor it adds. */
export class GraphWriter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers = new Map<string, OnnxTensor>();
  readonly inputs = new Map<string, OnnxValue>();

  constructor(
    readonly params: NetSpec['params'],
    readonly shapes: ReadonlyMap<string, Shape>,
    readonly constants: Weights,
  ) {}

  node(
    opType: string,
    input: string[],
    out: string,
    attributes: OnnxAttribute[] = [],
    domain: OnnxDomain = '',
  ): string {
    this.nodes.push({ name: out, opType, domain, input, output: [out], attribute: attributes });
    return out;
  }

  floats(name: string, dims: readonly number[], data: Float32Array): string {
    return this.#initializer(name, dims, elementType.float, data);
  }

  /** A float that stands for itself wherever the graph needs it. */
  number(value: number): string {
    return this.floats(`number ${value}`, [], Float32Array.of(value));
  }

  integers(values: readonly number[], name = `integers ${values.join()}`): string {
    const data = BigInt64Array.from(values, BigInt);
    return this.#initializer(name, [values.length], elementType.int64, data);
  }

  flags(name: string, dims: readonly number[], values: readonly boolean[]): string {
    return this.#initializer(name, dims, elementType.bool, Uint8Array.from(values, Number));
  }

  reshape(x: string, shape: readonly number[], out: string): string {
    return this.node('Reshape', [x, this.integers(shape)], out);
  }

  /** A param: a constant if its numbers are given, else an input. */
  param(name: string): string {
    const { shape } = this.params[name]!;
    const constant = this.constants.get(name);
    if (constant) return this.floats(name, shape, constant.data);
    this.inputs.set(name, { name, elementType: elementType.float, dims: shape });
    return name;
  }

  #initializer(name: string, dims: readonly number[], dataType: number, data: ArrayBufferView): string {
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.initializers.set(name, { name, dims, dataType, rawData });
    return name;
  }
}
