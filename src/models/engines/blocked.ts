import { inputsOf, isElementwise, type Node, type NodeOf, type Param } from '../net.js';
import type { Tensor } from '../weights.js';
import type { Activation, AnyNode, Conv, Norm } from './block-ops.js';
import {
  blockedShape,
  blockFilters,
  blockNumbers,
  isPhaseMajor,
  type Order,
  orderOf,
  phaseCount,
  phasesApart,
  sameOrder,
} from './blocks.js';
import { cornerFilters, cornerShape, yieldsCorners } from './corners.js';
import type { CellNode, MixedConv } from './half-resolution.js';
import type { Lowered } from './lowered.js';
import { type Folding, type Phases, plain } from './phases.js';
import type { Shape } from './shapes.js';
import { mixedBias, mixedFilters, mixedShape, winogradFor } from './winograd.js';

/** What is put into blocks. */
type Source = Node | CellNode | MixedConv;

const isConv = (node: Source): node is Conv => node.op === 'conv' || node.op === 'cellConv';
const readBy = (node: Source): readonly string[] =>
  isConv(node) || !('ins' in node || 'with' in node) ? [node.in] : inputsOf(node);

/** A convolution that is not folded, told as one that is. */
const foldingOf = (conv: Conv, size: number): Folding =>
  conv.op === 'cellConv' ? conv.folding : { size, stride: conv.stride, repeat: 1, from: plain, to: plain };

/** Rewrites nodes one after the other, keeping in mind which tensors stand in blocks. */
class Blocker {
  readonly nodes: AnyNode[] = [];
  readonly params: Record<string, Param>;
  readonly shapes: Map<string, Shape>;
  readonly folds = new Map<string, (tensor: Tensor) => Tensor>();
  readonly #orders = new Map<string, Order>();
  readonly #converted = new Set<string>();
  readonly #readers = new Map<string, Source[]>();
  readonly #uses = new Map<string, number>();
  readonly #levelled = new Set<string>();
  readonly #corners = new Set<string>();
  /** Nodes that are done by one before them. */
  readonly #done = new Set<Source>();
  /** Whether a convolution could not be put into blocks that knows no other way. */
  failed = false;

  constructor(
    readonly source: Lowered<Source>,
    readonly block: number,
  ) {
    this.params = { ...source.params };
    this.shapes = new Map(source.shapes);
    for (const node of source.nodes) {
      for (const name of readBy(node)) this.#readers.set(name, [...(this.#readers.get(name) ?? []), node]);
      for (const value of Object.values(node))
        if (typeof value === 'string' && value in this.params)
          this.#uses.set(value, (this.#uses.get(value) ?? 0) + 1);
    }
  }

  /** The tensor as a plain one, converted once however many ask. */
  plain(name: string): string {
    const order = this.#orders.get(name);
    if (!order) return name;
    const out = `${name}/plain`;
    if (!this.#converted.has(out)) {
      const shape = this.source.shapes.get(name)!;
      this.nodes.push({ op: 'fromBlocks', block: this.block, in: name, order, channels: shape[0]!, out });
      this.shapes.set(out, shape);
      this.#converted.add(out);
    }
    return out;
  }

  step(node: Source): void {
    if (this.#done.has(node)) return;
    if (node.op === 'mixedConv') {
      if (!this.#mixed(node)) this.failed = true;
    } else if (isConv(node)) {
      if (!this.#conv(node)) this.#plain(node);
    } else if (node.op === 'instanceNorm' || node.op === 'cellNorm') {
      if (!this.#norm(node)) this.#plain(node);
    } else if (!this.#passes(node)) this.#plain(node);
  }

  #plain(node: Node | CellNode): void {
    const renamed =
      'ins' in node
        ? { ...node, ins: node.ins.map((name) => this.plain(name)) }
        : { ...node, in: this.plain(node.in), ...('with' in node ? { with: this.plain(node.with) } : {}) };
    this.nodes.push(renamed as Node | CellNode);
  }

  /** Ops that treat every number alike stay in blocks; so does unfolding where blocks come apart. */
  #passes(node: Node | CellNode): boolean {
    const order = 'in' in node ? this.#orders.get(node.in) : undefined;
    if (!order) return false;
    if (isElementwise(node)) {
      this.nodes.push(node);
      this.#stands(node.out, order);
      return true;
    }
    switch (node.op) {
      case 'add': {
        const other = this.#orders.get(node.with);
        if (!other || !sameOrder(order, other)) return false;
        this.nodes.push(node);
        this.#stands(node.out, order);
        return true;
      }
      case 'unfold':
        if (!isPhaseMajor(order, node.phases)) return false;
        this.nodes.push({
          op: 'blockUnfold',
          block: this.block,
          in: node.in,
          phases: node.phases,
          out: node.out,
        });
        this.#stands(node.out, orderOf(order.length / phaseCount(node.phases), this.block));
        return true;
      default:
        return false;
    }
  }

  #stands(name: string, order: Order): void {
    this.#orders.set(name, order);
    this.shapes.set(name, [order.length, ...this.source.shapes.get(name)!.slice(1)]);
  }

  /** The one node that reads a tensor, unless the tensor is an output. */
  #onlyReader(name: string): Source | undefined {
    const readers = this.#readers.get(name) ?? [];
    return readers.length === 1 && !Object.values(this.source.outputs).includes(name)
      ? readers[0]
      : undefined;
  }

  #conv(conv: Conv): boolean {
    const { block } = this;
    const { weight, bias } = conv;
    if ([weight, bias].some((name) => name && this.#uses.get(name)! > 1)) return false;
    const { shape: written } = this.params[weight]!;
    const [outs, ins] = written as [number, number];
    const fewInputs = ins < block && !this.#orders.has(conv.in);
    // A layer of few filters would leave most of its block empty.
    if (2 * outs < block || !(fewInputs || this.#orders.has(conv.in) || ins % block === 0)) return false;
    const from = fewInputs ? undefined : this.#blocks(conv.in);
    const phases = conv.op === 'cellConv' ? conv.folding.to : plain;
    const order = orderOf(outs, block, phases);
    const levelled = this.#levels(conv);
    const corners = levelled && from !== undefined && yieldsCorners(conv);
    const [, height, width] = this.source.shapes.get(conv.out)! as [number, number, number];
    const shape = corners ? cornerShape(written) : written;
    const way = levelled && from ? winogradFor(conv, shape, corners ? height + 1 : height, block) : undefined;
    const filters = (tensor: Tensor) => (corners ? cornerFilters(tensor, phases) : tensor);
    const blocks = { block, outs: order, ins: from };
    if (way)
      this.#fold(weight, mixedShape(way, shape, blocks), (tensor) =>
        mixedFilters(way, filters(tensor), blocks),
      );
    else
      this.#fold(weight, blockedShape(shape, order, from), (tensor) =>
        blockFilters(filters(tensor), block, order, from),
      );
    if (bias) this.#fold(bias, [order.length], (tensor) => blockNumbers(tensor, order));
    const name = from && !this.#orders.has(conv.in) ? `${conv.in}/blocks` : conv.in;
    const about = { block, in: name, order, ...(from ? { from } : {}) };
    const { out, activation } = this.#activated(conv);
    this.nodes.push(
      way
        ? {
            op: 'mixedBlockConv',
            ...about,
            weight,
            way,
            folding: foldingOf(conv, written[2]!),
            levelled,
            cells: conv.op === 'cellConv',
            out,
          }
        : {
            ...{ op: 'blockConv', ...about, conv, out },
            ...(activation ? { activation } : {}),
            ...(levelled ? { levelled } : {}),
            ...(corners ? { corners } : {}),
          },
    );
    this.#stands(out, order);
    if (levelled) this.#levelled.add(out);
    if (!corners) return true;
    this.#corners.add(out);
    this.shapes.set(out, [order.length, height + 1, width + 1]);
    return true;
  }

  /** A convolution that only mixtures compute; where phases of rows stand apart, in blocks of their own. */
  #mixed({ in: input, weight, bias, bytes, folding, way, out }: MixedConv): boolean {
    const { block } = this;
    const { from: phases, to } = folding;
    const from = bytes ? undefined : this.#orders.get(input);
    const { shape } = this.params[weight]!;
    const [outs, ins] = shape as [number, number];
    const order = orderOf(outs * to.y, block, to);
    const rowsApart = (stands: Order, cells: Phases) => phasesApart(stands, cells).y === cells.y;
    if (!(bytes || (from && rowsApart(from, phases))) || !rowsApart(order, to)) return false;
    const blocks = {
      block,
      outs: orderOf(outs, block, { y: 1, x: to.x }),
      ins: bytes ? undefined : orderOf(ins, block, { y: 1, x: phases.x }),
    };
    this.#fold(weight, mixedShape(way, shape, blocks), (tensor) => mixedFilters(way, tensor, blocks));
    if (bias)
      this.#fold(bias, [way.input.length * way.runs * blocks.outs.length], (tensor) =>
        mixedBias(way, blockNumbers(tensor, blocks.outs)),
      );
    const levelled = this.#norms(out);
    this.nodes.push({
      ...{ op: 'mixedBlockConv', block, in: input, weight, way, folding, order, levelled, cells: false, out },
      ...(bias ? { bias } : {}),
      ...(from ? { from } : {}),
    });
    this.#stands(out, order);
    if (levelled) this.#levelled.add(out);
    return true;
  }

  /** The order of a tensor in blocks, put there if it is plain. */
  #blocks(name: string): Order {
    const order = this.#orders.get(name);
    if (order) return order;
    const shape = this.source.shapes.get(name)!;
    const out = `${name}/blocks`;
    if (!this.#converted.has(out)) {
      this.nodes.push({ op: 'toBlocks', block: this.block, in: name, out });
      this.shapes.set(out, shape);
      this.#converted.add(out);
    }
    return orderOf(shape[0]!, this.block);
  }

  /** Whether a norm alone reads what a convolution yields, and whatever that reads is there, zeros beside it not counted. */
  #levels(conv: Conv): boolean {
    const zeros = conv.op === 'conv' && conv.padMode === 'zero' && conv.pad > 0;
    return !zeros && this.#norms(conv.out);
  }

  #norms(name: string): boolean {
    const next = this.#onlyReader(name);
    return next?.op === 'cellNorm' || next?.op === 'instanceNorm';
  }

  #activated(conv: Conv): { out: string; activation?: Activation } {
    const next = this.#onlyReader(conv.out);
    if (next?.op !== 'relu' && next?.op !== 'tanh' && next?.op !== 'sigmoid') return { out: conv.out };
    this.#done.add(next);
    return { out: next.out, activation: next.op };
  }

  #norm(norm: Norm): boolean {
    const order = this.#orders.get(norm.in);
    const named = [norm.scale, norm.shift].filter((name) => name !== undefined);
    if (!order || !this.#levelled.has(norm.in) || named.some((name) => this.#uses.get(name)! > 1))
      return false;
    const each = norm.op === 'cellNorm' ? phaseCount(norm.phases) : 1;
    for (const name of named) this.#fold(name, [order.length], (tensor) => blockNumbers(tensor, order, each));
    const next = this.#onlyReader(norm.out);
    const corners = this.#corners.has(norm.in);
    const about = { block: this.block, in: norm.in, norm, order, ...(corners ? { corners } : {}) };
    const node = { op: 'blockNorm', ...about } as const;
    if (next?.op === 'relu') {
      this.nodes.push({ ...node, activation: 'relu', out: next.out });
    } else if (next?.op === 'add' && this.#sums(next, norm.out, order)) {
      this.nodes.push({ ...node, sum: next.in === norm.out ? next.with : next.in, out: next.out });
    } else {
      this.nodes.push({ ...node, out: norm.out });
      this.#stands(norm.out, order);
      return true;
    }
    this.#done.add(next);
    this.#stands(next.out, order);
    return true;
  }

  /** Whether the other tensor of a sum is there already and stands alike. */
  #sums(add: NodeOf<'add'>, normed: string, order: Order): boolean {
    const other = this.#orders.get(add.in === normed ? add.with : add.in);
    return add.in !== add.with && other !== undefined && sameOrder(order, other);
  }

  #fold(name: string, shape: readonly number[], fold: (tensor: Tensor) => Tensor): void {
    this.params[name] = { ...this.params[name]!, shape };
    this.folds.set(name, fold);
  }
}

/**
 * Nodes with their convolutions and instance norms on blocks of `block` channels, wherever those fill a vector;
 * undefined where nothing of it does, or not what has to be in blocks.
 */
export function blocked(source: Lowered<Source>, block: number): Lowered<AnyNode> | undefined {
  const blocker = new Blocker(source, block);
  for (const node of source.nodes) blocker.step(node);
  if (blocker.folds.size === 0 || blocker.failed) return undefined;
  const outputs = Object.entries(source.outputs).map(([name, tensor]) => [name, blocker.plain(tensor)]);
  return {
    nodes: blocker.nodes,
    params: blocker.params,
    shapes: blocker.shapes,
    outputs: Object.fromEntries(outputs),
    fold: (weights) =>
      new Map(
        [...source.fold(weights)].map(([name, tensor]) => [
          name,
          blocker.folds.get(name)?.(tensor) ?? tensor,
        ]),
      ),
  };
}
