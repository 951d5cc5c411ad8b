import { BadInput } from '../../errors.js';
import { floatToHalf, halfToFloat } from '../half.js';
import type { Tensor, Weights } from '../weights.js';

/** Types of TensorFlow that a graph of ours needs. */
export type DataType = 'DT_FLOAT' | 'DT_INT32';

/** A value of a node's attribute (AttrValue of tensorflow.proto as JSON). */
export type Attribute = Readonly<Record<string, unknown>>;

/** An operator with its inputs by name (NodeDef). */
export interface TfNode {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly attr: Readonly<Record<string, Attribute>>;
}

/** An entry of weightsManifest. */
interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  readonly quantization?: { readonly dtype: 'float16'; readonly original_dtype: 'float32' };
}

export const type = (name: DataType): Attribute => ({ type: name });
export const flag = (b: boolean): Attribute => ({ b });
export const text = (s: string): Attribute => ({ s: Buffer.from(s).toString('base64') });
export const integers = (values: readonly number[]): Attribute => ({ list: { i: values.map(String) } });
export const shape = (sides: readonly number[]): Attribute => ({
  shape: { dim: sides.map((size) => ({ size: String(size) })) },
});

/** A filter [out, in, height, width] as TensorFlow lays it: [height, width, in, out]. */
function turned({ shape: sides, data }: Tensor): Tensor {
  if (sides.length !== 4) return { shape: sides, data };
  const [out, channels, height, width] = sides as [number, number, number, number];
  const made = new Float32Array(data.length);
  let i = 0;
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < channels; c++)
        for (let o = 0; o < out; o++) made[i++] = data[((o * channels + c) * height + y) * width + x]!;
  return { shape: [height, width, channels, out], data: made };
}

/** Numbers as bytes: as halves where that loses nothing, which is so for all that was stored as halves. */
function stored(data: Float32Array): { bytes: Uint8Array; halves: boolean } {
  const halves = Uint16Array.from(data, floatToHalf);
  if (data.every((value, i) => halfToFloat(halves[i]!) === value))
    return { bytes: new Uint8Array(halves.buffer), halves: true };
  return { bytes: new Uint8Array(data.slice().buffer), halves: false };
}

/** Collects the nodes and constants of a GraphDef. Every method returns the name of the tensor it adds. */
export class TfWriter {
  readonly nodes: TfNode[] = [];
  readonly entries = new Map<string, { entry: Entry; bytes: Uint8Array }>();

  constructor(readonly weights: Weights) {}

  node(
    op: string,
    input: readonly string[],
    name: string,
    attr: TfNode['attr'] = { T: type('DT_FLOAT') },
  ): string {
    this.nodes.push({ name, op, input, attr });
    return name;
  }

  #constant(entry: Entry, bytes: Uint8Array): string {
    const { name, dtype } = entry;
    if (this.entries.has(name)) return name;
    this.entries.set(name, { entry, bytes });
    const kind = dtype === 'int32' ? 'DT_INT32' : 'DT_FLOAT';
    return this.node('Const', [], name, {
      dtype: type(kind),
      value: { tensor: { dtype: kind, tensorShape: (shape(entry.shape) as { shape: unknown }).shape } },
    });
  }

  number(value: number): string {
    const bytes = new Uint8Array(Float32Array.of(value).buffer);
    return this.#constant({ name: `number_${this.#plain(value)}`, shape: [], dtype: 'float32' }, bytes);
  }

  /** Whole numbers, in rows of `columns` if given. */
  integers(values: readonly number[], columns?: number): string {
    const sides = columns ? [values.length / columns, columns] : [values.length];
    const name = `integers_${values.map((value) => this.#plain(value)).join('_')}`;
    return this.#constant(
      { name, shape: sides, dtype: 'int32' },
      new Uint8Array(Int32Array.from(values).buffer),
    );
  }

  /** A param of the net. @throws BadInput when its numbers are not given. */
  param(name: string): string {
    const tensor = this.weights.get(name);
    if (!tensor) throw new BadInput(`The weights hold no ${name}, so the graph cannot be written.`);
    const { shape: sides, data } = turned(tensor);
    const { bytes, halves } = stored(data);
    const quantization = { dtype: 'float16', original_dtype: 'float32' } as const;
    return this.#constant(
      { name, shape: sides, dtype: 'float32', ...(halves ? { quantization } : {}) },
      bytes,
    );
  }

  /** A number as a part of a name, in which TensorFlow takes letters, digits, dots and underscores. */
  #plain(value: number): string {
    return String(value).replace('-', 'minus').replace('+', '');
  }
}
