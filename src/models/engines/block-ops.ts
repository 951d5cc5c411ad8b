import type { Node, NodeOf } from '../net.js';
import type { Order } from './blocks.js';
import type { CellNode, CellNodeOf } from './half-resolution.js';
import type { Folding, Phases } from './phases.js';
import type { Winograd } from './winograd.js';

export type Conv = NodeOf<'conv'> | CellNodeOf<'cellConv'>;
export type Norm = NodeOf<'instanceNorm'> | CellNodeOf<'cellNorm'>;
export type Activation = 'relu' | 'tanh' | 'sigmoid';

/** Ops on pictures in blocks of channels (see `blocks.ts`), which stand in for ops of the net and for ops on cells. */
export interface BlockOps {
  /** A plain tensor in blocks, its channels as they are. */
  toBlocks: { readonly in: string };
  /** A tensor in blocks as a plain one of `channels`. */
  fromBlocks: { readonly in: string; readonly order: Order; readonly channels: number };
  /** A convolution into blocks, from blocks or, with few channels, from a plain tensor. */
  blockConv: {
    readonly in: string;
    readonly conv: Conv;
    readonly order: Order;
    /** Order of the input; undefined where it is plain. */
    readonly from?: Order;
    readonly activation?: Activation;
    /** Its output is moved to about zero in each channel, which the norm that alone reads it takes out again. */
    readonly levelled?: boolean;
    /** It yields corners (see `corners.ts`), one row and column more than there are cells. */
    readonly corners?: boolean;
  };
  /** A convolution into blocks by mixtures of rows (see `winograd.ts`), from blocks or from the bytes of a picture. */
  mixedBlockConv: {
    readonly in: string;
    readonly weight: string;
    readonly bias?: string;
    readonly way: Winograd;
    readonly folding: Folding;
    readonly order: Order;
    /** Order of the input; undefined where it is bytes. */
    readonly from?: Order;
    /** As a blockConv's; it is the input that is moved. */
    readonly levelled: boolean;
    /**
     * Its rows are those of cells, whatever these stand for, and beyond the border the outermost stands again; else rows
     * are of pixels and reflected.
     */
    readonly cells: boolean;
  };
  /** Instance norm, then perhaps relu or the sum with another tensor. */
  blockNorm: {
    readonly in: string;
    readonly norm: Norm;
    readonly order: Order;
    readonly activation?: 'relu';
    readonly sum?: string;
    /** Its input is corners; cells are made of them. */
    readonly corners?: boolean;
  };
  /** Cells with one phase in each block back to the picture that they stand for, in blocks. */
  blockUnfold: { readonly in: string; readonly phases: Phases };
}
export type BlockNode = {
  [K in keyof BlockOps]: BlockOps[K] & { readonly op: K; readonly out: string; readonly block: number };
}[keyof BlockOps];
export type BlockNodeOf<K extends keyof BlockOps> = Extract<BlockNode, { op: K }>;
export type AnyNode = Node | CellNode | BlockNode;
