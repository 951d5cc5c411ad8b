import { blank, type Pixels, type Size } from '../models/pixels.js';

/** Memory that is kept at most, in bytes: a few pictures of each size in use. */
const KEPT = 48e6;
const KEPT_EACH = 6;

/** Memory of pictures that are gone, by its length; the length used last stands last. */
const kept = new Map<number, Uint8Array[]>();
let bytes = 0;

/**
 * A picture to be written to in full, in memory that was given back if there is some: its content is whatever it was.
 * Pictures made anew for every frame let V8 collect garbage about once a second, a tenth of a live server's time.
 */
export function borrow(size: Size): Pixels {
  const { width, height } = size;
  const length = 3 * width * height;
  const data = kept.get(length)?.pop();
  if (!data) return blank(size);
  bytes -= length;
  return { data, width, height };
}

/** Gives a picture's memory back. Nobody may read the picture any more, and it must have been borrowed. */
export function giveBack({ data }: Pixels): void {
  const same = kept.get(data.length) ?? [];
  kept.delete(data.length);
  kept.set(data.length, same);
  if (same.length >= KEPT_EACH) return;
  same.push(data);
  bytes += data.length;
  for (const [length, stale] of kept) {
    if (bytes <= KEPT) break;
    bytes -= length * stale.length;
    kept.delete(length);
  }
}
