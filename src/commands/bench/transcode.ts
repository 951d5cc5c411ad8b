import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Size } from '../../models/pixels.js';
import type { TranscodeResult } from '../transcode.js';
import { type Bench, inWords, type Part } from './part.js';
import { summarise } from './statistics.js';
import { digits, type Table } from './table.js';

const defaults = { size: { width: 640, height: 360 }, seconds: 4, fps: 25 };
const [RUNS, FULL_RUNS] = [2, 5];

/** Draws a clip with a moving scene and writes it as H264. */
async function drawClip(path: string, size: Size, seconds: number, signal: AbortSignal): Promise<void> {
  const [{ Scene }, { openBackend }, { frame }] = await Promise.all([
    import('../../pipeline/demo/scene.js'),
    import('../../pipeline/backends.js'),
    import('../../pipeline/frame.js'),
  ]);
  const backend = await openBackend('node-av');
  const { fps } = defaults;
  await using sink = await backend.openSink(path, {
    ...size,
    ...{ timeBase: { num: 1, den: 12_800 }, frameRate: { num: fps, den: 1 } },
    ...{ pixelAspect: { num: 1, den: 1 }, codec: 'h264', signal },
  });
  const scene = new Scene(size);
  for (let i = 0; i < Math.max(1, Math.round(fps * seconds)); i++)
    await sink.write(frame(scene.draw(i / fps), Math.round((i * 1e6) / fps)));
  await sink.finish();
}

interface Told {
  readonly fps: number;
  readonly seconds: number;
  /** Mean milliseconds a frame of each stage. */
  readonly stages: Readonly<Record<string, number>>;
  /** How many times as long the whole took as its slowest stage alone: 1 where all others hide behind it. */
  readonly overlap: number;
}

/** The figures of a run. */
export function toldOf({
  fps,
  seconds,
  stages,
  busy,
}: Pick<TranscodeResult, 'fps' | 'seconds' | 'stages' | 'busy'>): Told {
  const slowest = Math.max(...Object.values(busy));
  return { fps, seconds, stages, overlap: slowest > 0 ? seconds / slowest : 1 };
}

const medianOf = (runs: readonly Told[], of: (run: Told) => number) => summarise(runs.map(of)).median;

function tableOf(about: string, runs: readonly Told[]): Table {
  const rates = summarise(runs.map(({ fps }) => fps));
  const stages = Object.keys(runs[0]!.stages);
  return {
    title: about,
    columns: ['', 'median'],
    rows: [
      ['frames/s end to end', `${digits(rates.median)} (${digits(rates.q1)}–${digits(rates.q3)})`],
      ...stages.map((stage) => [
        stage === 'finish' ? 'finish, ms in all' : `${stage}, ms a frame`,
        digits(medianOf(runs, (run) => run.stages[stage] ?? 0)),
      ]),
      ['whole over its slowest stage', medianOf(runs, ({ overlap }) => overlap).toFixed(2)],
    ],
  };
}

/** A video from end to end, several times; stages overlap, so they do not add up. */
export const transcode: Part = async ({ options, file, signal, show, note }: Bench) => {
  const { transcodeFile } = await import('../transcode.js');
  const { size: [size = defaults.size] = [], seconds = defaults.seconds } = options;
  const { engine, model, style, hardware } = options;
  const folder = await mkdtemp(join(tmpdir(), 'livebrush-bench-'));
  try {
    const clip = file ?? join(folder, 'clip.mp4');
    if (!file) {
      note(`drawing a clip of ${inWords(size)}, ${seconds} s …`);
      await drawClip(clip, size, seconds, signal);
    }
    const look = {
      style: [style],
      strength: 1,
      model,
      engine: engine?.[0] ?? 'auto',
      media: 'node-av',
      hardware,
    } as const;
    const runs: TranscodeResult[] = [];
    const count = options.runs ?? (options.full ? FULL_RUNS : RUNS);
    for (let i = 0; i < count; i++)
      runs.push(await transcodeFile(clip, join(folder, 'painted.mp4'), { ...look, overwrite: true }, signal));
    const told = runs.map(toldOf);
    const { width, height, frames, engine: used, encoder, notes } = runs[0]!;
    const about = `${inWords({ width, height })}, ${frames} frames, ${file ? 'H264 out' : 'H264 in and out'}, ${encoder}`;
    for (const line of hardware === 'off' ? [] : notes) note(line);
    show(tableOf(`a file from end to end: ${model} on ${used}, ${about}`, told));
    return { model, engine: used, encoder, width, height, frames, runs: told };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};
