import {
  inputsOf,
  isElementwise,
  type NetSpec,
  type Node,
  type NodeOf,
  nodesFor,
  type Param,
} from '../net.js';
import type { Size } from '../pixels.js';
import type { Tensor } from '../weights.js';
import type { Lowered } from './lowered.js';
import {
  type Axis,
  axisOf,
  type Folding,
  foldBias,
  foldedShape,
  foldFilters,
  isPlain,
  type Phases,
  paddedCells,
  plain,
  samePhases,
  wholeAxis,
} from './phases.js';
import { type Shape, shapesOf } from './shapes.js';
import { fewInputsWay, fewOutputsWay, type Winograd } from './winograd.js';

/** Ops on pictures folded into cells (see `phases.ts`), which stand in for ops of the net. */
export interface CellOps {
  /** A convolution with reflection padding whose params are folded. */
  cellConv: {
    readonly in: string;
    readonly weight: string;
    readonly bias?: string;
    /** The input is uint8 that stands for [0, 1]: bytes are padded in a fifth of the time. */
    readonly bytes: boolean;
    readonly folding: Folding;
    readonly rows: Axis;
    readonly columns: Axis;
  };
  /** Instance norm over all phases of a channel together. */
  cellNorm: Omit<NodeOf<'instanceNorm'>, 'op' | 'out'> & { readonly phases: Phases };
  /** Float in [0, 1] → uint8. */
  quantize: { readonly in: string };
  /** Cells back to the picture that they stand for. */
  unfold: { readonly in: string; readonly phases: Phases };
}
export type CellNode = {
  [K in keyof CellOps]: CellOps[K] & { readonly op: K; readonly out: string };
}[keyof CellOps];
export type CellNodeOf<K extends keyof CellOps> = Extract<CellNode, { op: K }>;

/** A convolution by mixtures of rows: its filters' columns are folded, their rows are as written. Only blocks know it. */
export interface MixedConv extends Omit<CellNodeOf<'cellConv'>, 'op' | 'rows'> {
  readonly op: 'mixedConv';
  readonly way: Winograd;
}

/** A layer of so few channels leaves most of a vector empty. */
const FEW_CHANNELS = 4;
const half: Phases = { y: 2, x: 2 };
/** Three channels in eight phases fill vectors of 8 and 24, where four phases would leave a quarter empty. */
const output: Phases = { y: 4, x: 2 };
/** The same where rows are mixed: in four columns they fill three quarters of two vectors, and rows are as they are. */
const mixedOutput: Phases = { y: 1, x: 4 };

type Conv = NodeOf<'conv'>;
const keepsItsSize = ({ pad, padMode }: Conv, [, , height, width]: readonly number[]) =>
  padMode === 'reflect' && height === width && height! % 2 === 1 && pad === (height! - 1) / 2;

/** How a convolution is folded, if it gains: input and output as the layers around it have them. */
function foldingOf(
  node: Conv,
  weight: readonly number[],
  { from, repeat, block }: { from: Phases; repeat: number; block: number | undefined },
): Folding | undefined {
  const [out, channels, size] = weight as [number, number, number];
  const { stride } = node;
  if (!keepsItsSize(node, weight)) return undefined;
  if (repeat === 2)
    return size === 3 && stride === 1 ? { size, stride, repeat, from: plain, to: half } : undefined;
  if (isPlain(from))
    return channels <= FEW_CHANNELS && size > 3 && stride === 1
      ? { size, stride, repeat, from, to: half }
      : undefined;
  if (stride === 2 && size === 3) return { size, stride, repeat, from, to: plain };
  const to = block && fewOutputsWay(weight, channels * from.x, block) ? mixedOutput : output;
  return out <= FEW_CHANNELS && size > 3 && stride === 1 ? { size, stride, repeat, from, to } : undefined;
}

/** By which mixtures of rows a folded convolution is computed, if by any. */
function wayOf(
  { from, to }: Folding,
  weight: readonly number[],
  { bytes, block }: { bytes: boolean; block: number | undefined },
): Winograd | undefined {
  if (!block) return undefined;
  const [outs, ins] = weight as [number, number];
  if (samePhases(to, mixedOutput)) return fewOutputsWay(weight, ins * from.x, block);
  return bytes && isPlain(from) ? fewInputsWay(weight, outs * to.x, block) : undefined;
}

/** Rewrites nodes one after the other, keeping in mind which tensors are folded. */
class Folder {
  readonly nodes: (Node | CellNode | MixedConv)[] = [];
  readonly params: Record<string, Param>;
  readonly folds = new Map<string, (tensor: Tensor) => Tensor>();
  readonly #phases = new Map<string, Phases>();
  /** Upsampled tensors and pictures in floats that nobody reads as such, and what they are made from. */
  readonly #repeats = new Map<string, string>();
  readonly #bytes = new Map<string, string>();
  readonly #unfolded = new Map<string, string>();

  constructor(
    readonly net: NetSpec,
    readonly shapes: ReadonlyMap<string, Shape>,
    readonly source: readonly Node[],
    readonly block: number | undefined,
  ) {
    this.params = { ...net.params };
  }

  phases(name: string): Phases {
    return this.#phases.get(name) ?? plain;
  }

  /** The tensor as a plain picture, unfolded once however many ask. */
  unfolded(name: string): string {
    const phases = this.phases(name);
    if (isPlain(phases)) return name;
    const out = `${name}/unfolded`;
    if (!this.#unfolded.has(name)) this.nodes.push({ op: 'unfold', in: name, phases, out });
    this.#unfolded.set(name, out);
    return out;
  }

  /** Shape of every tensor as it stands in the rewritten net. */
  foldedShapes(): Map<string, Shape> {
    const shapes = new Map(this.shapes);
    for (const [name, { x, y }] of this.#phases) {
      const [channels, height, width] = this.shapes.get(name)! as [number, number, number];
      shapes.set(name, [channels * x * y, height / y, width / x]);
    }
    for (const [name, out] of this.#unfolded) shapes.set(out, this.shapes.get(name)!);
    return shapes;
  }

  step(node: Node): void {
    if (node.op === 'upsample' && node.scale === 2 && this.#vanishes(node, 2))
      this.#repeats.set(node.out, node.in);
    else if (node.op === 'fromRgb8' && this.#vanishes(node, 1)) this.#bytes.set(node.out, node.in);
    else if (!(node.op === 'conv' && this.#conv(node))) this.#other(node);
  }

  /** Whether a tensor is read by folded convolutions alone, which make it themselves. */
  #vanishes({ in: input, out }: NodeOf<'upsample' | 'fromRgb8'>, repeat: number): boolean {
    const readers = this.source.filter((node) => inputsOf(node).includes(out));
    return (
      !Object.values(this.net.outputs).includes(out) &&
      readers.every((node) => node.op === 'conv' && this.#folding(node, input, repeat) !== undefined)
    );
  }

  #folding(node: Conv, input: string, repeat: number): Folding | undefined {
    const from = repeat === 1 ? this.phases(input) : plain;
    const { block } = this;
    const folding = foldingOf(node, this.net.params[node.weight]!.shape, { from, repeat, block });
    if (!folding || this.#shared(node)) return undefined;
    const sides = (name: string) => this.shapes.get(name)! as [number, number, number];
    const [, height, width] = sides(input);
    const [, outHeight, outWidth] = sides(node.out);
    const fits = (direction: 'y' | 'x', side: number, outSide: number) =>
      side * repeat === outSide * node.stride && outSide % folding.to[direction] === 0;
    const steps = (direction: 'y' | 'x', side: number) =>
      paddedCells(folding, direction, side / from[direction]) !== undefined;
    const rows = samePhases(folding.to, mixedOutput) || steps('y', height);
    return rows && steps('x', width) && fits('y', height, outHeight) && fits('x', width, outWidth)
      ? folding
      : undefined;
  }

  /** Whether another node reads the same params, so that they cannot be folded for this one. */
  #shared({ weight, bias }: Conv): boolean {
    const reads = (node: Node, name: string) =>
      Object.entries(node).some(([key, value]) => key !== 'out' && value === name);
    return [weight, bias].some((name) => name && this.source.filter((node) => reads(node, name)).length > 1);
  }

  #conv(node: Conv): boolean {
    const [repeated, bytes] = [this.#repeats.get(node.in), this.#bytes.get(node.in)];
    const input = repeated ?? bytes ?? node.in;
    const folding = this.#folding(node, input, repeated ? 2 : 1);
    if (!folding) return false;
    const { weight, bias, out } = node;
    const { shape } = this.net.params[weight]!;
    const way = wayOf(folding, shape, { bytes: bytes !== undefined, block: this.block });
    const rows = way ? wholeAxis(folding.size) : axisOf(folding, 'y')!;
    const columns = axisOf(folding, 'x')!;
    this.#fold(weight, foldedShape(shape, rows, columns), (tensor) => foldFilters(tensor, rows, columns));
    const { x } = folding.to;
    const y = way ? 1 : folding.to.y;
    if (bias)
      this.#fold(bias, [this.net.params[bias]!.shape[0]! * x * y], (tensor) => foldBias(tensor, { y, x }));
    const from = isPlain(folding.from) ? this.unfolded(input) : input;
    const about = { in: from, bytes: bytes !== undefined, weight, ...(bias ? { bias } : {}), folding };
    this.nodes.push(
      way
        ? { op: 'mixedConv', ...about, columns, way, out }
        : { op: 'cellConv', ...about, rows, columns, out },
    );
    if (!isPlain(folding.to)) this.#phases.set(out, folding.to);
    return true;
  }

  #fold(name: string, shape: readonly number[], fold: (tensor: Tensor) => Tensor): void {
    this.params[name] = { ...this.net.params[name]!, shape };
    this.folds.set(name, fold);
  }

  #other(node: Node): void {
    const phases = 'in' in node ? this.phases(node.in) : plain;
    if (isElementwise(node)) {
      this.nodes.push(node);
      this.#phases.set(node.out, phases);
      return;
    }
    switch (node.op) {
      case 'toRgb8':
        this.nodes.push({ ...node, op: 'quantize' });
        this.#phases.set(node.out, phases);
        return;
      case 'instanceNorm':
        this.nodes.push(isPlain(phases) ? node : { ...node, op: 'cellNorm', phases });
        this.#phases.set(node.out, phases);
        return;
      case 'add': {
        const same = samePhases(phases, this.phases(node.with));
        this.nodes.push(
          same ? node : { ...node, in: this.unfolded(node.in), with: this.unfolded(node.with) },
        );
        if (same) this.#phases.set(node.out, phases);
        return;
      }
      case 'concat':
        this.nodes.push({ ...node, ins: node.ins.map((name) => this.unfolded(name)) });
        return;
      default:
        this.nodes.push({ ...node, in: this.unfolded(node.in) });
    }
  }
}

function folded(
  net: NetSpec,
  outputs: readonly string[],
  size: Size,
  block?: number,
): Lowered<Node | CellNode | MixedConv> | undefined {
  const shapes = shapesOf(net, size);
  const folder = new Folder(net, shapes, nodesFor(net, outputs), block);
  for (const node of folder.source) folder.step(node);
  if (folder.folds.size === 0) return undefined;
  const outs = Object.fromEntries(outputs.map((name) => [name, folder.unfolded(net.outputs[name]!)]));
  return {
    outputs: outs,
    nodes: folder.nodes,
    params: folder.params,
    shapes: folder.foldedShapes(),
    fold: (weights) =>
      new Map([...weights].map(([name, tensor]) => [name, folder.folds.get(name)?.(tensor) ?? tensor])),
  };
}

/**
 * The part of a net that some outputs need with its full-size layers at half size and less, for pictures of one size;
 * undefined where nothing of it gains.
 */
export const halfResolution = (net: NetSpec, outputs: readonly string[], size: Size) =>
  folded(net, outputs, size) as Lowered<Node | CellNode> | undefined;

/** The same for blocks of so many channels (see `blocked`): some layers mix rows. */
export const halfResolutionMixed = (net: NetSpec, outputs: readonly string[], size: Size, block: number) =>
  folded(net, outputs, size, block);
