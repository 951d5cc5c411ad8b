import type { Size } from '../../models/pixels.js';
import { flopsOf } from './arithmetic.js';
import {
  openEngines,
  openOpponents,
  ourRival,
  type Painting,
  type Rival,
  type Task,
  takesMany,
} from './contenders.js';
import { type Entry, type Group, groupOf, tableOf } from './group.js';
import { type Contender, interleave } from './interleave.js';
import { type Bench, inWords, type Part } from './part.js';
import { type Difference, differenceOf } from './picture.js';
import { taskOf } from './task.js';

const sizeOf = (width: number, height: number): Size => ({ width, height });
const compact = { bases: [8, 32], sizes: [sizeOf(256, 256), sizeOf(640, 360)], seconds: 25 };
const full = { bases: [8, 16, 32], sizes: [...compact.sizes, sizeOf(1280, 720)], seconds: 60 };

/** Opens everyone for one task; who cannot is told of and its line says why. */
async function openAll(rivals: readonly Rival[], task: Task) {
  const opened: { rival: Rival; painting?: Painting; why?: string }[] = [];
  for (const rival of rivals) {
    try {
      opened.push({ rival, painting: await rival.open(task) });
    } catch (error) {
      opened.push({ rival, why: error instanceof Error ? error.message : String(error) });
    }
  }
  return opened;
}

/** Contenders that could not be opened fail at their first run, so that they have a line like all others. */
const failing = (name: string, why = 'it does not open'): Contender => ({
  name,
  run: () => Promise.reject(new Error(why)),
});

/** What each painted, and how far that is from the first picture: that of the net as written where it takes part. */
async function differences(
  opened: Awaited<ReturnType<typeof openAll>>,
): Promise<Map<Rival, Difference | undefined>> {
  const pictures: [Rival, Uint8Array][] = [];
  for (const one of opened) {
    try {
      if (one.painting) pictures.push([one.rival, Uint8Array.from(await one.painting.picture())]);
    } catch (error) {
      one.why = error instanceof Error ? error.message : String(error);
    }
  }
  const [, reference] =
    pictures.find(([{ kind }]) => kind === 'opponent') ??
    pictures.find(([{ name }]) => name !== 'identity') ??
    pictures[0] ??
    [];
  return new Map(pictures.map(([rival, picture]) => [rival, differenceOf(picture, reference!)]));
}

/** The dense products of all who have one. */
async function openProducts(rivals: readonly Rival[]) {
  const products: (Pick<Entry, 'contender' | 'device' | 'flops'> & AsyncDisposable)[] = [];
  for (const { device, product } of rivals) {
    const contender = await product?.();
    if (!contender) continue;
    const close = () => contender[Symbol.asyncDispose]();
    products.push({ contender, device, flops: contender.flops, [Symbol.asyncDispose]: close });
  }
  return products;
}

/** Closes everything; one that fails to close keeps nobody else open. */
async function closeAll(things: readonly AsyncDisposable[]): Promise<void> {
  await Promise.allSettled(things.map(async (thing) => thing[Symbol.asyncDispose]()));
}

/** Measures everyone on one net and size. */
async function compareOn(
  rivals: readonly Rival[],
  task: Task,
  budgetMs: number,
  bench: Bench,
): Promise<Group> {
  const size = inWords(task.pixels);
  const flops = flopsOf(task.net, task.pixels);
  const opened = await openAll(rivals, task);
  let products: Awaited<ReturnType<typeof openProducts>> = [];
  try {
    const apart = await differences(opened);
    products = await openProducts(rivals);
    const entries: Entry[] = [
      ...opened.map(({ rival, painting, why }) => ({
        contender: painting && !why ? painting : failing(rival.name, why),
        ...{ kind: rival.kind, device: rival.device, flops, difference: apart.get(rival) },
      })),
      ...products.map((product) => ({ ...product, kind: 'product' as const })),
    ];
    const outcomes = await interleave(
      entries.map(({ contender }) => contender),
      { budgetMs, signal: bench.signal },
    );
    return groupOf({ base: task.base, size, flops }, entries, outcomes);
  } finally {
    await closeAll([...products, ...opened.flatMap(({ painting }) => painting ?? [])]);
  }
}

/** Our engines, the same net in other runtimes, and the dense product as ceiling, side by side. */
export const compare: Part = async (bench) => {
  const { options, signal, note } = bench;
  const course = options.full ? full : compact;
  const budgetMs = 1000 * (options.seconds ?? course.seconds);
  const rivals: Rival[] = [];
  const groups: Group[] = [];
  try {
    for (const engine of await openEngines(options.engine, note)) {
      rivals.push(await ourRival(engine));
      if (takesMany(engine)) rivals.push(await ourRival(engine, true));
    }
    rivals.push(...(await openOpponents(options.against, { python: options.python, signal, note })));
    for (const base of options.base ?? course.bases)
      for (const size of options.size ?? course.sizes) {
        signal.throwIfAborted();
        note(`base ${base}, ${inWords(size)}: ${rivals.length} contenders, about ${budgetMs / 1000} s …`);
        const group = await compareOn(rivals, taskOf(base, size), budgetMs, bench);
        groups.push(group);
        bench.show(tableOf(group));
      }
  } finally {
    await closeAll(rivals);
  }
  return { groups };
};
