import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, extname } from 'node:path';
import { Interrupted, LivebrushError, NotFound, TooLarge } from '../errors.js';
import { print } from '../log.js';
import { inWords } from '../models/files.js';
import { pictureFormat } from '../models/picture-format.js';
import type { Pixels, Size } from '../models/pixels.js';
import type { LossNumbers } from '../models/train/gatys.js';
import type { PictureChanges, PictureRecipe } from '../models/train/gatys-options.js';
import type { LossNetwork } from '../models/train/losses.js';
import { shrink } from './image-one.js';
import type { SizeWish } from './options.js';
import { checkOutput } from './paths.js';
import { openProgress } from './progress.js';
import { fitted } from './sizes.js';

/** What `livebrush optimize` takes beside the photo. */
export interface OptimizeOptions extends Omit<PictureChanges, 'bounded'> {
  readonly style: string;
  readonly out: string;
  readonly preset: string;
  readonly loss?: readonly string[];
  readonly size: SizeWish;
  readonly styleSize?: number;
  readonly seed: number;
  readonly every?: number;
  readonly backend: 'auto' | 'tensorflow' | 'webgpu' | 'wasm' | 'cpu';
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

/** What `livebrush optimize --json` prints at the end. */
export interface OptimizeResult extends Size {
  readonly input: string;
  readonly style: string;
  readonly output: string;
  readonly preset: string;
  readonly optimiser: string;
  readonly networks: readonly string[];
  /** Losses of the photo left alone and of the painting, parts unweighted. */
  readonly before: LossNumbers;
  readonly after: LossNumbers;
  readonly steps: number;
  readonly evaluations: number;
  readonly seconds: number;
  readonly backend: string;
  /** `stopped`: interrupted, and the picture is as far as it came. */
  readonly end: 'steps' | 'converged' | 'stopped';
}

const MAX_BYTES = 200e6;
const MAX_PIXELS = 100e6;
/** WebAssembly has no more room than this. */
const WASM_BYTES = 3.5e9;

/** Where the picture of a step goes: `painted-0020.png` beside `painted.png`. */
export function stepPath(out: string, step: number): string {
  const end = extname(out);
  return `${out.slice(0, out.length - end.length)}-${String(step).padStart(4, '0')}${end}`;
}

/** Everything that can be refused before any work: the painting's place, and those of the pictures on the way. */
async function checkPaths(photo: string, options: OptimizeOptions, steps: number): Promise<void> {
  const { out, style, overwrite, every = steps + 1 } = options;
  pictureFormat(out);
  const checked = (path: string) =>
    Promise.all([photo, style].map((input) => checkOutput(input, path, overwrite)));
  await checked(out);
  const there = new Set(await readdir(dirname(out)));
  for (let step = every; step < steps; step += every)
    if (there.has(basename(stepPath(out, step)))) await checked(stepPath(out, step));
}

/** The loss networks asked for, those of the recipe, or the one that ships. */
async function lossFiles(given: readonly string[] | undefined, { network }: PictureRecipe) {
  if (given) return given;
  if (network) return [network];
  const { defaultLoss } = await import('../models/train/default-loss.js');
  const { parseLossFile } = await import('../models/train/losses.js');
  const files = defaultLoss();
  if (!files.every((file) => existsSync(parseLossFile(file).path)))
    throw new NotFound('No loss network is at hand.', {
      hint: 'Fetch one with livebrush fetch vgg16 and add --loss vgg16, or name a file with --loss.',
    });
  return files;
}

/** @throws TooLarge when one step would want more memory than is free. */
async function checkMemory(
  networks: readonly LossNetwork[],
  content: Pixels,
  backend: string,
): Promise<void> {
  if (backend === 'webgpu') return;
  const { memoryFor } = await import('../models/train/gatys-memory.js');
  const needed = memoryFor(networks, content);
  const free =
    backend === 'wasm' ? Math.min(WASM_BYTES, process.availableMemory()) : process.availableMemory();
  if (needed <= free) return;
  const { width, height } = content;
  const room = Math.sqrt(free / needed) * Math.max(width, height);
  throw new TooLarge(
    `To optimise ${width}x${height} pixels takes about ${inWords(needed)} of memory, and ${inWords(free)} are free.`,
    { hint: `Add --size ${Math.max(32, 32 * Math.floor(room / 32))}.` },
  );
}

/** Steps a second over the last moments. */
function pace(): () => number {
  const times = [performance.now()];
  return () => {
    times.push(performance.now());
    if (times.length > 11) times.shift();
    return ((times.length - 1) * 1000) / Math.max(1, times.at(-1)! - times[0]!);
  };
}

/** The loss networks of a recipe. A layer that none of them has is told together with what the preset is made for. */
async function openNetworks(options: OptimizeOptions, recipe: PictureRecipe): Promise<LossNetwork[]> {
  const { loadLossNetworks } = await import('../models/train/losses.js');
  const files = await lossFiles(options.loss, recipe);
  try {
    return await loadLossNetworks(files, [...recipe.styleLayers, ...recipe.contentLayers]);
  } catch (error) {
    if (!(error instanceof LivebrushError) || !/ serves /.test(error.message)) throw error;
    const Kind = error.constructor as new (message: string, options: object) => LivebrushError;
    const other = '--style-layers and --content-layers choose others.';
    throw new Kind(error.message, {
      hint: recipe.network ? `The preset ${options.preset} is made for ${recipe.network}; ${other}` : other,
      cause: error,
    });
  }
}

/**
 * Paints one picture by optimising it, and writes it.
 * @throws Usage, NotFound, BadInput, CannotWrite; Interrupted after the picture so far has been written.
 */
export async function optimizePicture(
  photo: string,
  options: OptimizeOptions,
  signal: AbortSignal,
): Promise<OptimizeResult> {
  const [{ choosePicture }, { readPicture, resizePicture, writePicture }] = await Promise.all([
    import('../models/train/gatys-options.js'),
    import('../models/picture.js'),
  ]);
  const { preset, out, every, overwrite = false, json } = options;
  const { optimiser, steps, rate, styleLoss, start, scales, styleLayers, contentLayers } = options;
  const { styleWeight, contentWeight, tvWeight } = options;
  const recipe = choosePicture(preset, {
    ...{ optimiser, steps, rate, styleLoss, start, scales, styleLayers, contentLayers },
    ...{ styleWeight, contentWeight, tvWeight },
  });
  await checkPaths(photo, options, recipe.steps);
  const limits = { maxBytes: MAX_BYTES, maxPixels: MAX_PIXELS };
  const [content, painting] = [
    await shrink(await readPicture(photo, { alpha: 'apart', ...limits }), options.size),
    (await readPicture(options.style, limits)).pixels,
  ];
  const { pixels, alpha } = content;
  const styleSize = options.styleSize ?? Math.max(pixels.width, pixels.height);
  const style = await resizePicture(painting, fitted(painting, styleSize));
  const [{ useBackend }, { paintByOptimising }] = await Promise.all([
    import('../models/train/backend.js'),
    import('../models/train/gatys-picture.js'),
  ]);
  const backend = await useBackend(options.backend);
  const networks = await openNetworks(options, recipe);
  const description = `Painted by Livebrush: ${basename(options.style)}, optimised (${preset})`;
  const write = (path: string, painted: Pixels) =>
    writePicture(path, painted, { alpha, description, overwrite });
  const progress = await openProgress({ total: recipe.steps, unit: 'steps', rate: 'steps/s', json });
  const began = performance.now();
  const rateNow = pace();
  try {
    await checkMemory(networks, pixels, backend);
    signal.throwIfAborted();
    const painted = await paintByOptimising(networks, { content: pixels, style }, recipe, {
      seed: options.seed,
      signal,
      onStep: async ({ step, losses, pixels: now }) => {
        progress.update(step, rateNow(), { loss: Number(losses.total.toPrecision(4)) });
        if (every && step % every === 0 && step < recipe.steps)
          await write(stepPath(out, step), await resizePicture(await now(), pixels));
      },
    });
    progress.stop();
    const { pixels: result, ...found } = painted;
    if (found.end === 'stopped' && found.steps === 0) throw signal.reason;
    await write(out, result);
    const told: OptimizeResult = {
      ...{ input: photo, style: options.style, output: out, preset, optimiser: recipe.optimiser },
      ...{ networks: networks.map(({ name }) => name), width: result.width, height: result.height },
      ...found,
      seconds: Number(((performance.now() - began) / 1000).toFixed(3)),
      backend,
    };
    if (found.end !== 'stopped') return told;
    if (json) print(JSON.stringify(told));
    throw new Interrupted(
      `Interrupted after ${found.steps} of ${recipe.steps} steps; the picture so far is ${out}.`,
    );
  } finally {
    progress.stop();
    for (const network of networks) network[Symbol.dispose]();
  }
}
