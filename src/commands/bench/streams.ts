import { type Held, measureCrowds, type StyleMaker } from './crowds.js';
import type { Part } from './part.js';

const COUNTS = [1, 2, 4, 8] as const;
/** Of all streams together in one run. */
const FRAMES = 8;

function crowds(style: StyleMaker): Held[] {
  const named = (count: number) => (count === 1 ? '1 stream' : `${count} streams of one style`);
  const shared = style(0);
  return COUNTS.flatMap((streams) => [
    {
      ...{ name: named(streams), streams, stylesOf: () => [shared] },
      ...(streams === 1 ? {} : { against: named(1) }),
    },
    ...(streams === 1
      ? []
      : [
          {
            ...{ name: `${streams} streams of a style each`, streams, against: named(streams) },
            stylesOf: (stream: number) => [style(stream)],
          },
        ]),
  ]);
}

/** How the throughput holds as more streams share an engine, of one style and of a style each. */
export const streams: Part = (bench) =>
  measureCrowds(bench, { title: 'streams at once, frames of all together', frames: FRAMES, crowds });
