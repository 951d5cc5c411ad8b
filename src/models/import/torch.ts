import { BadInput } from '../../errors.js';
import { readWhole } from '../files.js';
import { halfTable } from '../half.js';
import { sizeOf } from '../net.js';
import type { Tensor, Weights } from '../weights.js';
import { openPickles, type Storage, stateDict, type View } from './pickle.js';

const MAX_BYTES = 2e9;
const MAX_ENTRIES = 10_000;

/** Bytes of a number, and how to read an array of them, by PyTorch's name of the storage. */
const types: Readonly<Record<string, { size: number; read: (bytes: ArrayBuffer) => Float32Array }>> = {
  FloatStorage: { size: 4, read: (bytes) => new Float32Array(bytes) },
  DoubleStorage: { size: 8, read: (bytes) => new Float32Array(new Float64Array(bytes)) },
  HalfStorage: {
    size: 2,
    read: (bytes) => {
      const [halves, floats] = [new Uint16Array(bytes), halfTable()];
      const out = new Float32Array(halves.length);
      for (let i = 0; i < out.length; i++) out[i] = floats[halves[i]!]!;
      return out;
    },
  },
  BFloat16Storage: {
    size: 2,
    read: (bytes) => {
      const bits = new Uint32Array(new Uint16Array(bytes));
      for (let i = 0; i < bits.length; i++) bits[i]! <<= 16;
      return new Float32Array(bits.buffer);
    },
  },
};

/** Sizes of the other types: they are passed over, but they take room in old files. */
const otherSizes: Readonly<Record<string, number>> = {
  ...{ LongStorage: 8, IntStorage: 4, ShortStorage: 2, CharStorage: 1, ByteStorage: 1, BoolStorage: 1 },
};

/** The bytes of one storage. Undefined when the file has none under that key. */
type Lookup = (storage: Storage) => Uint8Array | undefined;

/** Filters and biases; what a VGG has beyond them (its classifier, counters) is no use here. */
const isOfUse = ({ shape, storage }: View): boolean =>
  (shape.length === 4 || shape.length === 1) && Object.hasOwn(types, storage.type);

/** Strides of numbers that lie in the order of their shape. */
const plainStrides = (shape: readonly number[]): number[] =>
  shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));

/** Takes the numbers of a view in the order of its shape, whatever its strides. */
function gather({ shape, strides, offset }: View, numbers: Float32Array): Float32Array {
  if (strides.join() === plainStrides(shape).join()) return numbers.slice(offset, offset + sizeOf(shape));
  const out = new Float32Array(sizeOf(shape));
  const index = shape.map(() => 0);
  let from = offset;
  for (let to = 0; to < out.length; to++) {
    out[to] = numbers[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

function tensorOf(name: string, view: View, lookup: Lookup, what: string): Tensor {
  const { shape, strides, offset, storage } = view;
  const last = shape.reduce((sum, side, axis) => sum + (side - 1) * strides[axis]!, offset);
  const { size, read } = types[storage.type]!;
  const bytes = lookup(storage);
  // Also keeps strides of zero from making much of little.
  if (!shape.every((side) => side > 0) || sizeOf(shape) > storage.count || last >= storage.count)
    throw new BadInput(`${what} describes ${name} in a way that does not fit its numbers.`);
  if (bytes?.byteLength !== storage.count * size) throw new BadInput(`${what} lacks numbers of ${name}.`);
  return { shape, data: gather(view, read(new Uint8Array(bytes).buffer)) };
}

function tensorsOf(views: ReadonlyMap<string, View>, lookup: Lookup, what: string): Weights {
  const useful = [...views].filter(([, view]) => isOfUse(view));
  return new Map(useful.map(([name, view]) => [name, tensorOf(name, view, lookup, what)]));
}

/** Since PyTorch 1.6: a zip file, nothing in it compressed, with `<name>/data.pkl` and a `<name>/data/<key>` for each storage. */
async function readZip(bytes: Uint8Array, what: string): Promise<Weights> {
  const { unzipSync } = await import('fflate');
  const take = (wanted: (path: string) => boolean): Map<string, Uint8Array> => {
    let entries = 0;
    const files = unzipSync(bytes, {
      filter: ({ name, compression }) => {
        if (++entries > MAX_ENTRIES) throw new BadInput(`${what} has too many files in it.`);
        const path = name.slice(name.indexOf('/') + 1);
        if (!wanted(path)) return false;
        if (compression !== 0) throw new BadInput(`${what} is compressed, which PyTorch never does.`);
        return true;
      },
    });
    return new Map(Object.entries(files).map(([name, file]) => [name.slice(name.indexOf('/') + 1), file]));
  };
  const start = take((path) => path === 'data.pkl' || path === 'byteorder');
  const pickle = start.get('data.pkl');
  if (!pickle) throw new BadInput(`${what} is a zip file, but not one of PyTorch.`);
  const order = start.get('byteorder');
  if (order && new TextDecoder().decode(order).trim() !== 'little')
    throw new BadInput(`${what} was saved on a machine with another order of bytes.`);
  const views = stateDict((await openPickles(pickle)).next(), what);
  const keys = new Set([...views.values()].filter(isOfUse).map(({ storage }) => `data/${storage.key}`));
  const storages = take((path) => keys.has(path));
  return tensorsOf(views, ({ key }) => storages.get(`data/${key}`), what);
}

/** A pickle of the long number with which old checkpoints begin, after the two bytes of its protocol. */
const LEGACY = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
const LEGACY_VERSION = 1001;

/**
 * Before PyTorch 1.6, torchvision's published files among them: pickles of a magic number, a version, the machine, the
 * object and the list of its storages; then each storage, a count of 64 bits before its numbers.
 */
async function readLegacy(bytes: Uint8Array, what: string): Promise<Weights> {
  const start = 2 + LEGACY.length;
  const pickles = await openPickles(bytes.subarray(start));
  const [version, machine, root, keys] = [pickles.next(), pickles.next(), pickles.next(), pickles.next()];
  if (version !== LEGACY_VERSION || (machine instanceof Map && machine.get('little_endian') === false))
    throw new BadInput(`${what} is of a version or a machine that Livebrush does not know.`);
  const views = stateDict(root, what);
  const known = new Map([...views.values()].map(({ storage }) => [storage.key, storage]));
  const storages = new Map<string, Uint8Array>();
  const numbers = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = start + pickles.position;
  for (const key of Array.isArray(keys) ? keys : []) {
    const storage = known.get(key);
    const size = storage && (types[storage.type]?.size ?? otherSizes[storage.type]);
    if (!storage || size === undefined) throw new BadInput(`${what} holds numbers of an unknown kind.`);
    if (numbers.getBigUint64(at, true) !== BigInt(storage.count))
      throw new BadInput(`${what} holds another count of numbers than it says.`);
    storages.set(key, bytes.subarray(at + 8, at + 8 + size * storage.count));
    at += 8 + size * storage.count;
  }
  return tensorsOf(views, ({ key }) => storages.get(key), what);
}

const startsWith = (bytes: Uint8Array, start: readonly number[], at = 0): boolean =>
  start.every((byte, i) => bytes[at + i] === byte);

/** Whether a file begins as the zip file or the pickle that PyTorch writes. */
export const isTorch = (start: Uint8Array): boolean => isZip(start) || isLegacy(start);
const isZip = (start: Uint8Array) => startsWith(start, [0x50, 0x4b, 0x03, 0x04]);
const isLegacy = (start: Uint8Array) => start[0] === 0x80 && startsWith(start, LEGACY, 2);

/**
 * Tensors of one and of four axes in a checkpoint of PyTorch, by name. Nothing in the file is executed.
 * @throws BadInput for anything else, Unsupported without the packages that read it.
 */
export async function readTorch(path: string, what: string): Promise<Weights> {
  const bytes = await readWhole(path, MAX_BYTES);
  try {
    return await (isZip(bytes) ? readZip : readLegacy)(bytes, what);
  } catch (cause) {
    if (cause instanceof BadInput || !(cause instanceof Error)) throw cause;
    throw new BadInput(`${what} is not a valid file of PyTorch.`, { hint: 'Fetch it again.', cause });
  }
}
