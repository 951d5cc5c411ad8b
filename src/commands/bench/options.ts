import { InvalidArgumentError } from 'commander';
import type { Size } from '../../models/pixels.js';
import { inRange } from '../options.js';

const [LEAST_SIDE, MOST_SIDE] = [16, 4096];

/** `640x360`: sides that are multiples of 4. */
export function parseSize(text: string): Size {
  const [, width, height] = /^(\d{2,4})x(\d{2,4})$/.exec(text) ?? [];
  const size = { width: Number(width), height: Number(height) };
  const sound = (side: number) => side >= LEAST_SIDE && side <= MOST_SIDE && side % 4 === 0;
  if (!sound(size.width) || !sound(size.height))
    throw new InvalidArgumentError(
      `It takes WIDTHxHEIGHT such as 640x360: multiples of 4 from ${LEAST_SIDE} to ${MOST_SIDE}.`,
    );
  return size;
}

/** Collects what an option that takes several values is given, each read by `read`. */
export const several =
  <T>(read: (text: string) => T) =>
  (text: string, before: readonly T[] = []): T[] => [...before, read(text)];

/** Width of a TransformNet. */
export const parseBase = inRange(2, 64);

/** Seconds to measure for. */
export const parseSeconds = inRange(0.001, 3600, false);
