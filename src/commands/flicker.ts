import { type Command, InvalidArgumentError, Option } from 'commander';
import { BadInput, Usage } from '../errors.js';
import { print, tell } from '../log.js';
import type { Pixels, Size } from '../models/pixels.js';
import type { Weights } from '../models/weights.js';
import type { FlickerMeter, FlickerReport } from '../pipeline/flicker.js';
import type { FlickerClip } from '../pipeline/flicker-clips.js';
import type { Frame } from '../pipeline/frame.js';
import type { Resample } from '../pipeline/stages/resize.js';
import type { Steady } from '../pipeline/stages/steady.js';
import type { Stylize } from '../pipeline/stages/stylize.js';
import { gather, type SizeWish, share, size, time } from './options.js';
import { openStudio, type Studio } from './studio.js';

interface Given {
  readonly style?: readonly string[];
  readonly steady: number;
  readonly size: SizeWish;
  readonly from?: number;
  readonly seconds: number;
  readonly sigma: number;
  readonly model: string;
  readonly engine: string;
  readonly json?: boolean;
}

/** Frames a second of a drawn clip. */
const RATE = 25;
const STYLES = ['wave', 'scream', 'starry-night'];

/** What one clip painted in one style shows. */
export interface FlickerRow {
  readonly clip: string;
  readonly style: string;
  readonly report: FlickerReport;
}

/** One style on its way through a clip. */
interface Strand {
  readonly style: string;
  readonly weights: Weights;
  readonly paint: Stylize;
  readonly steady: Steady;
  readonly meter: FlickerMeter;
}

const within =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= most))
      throw new InvalidArgumentError(`It takes a number from ${least} to ${most}.`);
    return value;
  };

async function openStrand(style: string, studio: Studio): Promise<Strand> {
  const [{ Stylize }, { Steady }, { FlickerMeter }] = await Promise.all([
    import('../pipeline/stages/stylize.js'),
    import('../pipeline/stages/steady.js'),
    import('../pipeline/flicker.js'),
  ]);
  const weights = studio.styles.get(style)!;
  const paint = new Stylize({
    open: (wanted) => studio.batcher.lease(wanted),
    stride: studio.stride,
    look: () => ({ weights, strength: 1, keepColor: 0, steady: 0, show: 'paint' }),
  });
  return { style, weights, paint, steady: new Steady(), meter: new FlickerMeter() };
}

/** The pictures of a file, at `size`. */
async function* framesOf(file: string, wanted: Size, given: Given, signal: AbortSignal) {
  const [{ openBackend }, { openScaler }] = await Promise.all([
    import('../pipeline/backends.js'),
    import('../pipeline/codec/scale.js'),
  ]);
  const fromMs = given.from ?? 0;
  const backend = await openBackend('node-av');
  await using source = await backend.openSource(file, {
    ...{ fromMs, toMs: fromMs + 1000 * given.seconds, signal },
  });
  await using scaler = await openScaler();
  const resample: Resample = scaler.resample;
  for await (const taken of source.frames(signal)) {
    using held: Frame = taken;
    yield await resample(held, wanted);
  }
}

async function* drawn(clip: FlickerClip, wanted: Size, { seconds, sigma }: Given) {
  const { drawFlickerClip } = await import('../pipeline/flicker-clips.js');
  const frames = Math.round(RATE * seconds);
  yield* drawFlickerClip(clip, { ...wanted, frames, sigma, seed: 1 });
}

/** Paints a clip in every style, plain and steadied, and measures each. @throws BadInput when it has too few frames. */
async function measureClip(
  clip: string,
  pictures: AsyncIterable<Pixels>,
  studio: Studio,
  { steady: amount, style = STYLES }: Given,
  signal: AbortSignal,
): Promise<FlickerRow[]> {
  const strands: Strand[] = [];
  try {
    for (const name of new Set(style)) strands.push(await openStrand(name, studio));
    const count = await paintAll(pictures, strands, amount, signal);
    if (count < 3) throw new BadInput(`${clip} has fewer than three frames in that part.`);
    return strands.map(({ style, meter }) => ({ clip, style, report: meter.report }));
  } finally {
    for (const strand of strands) await strand.paint[Symbol.asyncDispose]();
  }
}

/** @returns how many pictures there were. */
async function paintAll(
  pictures: AsyncIterable<Pixels>,
  strands: readonly Strand[],
  amount: number,
  signal: AbortSignal,
): Promise<number> {
  const { frame } = await import('../pipeline/frame.js');
  let count = 0;
  for await (const picture of pictures) {
    signal.throwIfAborted();
    using source = frame(picture, count++);
    for (const { paint, steady, weights, meter } of strands) {
      using plain = await paint.run(source);
      meter.add({ source, plain, steadied: steady.run(source, plain, weights, amount) });
    }
  }
  signal.throwIfAborted();
  return count;
}

const HEADS = ['still', 'plain', 'steady', 'dB', 'dB rms', 'sharp', 'still sh.', 'lag'];
const cells = (clip: string, style: string, values: readonly string[]) =>
  clip.slice(-24).padEnd(26) + style.padEnd(14) + values.map((value) => value.padStart(10)).join('');

/** A ratio to nothing is no number. */
const told = (value: number, digits: number) => (Number.isFinite(value) ? value.toFixed(digits) : '-');

function line({ clip, style, report }: FlickerRow): string {
  const { still, plain, steadied, decibels, sharpness, lag } = report;
  return cells(clip, style, [
    `${(100 * still).toFixed(0)} %`,
    ...[plain.mean, steadied.mean].map((value) => value.toFixed(2)),
    ...[decibels.mean, decibels.rms].map((value) => told(value, 1)),
    ...[sharpness.whole, sharpness.still].map((value) => told(value, 3)),
    report.moving > 0 ? told(lag.frames, 2) : '-',
  ]);
}

async function flickerCommand(files: readonly string[], given: Given, signal: AbortSignal): Promise<void> {
  if (typeof given.size === 'number') throw new Usage('--size takes a width and a height such as 320x184.');
  const wanted = given.size;
  const [{ FLICKER_CLIPS }, { basename }] = await Promise.all([
    import('../pipeline/flicker-clips.js'),
    import('node:path'),
  ]);
  await using studio = await openStudio({ ...given, size: wanted, signal });
  await studio.take(given.style ?? STYLES);
  const clips: [string, AsyncIterable<Pixels>][] =
    files.length > 0
      ? files.map((file) => [basename(file), framesOf(file, wanted, given, signal)])
      : FLICKER_CLIPS.map((clip) => [clip, drawn(clip, wanted, given)]);
  const rows: FlickerRow[] = [];
  if (!given.json) print(cells('clip', 'style', HEADS));
  for (const [name, pictures] of clips) {
    tell(`painting ${name}`);
    const measured = await measureClip(name, pictures, studio, given, signal);
    rows.push(...measured);
    if (!given.json) for (const row of measured) print(line(row));
  }
  const { steady, sigma, seconds } = given;
  if (given.json)
    print(
      JSON.stringify({
        model: studio.model.card.name,
        engine: studio.engine.name,
        ...wanted,
        steady,
        sigma,
        seconds,
        rows,
      }),
    );
}

/** `livebrush flicker`: how much a painted clip flickers where nothing moves, and how much less with `--steady`. */
export const flicker = (parent: Command, signal: AbortSignal): void => {
  parent
    .command('flicker')
    .summary('measure flicker, plain and steadied')
    .description('Paint clips plain and steadied and measure how much they flicker where nothing moves.')
    .argument(
      '[videos...]',
      'video files; without one, clips that Livebrush draws: noise, object, exposure, entrance',
    )
    .option('--style <style>', `name or picture (repeatable; default: ${STYLES.join(', ')})`, gather)
    .option('--steady <0..1>', 'how much is held', share, 1)
    .addOption(
      new Option('--size <WxH>', 'size to paint at')
        .argParser(size)
        .default({ width: 320, height: 184 }, '320x184'),
    )
    .option('--from <time>', 'measure from this time on', time)
    .option('--seconds <n>', 'how much of each clip', within(0.2, 3600), 3)
    .option('--sigma <levels>', 'noise of drawn clips, in steps of 255', within(0, 64), 3)
    .option('--model <name>', 'a model by name or file', 'fast')
    .option('--engine <name>', 'what runs the networks', 'auto')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
still: share of the picture in which the source did not change by more than its noise. plain, steady: mean change of
the painting there from frame to frame, in steps of 255. dB: how much less the steadied one changes, by that mean and
by root mean square, - where it does not change at all. sharp: gradient energy, steadied over plain, of the whole
picture and of what stands still. lag: how far the steadied painting is behind the plain one where the source moves, in
frames.

Examples:
  livebrush flicker
  livebrush flicker holiday.mp4 --style wave --seconds 5
  livebrush flicker holiday.mp4 --steady 0.5 --size 640x360 --json`,
    )
    .action((files: string[], given: Given) => flickerCommand(files, given, signal));
};
