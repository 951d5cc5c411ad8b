import { attribute } from './onnx-proto.js';
import type { GraphWriter } from './onnx-writer.js';

const { int, text, ints } = attribute;
/** Of the runtime's own operators on blocks of channels. */
export const domain = 'com.microsoft.nchwc';
const names = { relu: 'Relu', tanh: 'Tanh', sigmoid: 'Sigmoid' } as const;

/** What a convolution on blocks is told besides its tensors. */
export interface ConvShape {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly pads?: readonly number[];
  readonly group?: number;
  readonly activation?: keyof typeof names;
}

/** Adds a convolution on blocks to a graph. */
export const conv = (
  graph: GraphWriter,
  inputs: string[],
  out: string,
  { kernel, strides, pads = [0, 0, 0, 0], group = 1, activation }: ConvShape,
): string =>
  graph.node(
    'Conv',
    inputs,
    out,
    [
      ints('kernel_shape', kernel),
      ints('strides', strides),
      ints('pads', pads),
      int('group', group),
      ...(activation ? [text('activation', names[activation])] : []),
    ],
    domain,
  );
