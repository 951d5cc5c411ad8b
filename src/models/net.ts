/**
 * Networks as data: a flat list of named nodes in execution order, written once by a function in `nets/` and read
 * by every engine and by training. Tensors are NCHW in the words of this file; engines may lay them out otherwise.
 */

type Unary = { readonly in: string };
type Binary = Unary & { readonly with: string };

/** Every op an engine knows, with its attributes. A new op is a line here; engines do not compile until they have it. */
export interface Ops {
  /** uint8 [N,3,H,W] → float in [0, 1]. */
  fromRgb8: Unary;
  /** Float in [0, 1] → uint8: times 255, rounded, clipped. */
  toRgb8: Unary;
  /**
   * 2-D convolution, weight [out, in, k, k]. Pads `pad` on every side first: by reflection without the edge
   * repeated, or with zeros. `stride` is the same in both directions.
   */
  conv: Unary & {
    readonly weight: string;
    readonly bias?: string;
    readonly stride: number;
    readonly pad: number;
    readonly padMode: 'reflect' | 'zero';
  };
  /** Normalises each channel of each picture over its pixels, then applies `scale` and `shift` [C] if named. */
  instanceNorm: Unary & { readonly scale?: string; readonly shift?: string; readonly epsilon: number };
  relu: Unary;
  tanh: Unary;
  sigmoid: Unary;
  /** `in` times a constant plus a constant. */
  affine: Unary & { readonly scale: number; readonly shift: number };
  /** Each pixel repeated `scale` times in both directions. */
  upsample: Unary & { readonly scale: number };
  add: Binary;
  /** Joins along the channel axis. */
  concat: { readonly ins: readonly string[] };
  /** Max or average over `size` x `size`, stride `size`, the remainder dropped. */
  pool: Unary & { readonly kind: 'max' | 'average'; readonly size: number };
  /** [N,C,H,W] → [N,2C]: mean of each channel, then standard deviation sqrt(variance + epsilon). */
  meanStd: Unary & { readonly epsilon: number };
  /** [N,I] → [N,O]; weight [O, I], bias [O]. */
  dense: Unary & { readonly weight: string; readonly bias?: string };
  /** Columns `from` up to `to` of [N,I]. */
  slice: Unary & { readonly from: number; readonly to: number };
  /** Zeroes a share of the values while training and scales the rest up; passes all through otherwise. */
  dropout: Unary & { readonly rate: number };
}
export type Op = keyof Ops;
export type NodeOf<K extends Op> = Ops[K] & { readonly op: K; readonly out: string };
export type Node = { [K in Op]: NodeOf<K> }[Op];

/** A trained number block of a net: its shape, and whether it is the net's own or comes with each style. */
export interface Param {
  readonly shape: readonly number[];
  readonly from: 'net' | 'style';
}

/** A network as data. Engines compile it, training differentiates it, files are checked against it. */
export interface NetSpec {
  readonly name: string;
  readonly inputs: readonly string[];
  /** What the net yields: public name → tensor name. A TransformNet yields `picture`; a MetaNet one tensor per generated param. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly nodes: readonly Node[];
  readonly params: Readonly<Record<string, Param>>;
  /** Input sides must be multiples of this. */
  readonly stride: number;
  /** For outputs that are params of another net: the shape that one flat row of numbers stands for. */
  readonly makes?: Readonly<Record<string, readonly number[]>>;
}

/** One entry per op; a missing one does not compile. */
export type OpTable<Args extends unknown[], Out> = {
  readonly [K in Op]: (node: NodeOf<K>, ...args: Args) => Out;
};

/** Looks a node's op up in a table and calls it. */
export function apply<Args extends unknown[], Out>(
  table: OpTable<Args, Out>,
  node: Node,
  ...args: Args
): Out {
  return (table[node.op] as (node: Node, ...args: Args) => Out)(node, ...args);
}

const elementwise: ReadonlySet<string> = new Set<Op>(['relu', 'tanh', 'sigmoid', 'affine', 'dropout']);

/** Whether a node treats every number alike, so that it matters not how its input is laid out. */
export const isElementwise = ({ op }: { readonly op: string }): boolean => elementwise.has(op);

/** The tensors a node reads, parameters not counted. */
export function inputsOf(node: Node): readonly string[] {
  if (node.op === 'concat') return node.ins;
  return 'with' in node ? [node.in, node.with] : [node.in];
}

/** The nodes that some outputs need, in execution order. */
export function nodesFor(net: NetSpec, outputs: readonly string[]): Node[] {
  const needed = new Set(outputs.map((name) => net.outputs[name]!));
  const kept: Node[] = [];
  for (const node of [...net.nodes].reverse()) {
    if (!needed.has(node.out)) continue;
    kept.unshift(node);
    for (const name of inputsOf(node)) needed.add(name);
  }
  return kept;
}

/** How many numbers a shape holds. */
export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, side) => product * side, 1);

/** Names of the params that come with each style. */
export const styleParams = (net: NetSpec): string[] =>
  Object.keys(net.params).filter((name) => net.params[name]!.from === 'style');

/** Names of the params that belong to the net itself. */
export const netParams = (net: NetSpec): string[] =>
  Object.keys(net.params).filter((name) => net.params[name]!.from === 'net');

type Options<K extends Op> = Omit<NodeOf<K>, 'op' | 'out' | 'in'>;

/** Collects nodes and params while the author writes a network top to bottom; every method returns its output's name. */
export class NetBuilder {
  readonly nodes: Node[] = [];
  readonly params: Record<string, Param> = {};
  #count = 0;

  /** Appends a node and names its output. */
  push<K extends Op>(op: K, attributes: Omit<NodeOf<K>, 'op' | 'out'>, out = `t${this.#count++}`): string {
    this.nodes.push({ op, out, ...attributes } as unknown as Node);
    return out;
  }

  param(name: string, shape: readonly number[], from: Param['from'] = 'net'): string {
    if (name in this.params) throw new Error(`param ${name} is declared twice`);
    this.params[name] = { shape, from };
    return name;
  }

  conv(
    input: string,
    name: string,
    shape: { in: number; out: number; size: number },
    options: Partial<Options<'conv'>> & { bias?: string; from?: Param['from'] } = {},
  ): string {
    const { from = 'net', ...rest } = options;
    const weight = this.param(`${name}.weight`, [shape.out, shape.in, shape.size, shape.size], from);
    const pad = Math.floor(shape.size / 2);
    return this.push('conv', { in: input, weight, stride: 1, pad, padMode: 'reflect', ...rest });
  }

  dense(input: string, name: string, shape: { in: number; out: number }): string {
    const weight = this.param(`${name}.weight`, [shape.out, shape.in]);
    return this.push('dense', { in: input, weight, bias: this.param(`${name}.bias`, [shape.out]) });
  }

  build(spec: Pick<NetSpec, 'name' | 'inputs' | 'outputs' | 'makes'> & { stride?: number }): NetSpec {
    return { stride: 1, ...spec, nodes: this.nodes, params: this.params };
  }
}
