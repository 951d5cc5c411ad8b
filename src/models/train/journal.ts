import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { tell } from '../../log.js';
import { writeFailure, writeWhole } from '../files.js';
import type { StepResult } from './course.js';
import { type EventImage, EventWriter } from './tensorboard.js';

/** `1:02:03` of a number of seconds. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

/** How a training shows itself: one line of progress, JSON lines, or not at all. */
export type Show = 'line' | 'json' | 'none';

/** What is told of a step. */
export interface StepReport extends StepResult {
  readonly rate: number;
  /** Seconds of training so far, earlier runs included. */
  readonly seconds: number;
  /** Steps skipped so far. */
  readonly skips: number;
}

/** Ends a line that a killed run left half-written, so that the next one stands by itself. */
async function closeLine(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  if (size === 0) return;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  if (buffer.toString() !== '\n') await file.appendFile('\n');
}

/** How a run ended: all steps are made, its user stopped it, or it failed. */
export type Ending = 'done' | 'stopped' | 'failed';

/**
 * What a training leaves behind for people: JSON lines in `log.jsonl`, TensorBoard events in `events/`, sample
 * sheets in `sheets/`.
 */
export class Journal implements AsyncDisposable {
  readonly #began = performance.now();
  #first: number | undefined;

  private constructor(
    readonly folder: string,
    readonly steps: number,
    readonly show: Show,
    private readonly file: FileHandle,
    private readonly events: EventWriter,
  ) {}

  /** @throws CannotWrite */
  static async open(folder: string, steps: number, show?: Show): Promise<Journal> {
    try {
      await mkdir(join(folder, 'sheets'), { recursive: true });
      const file = await open(join(folder, 'log.jsonl'), 'a+');
      await closeLine(file);
      const events = await EventWriter.open(join(folder, 'events'));
      return new Journal(folder, steps, show ?? (process.stderr.isTTY ? 'line' : 'json'), file, events);
    } catch (cause) {
      throw writeFailure(folder, cause);
    }
  }

  /** Tells that a run begins, at a step, with which options: what joins several runs of one log. */
  async begin(step: number, options: object): Promise<void> {
    await this.#write('begin', step, { steps: this.steps, at: new Date().toISOString(), options });
  }

  async end(step: number, reason: Ending): Promise<void> {
    await this.#write('end', step, { reason });
  }

  /** Shows a step on a terminal; writes it down when it is due or was skipped. */
  async step(step: number, report: StepReport, due: boolean): Promise<void> {
    const { losses, watched, norm, skipped, rate, seconds, skips } = report;
    this.#first ??= step - 1;
    const stepsPerSecond = ((step - this.#first) * 1000) / (performance.now() - this.#began);
    const left = (this.steps - step) / stepsPerSecond;
    if (this.show === 'line') this.#line(step, losses.total!, stepsPerSecond, left);
    if (!due && !skipped) return;
    await this.#write(skipped ? 'skipped' : 'step', step, {
      ...{ ...losses, ...watched, norm, rate, skips },
      seconds: Math.round(seconds),
      stepsPerSecond: Number(stepsPerSecond.toFixed(3)),
      left: Math.round(left),
    });
    await this.events.scalars(step, {
      ...Object.fromEntries(Object.entries(losses).map(([name, value]) => [`loss/${name}`, value])),
      ...Object.fromEntries(Object.entries(watched).map(([name, value]) => [`training/${name}`, value])),
      'training/gradient norm': norm,
      'training/learning rate': rate,
      'training/skipped steps': skips,
      'training/steps per second': stepsPerSecond,
    });
  }

  async evaluation(step: number, losses: Readonly<Record<string, number>>): Promise<void> {
    await this.#write('evaluation', step, losses);
    const tagged = Object.entries(losses).map(([name, value]) => [`held-out/${name}`, value]);
    await this.events.scalars(step, Object.fromEntries(tagged));
  }

  async sheet(step: number, image: EventImage): Promise<void> {
    await writeWhole(join(this.folder, 'sheets', `step-${step}.png`), image.png);
    await this.events.image(step, 'sheet', image);
  }

  /** Distributions of weights, by name; how many numbers of each are not finite where any is not. */
  async histograms(step: number, values: Readonly<Record<string, ArrayLike<number>>>): Promise<void> {
    const broken: Record<string, number> = {};
    for (const [tag, numbers] of Object.entries(values)) {
      const leftOut = await this.events.histogram(step, tag, numbers);
      if (leftOut > 0) broken[`not finite/${tag}`] = leftOut;
    }
    if (Object.keys(broken).length > 0) await this.events.scalars(step, broken);
  }

  async saved(step: number, seconds: number): Promise<void> {
    await this.#write('saved', step, { seconds: Math.round(seconds) });
  }

  #line(step: number, total: number, stepsPerSecond: number, left: number): void {
    const share = ((100 * step) / this.steps).toFixed(1);
    process.stderr.write(
      `\r\x1b[Kstep ${step} of ${this.steps} (${share} %)  loss ${total.toFixed(3)}  ` +
        `${stepsPerSecond.toFixed(2)} steps/s  ${clock(left)} left`,
    );
  }

  async #write(event: string, step: number, values: object): Promise<void> {
    const line = JSON.stringify({ event, step, ...values });
    await this.file.appendFile(`${line}\n`);
    if (this.show === 'json') tell(line);
    if (this.show === 'line' && event === 'evaluation') tell(`\r\x1b[K${line}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.show === 'line') tell();
    await this.file.close();
    await this.events[Symbol.asyncDispose]();
  }
}
