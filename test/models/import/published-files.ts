import { zipSync } from 'fflate';
import h5 from 'h5wasm/node';
import { Random } from '../../../src/models/train/random.js';

/** A convolution by where a number stands in its filter, whatever the order of the file. */
export interface Convolution {
  readonly name: string;
  readonly channels: number;
  readonly filters: number;
  /** Weight of filter `o` for channel `i` at row `y`, column `x`. */
  readonly at: (o: number, i: number, y: number, x: number) => number;
  readonly bias: readonly number[];
}

/** Random convolutions: `[name, filters]` in a row, from a picture's three channels on. */
export function convolutions(
  layers: readonly (readonly [name: string, filters: number])[],
  seed = 1,
): Convolution[] {
  let channels = 3;
  return layers.map(([name, filters]) => {
    const random = Random.from(seed, name);
    const [inputs, numbers] = [
      channels,
      Array.from({ length: filters * channels * 9 }, () => random.normal() / 3),
    ];
    channels = filters;
    return {
      ...{ name, channels: inputs, filters, bias: Array.from({ length: filters }, () => random.normal()) },
      at: (o, i, y, x) => numbers[((o * inputs + i) * 3 + y) * 3 + x]!,
    };
  });
}

/** A filter as TensorFlow lays it out: [height, width, in, out]. */
export function inKerasOrder({ channels, filters, at }: Convolution): Float32Array {
  const out: number[] = [];
  for (let y = 0; y < 3; y++)
    for (let x = 0; x < 3; x++)
      for (let i = 0; i < channels; i++) for (let o = 0; o < filters; o++) out.push(at(o, i, y, x));
  return Float32Array.from(out);
}

/** A filter as PyTorch lays it out: [out, in, height, width]. */
export function inTorchOrder({ channels, filters, at }: Convolution): Float32Array {
  const out: number[] = [];
  for (let o = 0; o < filters; o++)
    for (let i = 0; i < channels; i++)
      for (let y = 0; y < 3; y++) for (let x = 0; x < 3; x++) out.push(at(o, i, y, x));
  return Float32Array.from(out);
}

export interface Dataset {
  readonly path: string;
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array;
}

/** Writes an HDF5 file, the groups of each path made as needed. */
export async function writeH5(path: string, datasets: readonly Dataset[]): Promise<void> {
  await h5.ready;
  const file = new h5.File(path, 'w');
  for (const { path: name, shape, data } of datasets) {
    const folders = name.split('/');
    const last = folders.pop()!;
    let group: InstanceType<typeof h5.Group> = file;
    for (const folder of folders)
      group = group.keys().includes(folder)
        ? (group.get(folder) as InstanceType<typeof h5.Group>)
        : group.create_group(folder);
    group.create_dataset({ name: last, shape: [...shape], data });
  }
  file.close();
}

/** Where a version of Keras puts the filter and the bias of a layer. */
export type KerasPaths = (layer: string, index: number) => readonly [kernel: string, bias: string];

export const kerasPaths: Readonly<Record<string, KerasPaths>> = {
  'Keras 1': (layer) => [`${layer}/${layer}_W_1:0`, `${layer}/${layer}_b_1:0`],
  'Keras 2': (layer) => [`${layer}/${layer}/kernel:0`, `${layer}/${layer}/bias:0`],
  'a whole model of Keras 2': (layer) => [
    `model_weights/${layer}/${layer}/kernel:0`,
    `model_weights/${layer}/${layer}/bias:0`,
  ],
  'a model in a model': (layer) => [
    `model_weights/vgg16/${layer}/kernel:0`,
    `model_weights/vgg16/${layer}/bias:0`,
  ],
};

/** `conv1_1` as Keras calls it. */
export const kerasLayer = (name: string): string => name.replace(/^conv(\d)_(\d)$/, 'block$1_conv$2');

export const kerasDatasets = (layers: readonly Convolution[], paths: KerasPaths): Dataset[] =>
  layers.flatMap((layer, index) => {
    const [kernel, bias] = paths(kerasLayer(layer.name), index);
    return [
      { path: kernel, shape: [3, 3, layer.channels, layer.filters], data: inKerasOrder(layer) },
      { path: bias, shape: [layer.filters], data: Float32Array.from(layer.bias) },
    ];
  });

/** A tensor of a checkpoint; `strides` where they are not those of its shape. */
export interface TorchTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly type?: string;
  readonly strides?: readonly number[];
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

export const torchTensor = (name: string, shape: readonly number[], data: Float32Array): TorchTensor => ({
  ...{ name, shape, bytes: bytesOf(data), count: data.length },
});

/** Convolutions under torchvision's names, `indices` their places among the features. */
export const torchTensors = (
  layers: readonly Convolution[],
  indices: readonly number[],
  prefix = 'features.',
) =>
  layers.flatMap((layer, i) => [
    torchTensor(`${prefix}${indices[i]}.weight`, [layer.filters, layer.channels, 3, 3], inTorchOrder(layer)),
    torchTensor(`${prefix}${indices[i]}.bias`, [layer.filters], Float32Array.from(layer.bias)),
  ]);

const ascii = (text: string) => [...new TextEncoder().encode(text)];
const u32 = (value: number) => [...new Uint8Array(Uint32Array.of(value).buffer)];
/** Opcodes of pickle's protocol 2, one function each. */
export const pickle = {
  start: [0x80, 2],
  stop: ascii('.'),
  text: (text: string) => [0x58, ...u32(ascii(text).length), ...ascii(text)],
  int: (value: number) => [0x4a, ...u32(value)],
  tuple: (items: readonly number[][]) => [...ascii('('), ...items.flat(), ...ascii('t')],
  named: (module: string, name: string) => ascii(`c${module}\n${name}\n`),
  call: (callable: readonly number[], args: readonly number[]) => [...callable, ...args, ...ascii('R')],
  dict: (pairs: readonly number[][]) => [...ascii('}('), ...pairs.flat(), ...ascii('u')],
  list: (items: readonly number[][]) => [...ascii(']('), ...items.flat(), ...ascii('e')],
  none: ascii('N'),
  no: [0x89],
};

const { start, stop, text, int, tuple, named, call, none, no } = pickle;
const orderedDict = (pairs: readonly number[][]) => [
  ...call(named('collections', 'OrderedDict'), tuple([])),
  ...ascii('('),
  ...pairs.flat(),
  ...ascii('u'),
];
const stridesOf = (shape: readonly number[]) =>
  shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));

function tensor(given: TorchTensor, key: number, legacy: boolean): number[] {
  const { shape, count, type = 'FloatStorage', strides = stridesOf(shape) } = given;
  const id = [text('storage'), named('torch', type), text(String(key)), text('cpu'), int(count)];
  const args = [
    [...tuple(legacy ? [...id, none] : id), ...ascii('Q')],
    int(0),
    tuple(shape.map(int)),
    tuple(strides.map(int)),
    no,
    orderedDict([]),
  ];
  return call(named('torch._utils', '_rebuild_tensor_v2'), tuple(args));
}

/** The pickle of a state dict. `wrap` may put it into something else. */
function statePickle(
  tensors: readonly TorchTensor[],
  legacy: boolean,
  wrap: (dict: number[]) => number[] = (dict) => dict,
): number[] {
  const dict = orderedDict(tensors.map((one, key) => [...text(one.name), ...tensor(one, key, legacy)]));
  return [...start, ...wrap(dict), ...stop];
}

/** A file as PyTorch writes it since 1.6. */
export function torchZip(tensors: readonly TorchTensor[], wrap?: (dict: number[]) => number[]): Uint8Array {
  const files = tensors.map(({ bytes }, key): [string, Uint8Array] => [`archive/data/${key}`, bytes]);
  const data = Uint8Array.from(statePickle(tensors, false, wrap));
  return zipSync({ 'archive/data.pkl': data, ...Object.fromEntries(files) }, { level: 0 });
}

/** A file as PyTorch wrote it before 1.6. */
export function torchLegacy(tensors: readonly TorchTensor[]): Uint8Array {
  const magic = [0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
  const machine = pickle.dict([[...text('little_endian'), 0x88]]);
  const keys = pickle.list(tensors.map((_, key) => text(String(key))));
  const pickles = [magic, int(1001), machine].flatMap((body) => [...start, ...body, ...stop]);
  const storages = tensors.flatMap(({ bytes, count }) => [...u32(count), ...u32(0), ...bytes]);
  return Uint8Array.from([
    ...pickles,
    ...statePickle(tensors, true),
    ...start,
    ...keys,
    ...stop,
    ...storages,
  ]);
}
