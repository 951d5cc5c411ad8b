import { type Command, Option } from 'commander';
import { BadInput, Unsupported, Usage } from '../errors.js';
import { print, tell } from '../log.js';
import type { Hardware, HardwareOptions } from '../pipeline/codec/hardware/hardware.js';
import { type HardwareChoice, hardwareChoices } from '../pipeline/codec/hardware/kinds.js';
import type { MediaBackend, MediaInfo, MediaSink, MediaSource, VideoCodec } from '../pipeline/media.js';
import { Meter, type MeterReport } from '../pipeline/meter.js';
import type { FrameSink } from '../pipeline/sink.js';
import type { Resample } from '../pipeline/stages/resize.js';
import { type LookOptions, share, size, time, withLook } from './options.js';
import { checkOutput } from './paths.js';
import { type Programme, playProgramme, readProgramme } from './programme.js';
import { clock, openProgress, type Progress } from './progress.js';
import { planSizes, type SizePlan } from './sizes.js';
import { openStudio, type Studio, type UsedStyle } from './studio.js';

/** What `livebrush transcode` takes beside the files. */
export interface TranscodeOptions extends LookOptions {
  readonly media: MediaBackend['name'];
  readonly codec?: VideoCodec;
  /** What codes in hardware. */
  readonly hardware?: HardwareChoice;
  /** How much of the painting is held where nothing moves, 0 to 1. */
  readonly steady?: number;
  /** A file with a cue list. */
  readonly cues?: string;
  /** The part to paint, in milliseconds from the start of the file. */
  readonly from?: number;
  readonly to?: number;
}

/** What `livebrush transcode --json` prints at the end. */
export interface TranscodeResult extends MeterReport {
  readonly engine: string;
  readonly model: string;
  readonly styles: readonly UsedStyle[];
  readonly media: MediaBackend['name'];
  readonly input: string;
  readonly output: string;
  readonly width: number;
  readonly height: number;
  readonly codec: VideoCodec;
  /** FFmpeg's name of who encoded. */
  readonly encoder: string;
  /** What could not go along or had to be re-encoded. */
  readonly notes: readonly string[];
  /** What is wrong with the input, when only a part of it could be read. */
  readonly damage?: string;
}

/** How many frames will come, as far as one can tell. */
function expectedFrames(info: MediaInfo, { from = 0, to }: TranscodeOptions): number | undefined {
  const { frameCount, durationMs } = info;
  if (frameCount === undefined || (from === 0 && to === undefined)) return frameCount;
  if (!durationMs) return undefined;
  const part = Math.min(to ?? durationMs, durationMs) - from;
  return Math.max(0, Math.round((frameCount * part) / durationMs));
}

/** What codes in hardware. @throws Usage with another program doing the reading and writing */
async function openHardware(
  { hardware, media }: TranscodeOptions,
  options: HardwareOptions,
): Promise<Hardware | undefined> {
  const { hardwareOf } = await import('../pipeline/codec/hardware/hardware.js');
  const opened = hardwareOf(hardware, options);
  if (opened && media !== 'node-av') throw new Usage('--hardware needs --media node-av.');
  return opened;
}

interface Resampling extends AsyncDisposable {
  readonly resample: Resample;
}

/** What resamples frames: swscale, or libvips where node-av is missing and an ffmpeg beside us does the rest. */
async function openResampling(): Promise<Resampling> {
  try {
    const { openScaler } = await import('../pipeline/codec/scale.js');
    return await openScaler();
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    const { resizePicture } = await import('../models/picture.js');
    return { resample: resizePicture, async [Symbol.asyncDispose]() {} };
  }
}

/** A sink that refuses to finish without a frame: such a file would be of no use. */
function atLeastOne(sink: MediaSink, meter: Meter, sentence: string): FrameSink {
  return {
    write: (frame) => sink.write(frame),
    finish: async () => {
      if (meter.frames === 0) throw new BadInput(sentence);
      await sink.finish();
    },
    [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose](),
  };
}

interface Painting {
  readonly source: MediaSource;
  readonly sink: FrameSink;
  readonly sizes: SizePlan;
  readonly programme: Programme;
  readonly studio: Studio;
  readonly meter: Meter;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Sends every frame of the source through resizing and painting into the sink. */
async function paint({ source, sink, sizes, programme, studio, ...rest }: Painting): Promise<void> {
  const [{ run }, { resize, sameSize }, { Stylize }] = await Promise.all([
    import('../pipeline/run.js'),
    import('../pipeline/stages/resize.js'),
    import('../pipeline/stages/stylize.js'),
  ]);
  const { output, work } = sizes;
  const [resizes, scales] = [!sameSize(source.info, output), !sameSize(output, work)];
  await using first = resizes ? await openResampling() : undefined;
  await using second = scales ? await openResampling() : undefined;
  await using stylize = new Stylize({
    open: (wanted) => studio.batcher.lease(wanted),
    stride: studio.stride,
    look: await playProgramme(programme, studio),
    ...(second ? { work: { sizeFor: () => work, resample: second.resample } } : {}),
  });
  const stages = first ? [resize(output, first.resample), stylize] : [stylize];
  const { progress, meter, signal } = rest;
  const onFrame = () => progress.update(meter.frames, meter.recentFps);
  await run({ source, stages, sink, signal, meter, onFrame });
}

/**
 * Paints a video file.
 * @throws whatever stands in the way, as one of `errors.ts`; then nothing stands under the output's name.
 */
export async function transcodeFile(
  input: string,
  output: string,
  options: TranscodeOptions,
  signal: AbortSignal,
): Promise<TranscodeResult> {
  const { from: fromMs, to: toMs, media, overwrite } = options;
  const notes: string[] = [];
  const hardware = await openHardware(options, { signal, onNote: (note) => notes.push(note) });
  if (toMs !== undefined && toMs <= (fromMs ?? 0))
    throw new Usage('There is nothing between --from and --to.');
  await checkOutput(input, output, overwrite);
  const [{ codecFor, containerOf }, { openBackend }] = await Promise.all([
    import('../pipeline/containers.js'),
    import('../pipeline/backends.js'),
  ]);
  const codec = codecFor(output, containerOf(output), options.codec);
  const programme = await readProgramme(options);
  const backend = await openBackend(media);
  await using source = await backend.openSource(input, { fromMs, toMs, hardware, signal });
  const { info } = source;
  const sizes = planSizes(info, options);
  const { width, height } = sizes.output;
  await using studio = await openStudio({ ...options, size: sizes.work, signal });
  await studio.take(programme.names);
  signal.throwIfAborted();
  const { timeBase, frameRate } = info;
  await using sink = await backend.openSink(output, {
    ...{ width, height, timeBase, frameRate, pixelAspect: sizes.pixelAspect },
    ...{ codec, copyFrom: input, fromMs, toMs, overwrite, hardware, signal },
  });
  const meter = new Meter();
  const progress = await openProgress({
    total: expectedFrames(info, options),
    unit: 'frames',
    json: options.json,
  });
  const counted = atLeastOne(sink, meter, `${input} has no frame ${fromMs ? 'in that part' : 'to paint'}.`);
  try {
    await paint({ source, sink: counted, sizes, programme, studio, meter, progress, signal });
  } finally {
    progress.stop();
  }
  return {
    ...meter.report(),
    ...{ engine: studio.engine.name, model: studio.model.card.name, styles: studio.used, media },
    ...{ input, output, width, height, codec, encoder: sink.encoder },
    notes: [...sink.notes, ...notes],
    ...(source.damage === undefined ? {} : { damage: source.damage }),
  };
}

/** Tells a person what came of it: the result on standard output, warnings on standard error. */
function report(result: TranscodeResult): void {
  const { frames, fps, seconds, engine, model, output, damage, notes } = result;
  print(
    `${output}: ${frames} frames in ${clock(seconds)}, ${fps.toFixed(1)} a second (${model} on ${engine}).`,
  );
  for (const note of notes) tell(`note: ${note}`);
  if (damage) tell(`warning: ${damage} What is whole was painted.`);
}

const examples = `
Times are seconds (90.5) or clock times (1:30, 00:01:30.500).
With --size 1280x720 the output has that size, with --size 720 that height; --work-size is the size that the network
paints at, scaled up to the output afterwards: smaller is faster, and its strokes are larger. The network's memory
grows with the pixels that it paints: with the model fast about 1.5 GB for 1080p, 5 GB for 4K.
A cue list is JSON: [{"at": 2.5, "style": "wave", "fadeMs": 500}, {"frame": 240, "strength": 0.5}]; each cue has "at"
(seconds) or "frame", both counted from the first painted frame, and any of "style" (a name, or a list of {"style",
"weight"}), "strength", "keepColor", "steady", "show" ("paint", "bypass", "blackout"), "fadeMs". The panel and the API of
\`livebrush serve\` save what was played live as such a list.
With --hardware auto, or the name of one (${hardwareChoices.slice(2).join(', ')}),
pictures are decoded and encoded by hardware that was tried on a short film first; where none works, software does it
and a note says why. Software makes smaller files of the same look: hardware is for large pictures and slow processors.

Examples:
  livebrush transcode holiday.mp4 painted.mp4 --style any-painting.jpg
  livebrush transcode holiday.mp4 painted.mp4 --style wave:0.7 --style scream:0.3 --strength 0.8
  livebrush transcode holiday.mp4 painted.webm --style wave --size 720 --codec vp9 --from 1:00 --to 1:30
  livebrush transcode holiday.mp4 painted.mp4 --cues cues.json --json`;

/** `livebrush transcode`: paints a video file. */
export const transcode = (parent: Command, signal: AbortSignal): void => {
  const command = parent
    .command('transcode')
    .summary('paint a video file')
    .description('Paint a video file; sound, subtitles, chapters and metadata go along.')
    .argument('<input>', 'a video file')
    .argument('<output>', 'the painted file; its extension names the container (mp4, mov, mkv, webm, ts, …)');
  withLook(command)
    .option('--size <WxH>', 'size of the output (default: that of the input)', size)
    .option('--work-size <WxH>', 'size to paint at (default: that of the output)', size)
    .addOption(new Option('--codec <name>', 'video codec').choices(['h264', 'h265', 'vp9', 'av1']))
    .addOption(
      new Option('--media <name>', 'what reads and writes video: node-av, or the ffmpeg of this system')
        .choices(['node-av', 'ffmpeg'])
        .default('node-av'),
    )
    .addOption(
      new Option('--hardware <name>', 'codes video in hardware where that proves itself, see below')
        .choices(hardwareChoices)
        .default('off'),
    )
    .option('--steady <0..1>', 'hold the painting where nothing moves: less flicker', share)
    .option('--cues <file>', 'a list of times at which the look changes, see below')
    .option('--from <time>', 'paint from this time on', time)
    .option('--to <time>', 'and up to this time', time)
    .option('--overwrite', 'replace the output if it exists')
    .option('--json', 'print the result, and progress before it, as lines of JSON')
    .addHelpText('after', examples)
    .action(async (input: string, output: string, options: TranscodeOptions) => {
      const result = await transcodeFile(input, output, options, signal);
      if (options.json) print(JSON.stringify(result));
      else report(result);
    });
};
