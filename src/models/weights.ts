import { BadInput } from '../errors.js';
import { floatToHalf, halfTable } from './half.js';
import type { Param } from './net.js';
import { sizeOf } from './net.js';

/** One block of numbers, row-major, float32 in memory whatever it was at rest. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Named tensors: a net's own params, a style's, a loss network's. Convolutions are [out, in, height, width]. */
export type Weights = ReadonlyMap<string, Tensor>;

/** What a safetensors file holds: tensors, and free text about them. */
export interface WeightsFile {
  readonly weights: Weights;
  readonly metadata: Readonly<Record<string, string>>;
}

/** How numbers lie in a file. Readers take all; writers choose. */
export type StoredType = 'F16' | 'F32';

/** Far above what any net here needs; the format itself allows 100 MB, which as JSON could take gigabytes. */
const MAX_HEADER = 2 * 1024 * 1024;
/** Header, entry, shape: a valid header nests no deeper. */
const MAX_DEPTH = 3;
const MAX_RANK = 8;
const bytesOf: Readonly<Record<string, number>> = { F32: 4, F16: 2, BF16: 2 };

function decode(type: string, bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.byteLength / bytesOf[type]!;
  const out = new Float32Array(count);
  if (type === 'F32') for (let i = 0; i < count; i++) out[i] = view.getFloat32(4 * i, true);
  else if (type === 'F16') {
    const floats = halfTable();
    for (let i = 0; i < count; i++) out[i] = floats[view.getUint16(2 * i, true)]!;
  } else {
    const bits = new Uint32Array(out.buffer);
    for (let i = 0; i < count; i++) bits[i] = view.getUint16(2 * i, true) << 16;
  }
  return out;
}

function encode(type: StoredType, data: Float32Array): Uint8Array {
  const out = new Uint8Array(data.length * bytesOf[type]!);
  const view = new DataView(out.buffer);
  // Counted, not iterated: a model of the paper has two hundred million numbers.
  const { length } = data;
  if (type === 'F32') for (let i = 0; i < length; i++) view.setFloat32(4 * i, data[i]!, true);
  else for (let i = 0; i < length; i++) view.setUint16(2 * i, floatToHalf(data[i]!), true);
  return out;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** A value of the header as messages show it: on one line, short. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'missing';
  return text.length > 80 ? `${text.slice(0, 76)}…` : text;
}

type Fail = (why: string) => BadInput;

interface Entry {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  readonly from: number;
  readonly to: number;
}

function readEntry(name: string, raw: unknown, fail: Fail): Entry {
  if (!isRecord(raw)) throw fail(`the entry of tensor ${shown(name)} is not an object`);
  const { dtype, shape, data_offsets: offsets } = raw;
  if (typeof dtype !== 'string' || !Object.hasOwn(bytesOf, dtype))
    throw fail(`tensor ${shown(name)} is of type ${shown(dtype)}, known are F32, F16 and BF16`);
  if (!Array.isArray(shape) || shape.length > MAX_RANK || !shape.every(isCount))
    throw fail(`tensor ${shown(name)} has no valid shape`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount))
    throw fail(`tensor ${shown(name)} has no valid offsets`);
  const [from, to] = offsets as [number, number];
  if (to - from !== sizeOf(shape) * bytesOf[dtype]!)
    throw fail(`tensor ${shown(name)} does not have as many bytes as its shape needs`);
  return { name, type: dtype, shape: shape as number[], from, to };
}

const failure =
  (what: string): Fail =>
  (why) =>
    new BadInput(`${what} is not a valid safetensors file: ${why}.`);

/** Whether JSON text nests deeper than a header may; known before a parser builds anything. */
function tooDeep(json: Uint8Array): boolean {
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < json.length; i++) {
    const char = json[i];
    if (quoted) {
      if (char === 0x5c) i++;
      else if (char === 0x22) quoted = false;
    } else if (char === 0x22) quoted = true;
    else if (char === 0x7b || char === 0x5b) {
      if (++depth > MAX_DEPTH) return true;
    } else if (char === 0x7d || char === 0x5d) depth--;
  }
  return false;
}

/** The JSON at the start of a file, and where the numbers begin. `file` may be cut after the header. */
function readHeader(file: Uint8Array, fail: Fail): { header: Record<string, unknown>; start: number } {
  if (file.byteLength < 8) throw fail('it is shorter than its header');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(Math.min(MAX_HEADER, file.byteLength - 8)))
    throw fail(`its header claims ${length} bytes, more than there are or are allowed`);
  const start = 8 + Number(length);
  if (tooDeep(file.subarray(8, start))) throw fail('its header is nested too deeply');
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.subarray(8, start)));
  } catch {
    throw fail('its header is not JSON');
  }
  if (!isRecord(header)) throw fail('its header is not a JSON object');
  return { header, start };
}

function metadataOf(header: Record<string, unknown>, fail: Fail): Record<string, string> {
  const { __metadata__: metadata = {} } = header;
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string'))
    throw fail('its metadata is not text');
  return metadata as Record<string, string>;
}

/** What a safetensors file says of itself, from its first bytes: the tensors need not be there. @throws BadInput */
export function readMetadata(start: Uint8Array, what = 'The weights file'): Record<string, string> {
  const fail = failure(what);
  return metadataOf(readHeader(start, fail).header, fail);
}

/** How many bytes a whole safetensors file has, from its first bytes. @throws BadInput */
export function wholeSize(start: Uint8Array, what = 'The weights file'): number {
  const fail = failure(what);
  const { header, start: at } = readHeader(start, fail);
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__');
  return entries.reduce((most, [name, raw]) => Math.max(most, at + readEntry(name, raw, fail).to), at);
}

/**
 * Reads safetensors: u64 header length, JSON header, bytes without holes (huggingface/safetensors, format 0.4).
 * @throws BadInput with the reason, for anything else. Nothing is allocated before it is known to fit.
 */
export function readWeights(file: Uint8Array, what = 'The weights file'): WeightsFile {
  const fail = failure(what);
  const { header, start } = readHeader(file, fail);
  const metadata = metadataOf(header, fail);
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, raw]) => readEntry(name, raw, fail));
  entries.sort((a, b) => a.from - b.from || a.to - b.to);
  let end = 0;
  for (const { name, from, to } of entries) {
    if (from !== end) throw fail(`tensor ${shown(name)} overlaps another or leaves a hole`);
    end = to;
  }
  if (start + end !== file.byteLength)
    throw fail(`it has ${file.byteLength - start} bytes of numbers where its header names ${end}`);

  const weights = new Map<string, Tensor>();
  for (const { name, type, shape, from, to } of entries)
    weights.set(name, { shape, data: decode(type, file.subarray(start + from, start + to)) });
  return { weights, metadata };
}

/** Writes safetensors, tensors in the order of the map, the data aligned to 8 bytes. Numbers are halves unless told otherwise. */
export function writeWeights(
  weights: Weights,
  metadata: Readonly<Record<string, string>> = {},
  type: StoredType = 'F16',
): Uint8Array {
  const header: [name: string, entry: unknown][] = [['__metadata__', metadata]];
  const blocks: Uint8Array[] = [];
  let end = 0;
  for (const [name, { shape, data }] of weights) {
    const bytes = encode(type, data);
    header.push([name, { dtype: type, shape, data_offsets: [end, end + bytes.byteLength] }]);
    blocks.push(bytes);
    end += bytes.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const padded = Math.ceil(json.byteLength / 8) * 8;
  const file = new Uint8Array(8 + padded + end).fill(0x20, 8, 8 + padded);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.set(json, 8);
  let at = 8 + padded;
  for (const block of blocks) {
    file.set(block, at);
    at += block.byteLength;
  }
  return file;
}

/** The numbers as a file of halves would give them back. */
export function halved(weights: Weights): Weights {
  const floats = halfTable();
  return new Map(
    [...weights].map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((value) => floats[floatToHalf(value)]!) },
    ]),
  );
}

/** A plain loop: ten times as fast as `every`, for each frame of a fade. */
function allFinite(data: Float32Array): boolean {
  for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i])) return false;
  return true;
}

/** What keeps `weights` from being exactly the finite tensors that `params` names; undefined when nothing does. */
export function mismatch(weights: Weights, params: Readonly<Record<string, Param>>): string | undefined {
  for (const [name, { shape }] of Object.entries(params)) {
    const tensor = weights.get(name);
    if (!tensor) return `tensor ${name} is missing`;
    if (tensor.shape.join() !== shape.join())
      return `tensor ${name} is [${tensor.shape.join(', ')}] where the net wants [${shape.join(', ')}]`;
    if (tensor.data.length !== sizeOf(shape)) return `tensor ${name} has ${tensor.data.length} numbers`;
    if (!allFinite(tensor.data)) return `tensor ${name} holds numbers that are not finite`;
  }
  for (const name of weights.keys())
    if (!Object.hasOwn(params, name)) return `tensor ${name} is not of this net`;
  return undefined;
}

/** The params of a net that come from one side, as `mismatch` wants them. */
export function paramsFrom(
  params: Readonly<Record<string, Param>>,
  from: Param['from'],
): Record<string, Param> {
  return Object.fromEntries(Object.entries(params).filter(([, param]) => param.from === from));
}

/** Tensors whose names start with `prefix`, the prefix taken off. */
export function withPrefix(weights: Weights, prefix: string): Map<string, Tensor> {
  const out = new Map<string, Tensor>();
  for (const [name, tensor] of weights)
    if (name.startsWith(prefix)) out.set(name.slice(prefix.length), tensor);
  return out;
}

/** The same tensors under names that start with `prefix`. */
export function prefixed(weights: Weights, prefix: string): Map<string, Tensor> {
  return new Map([...weights].map(([name, tensor]) => [prefix + name, tensor]));
}

/** Sum of weights times their shares, tensor by tensor: how styles are mixed. All must have the same names and shapes. */
export function blendWeights(parts: readonly { weights: Weights; share: number }[]): Weights {
  const [first] = parts;
  if (!first) throw new BadInput('There is nothing to mix: no style was given.');
  const out = new Map<string, Tensor>();
  for (const [name, { shape, data }] of first.weights) {
    const sum = new Float32Array(data.length);
    for (const { weights, share } of parts) {
      const other = weights.get(name);
      if (other?.data.length !== sum.length)
        throw new BadInput(
          `These styles are not of one net: tensor ${name} differs, so they cannot be mixed.`,
        );
      for (let i = 0; i < sum.length; i++) sum[i] = sum[i]! + share * other.data[i]!;
    }
    out.set(name, { shape, data: sum });
  }
  return out;
}
