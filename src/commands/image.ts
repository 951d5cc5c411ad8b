import { basename } from 'node:path';
import { type Command, Option } from 'commander';
import { Interrupted, LivebrushError } from '../errors.js';
import { print, tell } from '../log.js';
import type { PictureFormat } from '../models/picture-format.js';
import type { Pixels, Size } from '../models/pixels.js';
import { type Easel, paintPicture } from './image-one.js';
import { planTasks, type Task } from './image-tasks.js';
import { count, type LookOptions, type SizeWish, size, withLook } from './options.js';
import { readFiles } from './paths.js';
import { type Programme, playProgramme, readProgramme } from './programme.js';
import { clock, openProgress } from './progress.js';
import { fitted } from './sizes.js';
import { openStudio, type Studio, type UsedStyle } from './studio.js';

/** What `livebrush image` takes beside the pictures. */
export interface ImageOptions extends LookOptions {
  readonly out: string;
  readonly format?: Exclude<PictureFormat, 'gif'>;
  readonly maxPixels: number;
  readonly workSize: SizeWish;
}

/** What became of a picture: its painting, or why there is none. */
export type ImageOutcome = Task &
  (
    | (Size & { readonly seconds: number })
    | { readonly error: { readonly name: string; readonly message: string; readonly hint?: string } }
  );

/** What `livebrush image --json` prints at the end. */
export interface ImageResult {
  readonly pictures: readonly ImageOutcome[];
  readonly painted: number;
  readonly failed: number;
  readonly seconds: number;
  readonly engine: string;
  readonly model: string;
  readonly styles: readonly UsedStyle[];
}

/** What `auto` measures engines at, before it is shrunk to the working size. */
const TYPICAL: Size = { width: 1600, height: 1200 };

/** What a painting says of itself. */
function describe({ mood }: Programme, studio: Studio): string {
  const styles = [...mood.mix].map(([name, share]) =>
    mood.mix.size === 1 ? basename(name) : `${basename(name)} ${Math.round(100 * share)} %`,
  );
  const extras = [
    ...(mood.strength < 1 ? [`strength ${mood.strength}`] : []),
    ...(mood.keepColor ? ['colours kept'] : []),
  ];
  return `Painted by Livebrush: ${[styles.join(' and '), `model ${studio.model.card.name}`, ...extras].join(', ')}`;
}

/** So many pictures are under way: while one is painted, the next is read or the last is written. A third gains nothing. */
const AT_ONCE = 2;

/** What stood in the way of one picture. @throws what stands in the way of all of them. */
function told(error: unknown): { readonly name: string; readonly message: string; readonly hint?: string } {
  if (!(error instanceof LivebrushError) || error instanceof Interrupted) throw error;
  const { name, message, hint } = error;
  return { name, message, ...(hint ? { hint } : {}) };
}

/**
 * Paints the pictures in order; a bad one is told in its outcome and does not stop the others.
 * @throws what stands in the way of all of them, or of the only one, once none is under way.
 */
async function paintAll(
  tasks: readonly Task[],
  easel: Easel,
  json: boolean,
  signal: AbortSignal,
): Promise<ImageOutcome[]> {
  const outcomes: ImageOutcome[] = [];
  const progress = await openProgress({ total: tasks.length, unit: 'pictures', json });
  const began = performance.now();
  const secondsSince = (start: number) => Number(((performance.now() - start) / 1000).toFixed(3));
  // Whoever leaves the loop by an error closes it for the others, too.
  const waiting = (function* () {
    yield* tasks.entries();
  })();
  let done = 0;
  async function paintOn(): Promise<void> {
    for (const [i, task] of waiting) {
      signal.throwIfAborted();
      const start = performance.now();
      try {
        const painted = await paintPicture(task, easel);
        outcomes[i] = { ...task, ...painted, seconds: secondsSince(start) };
      } catch (error) {
        if (tasks.length === 1) throw error;
        outcomes[i] = { ...task, error: told(error) };
      }
      if (++done < tasks.length) progress.update(done, done / Math.max(secondsSince(began), 1e-3));
    }
  }
  try {
    const ends = await Promise.allSettled(Array.from({ length: AT_ONCE }, paintOn));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  } finally {
    progress.stop();
  }
  return outcomes;
}

/**
 * Paints pictures.
 * @throws whatever stands in the way of all of them, or of the only one.
 */
export async function paintPictures(
  inputs: readonly string[],
  options: ImageOptions,
  signal: AbortSignal,
): Promise<ImageResult> {
  const [tasks, programme] = [await planTasks(inputs, options), await readProgramme(options)];
  const [{ Stylize }, { frame }, { resizePicture }] = await Promise.all([
    import('../pipeline/stages/stylize.js'),
    import('../pipeline/frame.js'),
    import('../models/picture.js'),
  ]);
  const start = performance.now();
  const size = fitted(TYPICAL, options.workSize);
  await using studio = await openStudio({ ...options, size, lanes: 1, signal });
  await studio.take(programme.names);
  await using stage = new Stylize({
    open: (wanted) => studio.batcher.lease(wanted),
    stride: studio.stride,
    look: await playProgramme(programme, studio),
    work: { sizeFor: (picture) => fitted(picture, options.workSize), resample: resizePicture },
  });
  const stylize = async (pixels: Pixels) => {
    using picture = frame(pixels, 0);
    using painting = await stage.run(picture);
    const { data, width, height } = painting;
    return { data, width, height };
  };
  const read = await readFiles([
    ...tasks.map(({ input }) => [input, 'another of the pictures to paint'] as const),
    ...programme.names.map((name) => [name, 'the style picture'] as const),
  ]);
  const easel = { stylize, description: describe(programme, studio), options, read };
  const pictures = await paintAll(tasks, easel, options.json ?? false, signal);
  const failed = pictures.filter((picture) => 'error' in picture).length;
  return {
    pictures,
    painted: pictures.length - failed,
    failed,
    seconds: Number(((performance.now() - start) / 1000).toFixed(3)),
    engine: studio.engine.name,
    model: studio.model.card.name,
    styles: studio.used,
  };
}

function report({ pictures, painted, seconds, engine, model }: ImageResult): void {
  for (const picture of pictures)
    if ('error' in picture) {
      tell(`livebrush: ${picture.error.message}`);
      if (picture.error.hint) tell(`  ${picture.error.hint}`);
    } else print(picture.output);
  if (pictures.length > 1)
    tell(`${painted} of ${pictures.length} painted in ${clock(seconds)} (${model} on ${engine}).`);
}

const examples = `
Pictures are PNG, JPEG, WebP, GIF (its first frame) or AVIF, upright as their EXIF orientation says; transparency is
kept. A painting has the size of its picture, or less with --size. Large ones are painted at --work-size and scaled
up, since the network's memory grows with the pixels: with the model fast about 1 GB at 1536x1024, 7 GB at 4096x2730.
One bad picture does not stop the others; the exit code is then 1.

Examples:
  livebrush image photo.jpg --style wave --out painted.png
  livebrush image photos/ more.jpg --style any-painting.jpg --strength 0.8 --out painted/ --format webp`;

/** `livebrush image`: paints pictures. */
export const image = (parent: Command, signal: AbortSignal): void => {
  const command = parent
    .command('image')
    .summary('paint pictures')
    .description('Paint pictures: one, several, or those that lie in folders.')
    .argument('<picture...>', 'pictures, or folders of them')
    .requiredOption(
      '--out <file|folder>',
      'the painting, or the folder for several (made if it is not there)',
    );
  withLook(command)
    .option('--size <n|WxH>', 'longest side of the painting, or the size it shall fit in', size)
    .addOption(
      new Option('--work-size <n|WxH>', 'the same for the size to paint at').argParser(size).default(1536),
    )
    .addOption(
      new Option('--format <name>', 'format in a folder (default: that of the picture)').choices([
        'png',
        'jpeg',
        'webp',
        'avif',
      ]),
    )
    .addOption(
      new Option('--max-pixels <n>', 'refuse pictures with more pixels')
        .argParser(count)
        .default(40e6, '40M'),
    )
    .option('--overwrite', 'replace paintings that exist')
    .option('--json', 'print the result, and progress before it, as lines of JSON')
    .addHelpText('after', examples)
    .action(async (inputs: string[], options: ImageOptions) => {
      const result = await paintPictures(inputs, options, signal);
      if (options.json) print(JSON.stringify(result));
      else report(result);
      if (result.failed > 0) process.exitCode = 1;
    });
};
