import type { Size } from '../../models/pixels.js';
import type { HardwareChoice } from '../../pipeline/codec/hardware/kinds.js';
import type { Table } from './table.js';

/** What `livebrush bench` takes. What is left out, each part decides by itself. */
export interface BenchOptions {
  readonly engine?: readonly string[];
  readonly base?: readonly number[];
  readonly size?: readonly Size[];
  readonly seconds?: number;
  readonly runs?: number;
  readonly against?: readonly string[];
  readonly python?: string;
  readonly model: string;
  readonly style: string;
  readonly hardware: HardwareChoice;
  readonly full?: boolean;
  readonly json?: boolean;
  readonly markdown?: boolean;
}

/** What a part of the benchmark works with. */
export interface Bench {
  readonly options: BenchOptions;
  /** A video that was named beside the part. */
  readonly file: string | undefined;
  readonly signal: AbortSignal;
  /** Shows figures as soon as they are known. */
  show(table: Table): void;
  /** Says to the person at the terminal what goes on. */
  note(line: string): void;
}

/** Measures one thing. @returns all that was measured, as plain JSON. */
export type Part = (bench: Bench) => Promise<Record<string, unknown>>;

export const inWords = ({ width, height }: Size): string => `${width}x${height}`;
