import type { Size } from '../../models/pixels.js';
import {
  type Crowd,
  type CrowdLine,
  linesOf,
  type OpenedCrowd,
  openCrowd,
  styleOf,
  tableOf,
} from './crowd.js';
import { interleave } from './interleave.js';
import { openOneEngine } from './one-engine.js';
import { type Bench, inWords } from './part.js';

const defaults = { bases: [8], sizes: [{ width: 640, height: 360 }], seconds: 40 };

/** A crowd and the name of the one that it is held against. */
export type Held = Crowd & { readonly against?: string };

/** Measures crowds in turn at each base and size. @returns their lines, as JSON. */
export async function measureCrowds(
  bench: Bench,
  {
    title,
    frames,
    crowds,
  }: { title: string; frames: number; crowds: (style: StyleMaker) => readonly Held[] },
): Promise<Record<string, unknown>> {
  const { options, signal, note } = bench;
  const groups: { engine: string; base: number; size: string; lines: CrowdLine[] }[] = [];
  const sizes: readonly Size[] = options.size ?? defaults.sizes;
  await using engine = await openOneEngine(bench, sizes[0]!);
  const { transformNet } = await import('../../models/nets/transform.js');
  for (const base of options.base ?? defaults.bases)
    for (const size of sizes) {
      const net = transformNet({ base });
      const all = crowds((number) => styleOf(net, number));
      const opened: OpenedCrowd[] = [];
      const about = `${engine.name}, base ${base}, ${inWords(size)}`;
      try {
        for (const crowd of all) {
          signal.throwIfAborted();
          note(`${about}: ${crowd.name} …`);
          opened.push(await openCrowd(crowd, { engine, net, size, frames }));
        }
        const budgetMs = 1000 * (options.seconds ?? defaults.seconds);
        const outcomes = await interleave(opened, { budgetMs, signal });
        const lines = linesOf(
          all.map(({ name, against }, i) => ({
            ...{ name, against, frames: opened[i]!.frames, outcome: outcomes[i]! },
          })),
        );
        groups.push({ engine: engine.name, base, size: inWords(size), lines });
        bench.show(tableOf(`${title}: ${about}`, lines));
      } finally {
        for (const one of opened) await one[Symbol.asyncDispose]();
      }
    }
  return { groups };
}

/** Weights of a style by its number. */
export type StyleMaker = (number: number) => ReturnType<typeof styleOf>;
