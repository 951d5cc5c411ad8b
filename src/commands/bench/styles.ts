import { type Held, measureCrowds, type StyleMaker } from './crowds.js';
import type { Part } from './part.js';

const FIXED = 'one style that stays';
const COUNTS = [4, 16] as const;
const FRAMES = 4;

function crowds(style: StyleMaker): Held[] {
  const one = { streams: 1, against: FIXED };
  const many = (count: number) => Array.from({ length: count }, (_, i) => style(i));
  return [
    { name: FIXED, streams: 1, stylesOf: () => [style(0)] },
    ...COUNTS.map((count) => {
      const styles = many(count);
      return { ...one, name: `${count} styles, another one every frame`, stylesOf: () => styles };
    }),
    { ...one, name: 'weights bound anew for every frame', stylesOf: () => many(2), rebinds: true },
  ];
}

/** What it costs that the style changes with every frame. */
export const styles: Part = (bench) =>
  measureCrowds(bench, { title: 'styles of one stream', frames: FRAMES, crowds });
