import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Size } from '../models/pixels.js';

/** A wished size: exact, or by one number (a video's height, a picture's longest side) with the shape kept. */
export type SizeWish = Size | number;

/** The options that every painting command has. */
export interface LookOptions {
  readonly style?: readonly string[];
  readonly strength: number;
  readonly keepColor?: boolean;
  readonly model: string;
  readonly engine: string;
  readonly size?: SizeWish;
  readonly workSize?: SizeWish;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

const MAX_SIDE = 16_384;

/** Collects the values of an option that may be given several times. */
export const gather = (value: string, before: readonly string[] = []): string[] => [...before, value];

/** A number within bounds, whole unless told otherwise. */
export const inRange =
  (least: number, most: number, whole = true) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= most) || (whole && !Number.isInteger(value)))
      throw new InvalidArgumentError(`It takes a ${whole ? 'whole ' : ''}number from ${least} to ${most}.`);
    return value;
  };

/** Layers of a loss network: `relu1_1,relu2_1`. */
export function layers(text: string): string[] {
  const names = text.split(',');
  if (!names.every((name) => /^relu[1-5]_[1-4]$/.test(name)))
    throw new InvalidArgumentError('It takes names of layers such as relu1_1,relu2_1.');
  return names;
}

/** A number from 0 to 1. */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('It takes a number from 0 to 1.');
  return value;
}

/** `1280x720` or `720`. */
export function size(text: string): SizeWish {
  const [, first, second] = /^(\d{1,5})(?:x(\d{1,5}))?$/i.exec(text.trim()) ?? [];
  const sides = [first, second].filter((side) => side !== undefined).map(Number);
  if (sides.length === 0 || !sides.every((side) => side >= 1 && side <= MAX_SIDE))
    throw new InvalidArgumentError(`It takes 1280x720 or one number such as 720, up to ${MAX_SIDE}.`);
  return sides.length === 1 ? sides[0]! : { width: sides[0]!, height: sides[1]! };
}

/** `90`, `90.5`, `1:30`, `0:01:30.500` → milliseconds. */
export function time(text: string): number {
  const parts = /^(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d+)?)$/.exec(text.trim());
  const [hours, minutes, seconds] = [parts?.[1] ?? 0, parts?.[2] ?? 0, parts?.[3]].map(Number);
  const clock = parts?.[2] !== undefined;
  if (!parts || minutes! >= 60 || (clock && seconds! >= 60))
    throw new InvalidArgumentError('It takes seconds such as 90.5, or a time such as 1:30 or 00:01:30.500.');
  return Math.round(((hours! * 60 + minutes!) * 60 + seconds!) * 1000);
}

/** A whole number from 1 on, with the letters k and M allowed: `40M`. */
export function count(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([kM]?)$/.exec(text.trim()) ?? [];
  const value = Math.round(Number(number) * ({ k: 1e3, M: 1e6 }[unit] ?? 1));
  if (!(value >= 1)) throw new InvalidArgumentError('It takes a whole number such as 5000000 or 5M.');
  return value;
}

const engineHelp =
  'what runs the networks: auto takes the fastest by a short measurement that is remembered; ' +
  'native/cpu, native/bf16, onnx/cpu, onnx/webgpu, onnx/cuda, tfjs/tensorflow, tfjs/webgpu, tfjs/wasm, tfjs/cpu, identity';

/** Adds the options of `LookOptions` but for the sizes, whose meaning differs. */
export function withLook(command: Command): Command {
  return command
    .option(
      '--style <style[:weight]>',
      'name or picture; several are mixed by their weights (repeatable)',
      gather,
    )
    .addOption(
      new Option('--strength <0..1>', 'from the source (0) to the painting (1)').argParser(share).default(1),
    )
    .option('--keep-color', 'take the light and dark of the painting, the colours of the source')
    .option('--model <name>', 'a model by name or file', 'fast')
    .option('--engine <name>', engineHelp, 'auto');
}
