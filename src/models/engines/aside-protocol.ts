import * as errors from '../../errors.js';
import type { PainterOptions } from '../engine.js';
import type { NetSpec } from '../net.js';
import type { Pixels, Size } from '../pixels.js';
import type { Weights } from '../weights.js';

/** The number of a thread's engine: the first thing that it opens. */
export const ENGINE = 1;

/** What an engine's thread is asked; objects on its side go by number. */
export interface Asked {
  readonly open: { readonly name: string };
  readonly painter: {
    readonly net: NetSpec;
    readonly base: Weights;
    readonly size: Size;
    readonly options: PainterOptions;
  };
  readonly styler: { readonly net: NetSpec; readonly base: Weights };
  readonly bind: { readonly painter: number; readonly style: Weights };
  readonly paint: {
    readonly painter: number;
    readonly batch: readonly { readonly pixels: Pixels; readonly style: number }[];
  };
  readonly weights: { readonly styler: number; readonly picture: Pixels };
  readonly dispose: { readonly what: number };
}

/** What it answers. */
export interface Answered {
  readonly open: { readonly name: string; readonly batch: number | undefined };
  readonly painter: { readonly id: number; readonly batch: number | undefined };
  readonly styler: number;
  readonly bind: number;
  readonly paint: Pixels[];
  readonly weights: Weights;
  readonly dispose: undefined;
}

export type Method = keyof Asked;
export type Request = {
  [M in Method]: { readonly id: number; readonly method: M; readonly args: Asked[M] };
}[Method];
export type Reply =
  | { readonly id: number; readonly value: Answered[Method] }
  | { readonly id: number; readonly error: FlatError };

/** An error as it crosses between threads, which classes do not. */
export interface FlatError {
  readonly name: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly stack: string | undefined;
}

/** An error's words, ready to be posted. */
export function flatten(error: unknown): FlatError {
  if (!(error instanceof Error))
    return { name: 'Error', message: String(error), hint: undefined, stack: undefined };
  const hint = error instanceof errors.LivebrushError ? error.hint : undefined;
  return { name: error.name, message: error.message, hint, stack: error.stack };
}

const classes: Readonly<Record<string, typeof errors.LivebrushError>> = {
  LivebrushError: errors.LivebrushError,
  Usage: errors.Usage,
  BadInput: errors.BadInput,
  NotFound: errors.NotFound,
  Unsupported: errors.Unsupported,
  CannotWrite: errors.CannotWrite,
};

/** The error again, of the class that it had if that is one of ours; the other thread's stack is its cause's. */
export function revive({ name, message, hint, stack }: FlatError): Error {
  const cause = Object.assign(new Error(message), { stack });
  const Class = classes[name];
  return Class ? new Class(message, { hint, cause }) : new Error(message, { cause });
}
