import protobuf from 'protobufjs/light.js';

/**
 * The part of the ONNX file format (onnx.proto, IR version 8, opset 17) that a network of ours needs. Field numbers
 * are those of the format; what is left out here is left out of the file.
 */
const schema = {
  ModelProto: {
    irVersion: { type: 'int64', id: 1 },
    producerName: { type: 'string', id: 2 },
    producerVersion: { type: 'string', id: 3 },
    docString: { type: 'string', id: 6 },
    graph: { type: 'GraphProto', id: 7 },
    opsetImport: { rule: 'repeated', type: 'OperatorSetIdProto', id: 8 },
    metadataProps: { rule: 'repeated', type: 'StringStringEntryProto', id: 14 },
  },
  StringStringEntryProto: {
    key: { type: 'string', id: 1 },
    value: { type: 'string', id: 2 },
  },
  OperatorSetIdProto: {
    domain: { type: 'string', id: 1 },
    version: { type: 'int64', id: 2 },
  },
  GraphProto: {
    node: { rule: 'repeated', type: 'NodeProto', id: 1 },
    name: { type: 'string', id: 2 },
    initializer: { rule: 'repeated', type: 'TensorProto', id: 5 },
    input: { rule: 'repeated', type: 'ValueInfoProto', id: 11 },
    output: { rule: 'repeated', type: 'ValueInfoProto', id: 12 },
  },
  NodeProto: {
    input: { rule: 'repeated', type: 'string', id: 1 },
    output: { rule: 'repeated', type: 'string', id: 2 },
    name: { type: 'string', id: 3 },
    opType: { type: 'string', id: 4 },
    domain: { type: 'string', id: 7 },
    attribute: { rule: 'repeated', type: 'AttributeProto', id: 5 },
  },
  AttributeProto: {
    name: { type: 'string', id: 1 },
    f: { type: 'float', id: 2 },
    i: { type: 'int64', id: 3 },
    s: { type: 'bytes', id: 4 },
    ints: { rule: 'repeated', type: 'int64', id: 8 },
    type: { type: 'int32', id: 20 },
  },
  TensorProto: {
    dims: { rule: 'repeated', type: 'int64', id: 1 },
    dataType: { type: 'int32', id: 2 },
    name: { type: 'string', id: 8 },
    rawData: { type: 'bytes', id: 9 },
  },
  ValueInfoProto: {
    name: { type: 'string', id: 1 },
    type: { type: 'TypeProto', id: 2 },
  },
  TypeProto: { tensorType: { type: 'TensorTypeProto', id: 1 } },
  TensorTypeProto: {
    elemType: { type: 'int32', id: 1 },
    shape: { type: 'TensorShapeProto', id: 2 },
  },
  TensorShapeProto: { dim: { rule: 'repeated', type: 'DimensionProto', id: 1 } },
  DimensionProto: {
    dimValue: { type: 'int64', id: 1 },
    dimParam: { type: 'string', id: 2 },
  },
};

const modelProto = protobuf.Root.fromJSON({
  nested: Object.fromEntries(Object.entries(schema).map(([name, fields]) => [name, { fields }])),
}).lookupType('ModelProto');

/** Element types by their number in the format. */
export const elementType = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, half: 10 } as const;

/** A constant of a node (AttributeProto). */
export interface OnnxAttribute {
  readonly name: string;
  readonly type: number;
  readonly f?: number;
  readonly i?: number;
  readonly s?: Uint8Array;
  readonly ints?: readonly number[];
}
/** Whose operators: those of ONNX, or the ones that ONNX Runtime's CPU library has for pictures in blocks. */
export type OnnxDomain = '' | 'com.microsoft.nchwc';
const versions: Readonly<Record<OnnxDomain, number>> = { '': 17, 'com.microsoft.nchwc': 1 };

/** An operator with its tensors by name (NodeProto). */
export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  readonly domain?: OnnxDomain;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly attribute: readonly OnnxAttribute[];
}
/** A constant tensor, raw little-endian bytes (TensorProto). */
export interface OnnxTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly dataType: number;
  readonly rawData: Uint8Array;
}
/** Name, element type and shape of an input or output; a side given as text is known only when the graph runs. */
export interface OnnxValue {
  readonly name: string;
  readonly elementType: number;
  readonly dims: readonly (number | string)[];
}
/** A graph (GraphProto): what a model file is about. */
export interface OnnxGraph {
  readonly name: string;
  readonly node: readonly OnnxNode[];
  readonly initializer: readonly OnnxTensor[];
  readonly input: readonly OnnxValue[];
  readonly output: readonly OnnxValue[];
}

const int = (name: string, i: number): OnnxAttribute => ({ name, type: 2, i });
const float = (name: string, f: number): OnnxAttribute => ({ name, type: 1, f });
const text = (name: string, s: string): OnnxAttribute => ({ name, type: 3, s: new TextEncoder().encode(s) });
const ints = (name: string, values: readonly number[]): OnnxAttribute => ({ name, type: 7, ints: values });
/** Makes a node's attributes, one function per type of value. */
export const attribute = { int, float, text, ints };

const valueInfo = ({ name, elementType: elemType, dims }: OnnxValue) => ({
  name,
  type: {
    tensorType: {
      elemType,
      shape: {
        dim: dims.map((side) => (typeof side === 'number' ? { dimValue: side } : { dimParam: side })),
      },
    },
  },
});

/** What a file says of itself to people and programs that open it. */
export interface OnnxAbout {
  /** Version of Livebrush. */
  readonly producerVersion?: string;
  /** What the graph does, in a sentence or two. */
  readonly docString?: string;
  /** Any further facts by name: style, model, licence. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The bytes of an ONNX file that holds one graph. */
export function encodeModel(graph: OnnxGraph, { metadata = {}, ...about }: OnnxAbout = {}): Uint8Array {
  const domains = new Set<OnnxDomain>(['', ...graph.node.map(({ domain = '' }) => domain)]);
  const model = {
    irVersion: 8,
    producerName: 'livebrush',
    ...about,
    opsetImport: [...domains].map((domain) => ({ domain, version: versions[domain] })),
    graph: { ...graph, input: graph.input.map(valueInfo), output: graph.output.map(valueInfo) },
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  };
  return modelProto.encode(modelProto.create(model)).finish();
}
