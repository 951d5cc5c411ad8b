import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { tell } from '../../log.js';

/** One line of a training's log. */
export interface Entry {
  readonly event: 'step' | 'evaluation' | 'saved' | 'skipped';
  readonly step: number;
  readonly [key: string]: unknown;
}

/** `1:02:03` of a number of seconds. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (n: number) => String(n).padStart(2, '0');
  return `${Math.floor(whole / 3600)}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
}

/** A training's log: JSON lines in `<folder>/log.jsonl`; on a terminal one line of progress, elsewhere the same JSON lines. */
export class Journal implements AsyncDisposable {
  #began = performance.now();
  #firstStep: number | undefined;

  private constructor(
    readonly file: FileHandle,
    readonly steps: number,
    readonly terminal: boolean,
  ) {}

  static async open(
    folder: string,
    steps: number,
    terminal = process.stderr.isTTY === true,
  ): Promise<Journal> {
    await mkdir(folder, { recursive: true });
    return new Journal(await open(join(folder, 'log.jsonl'), 'a'), steps, terminal);
  }

  async write(entry: Entry): Promise<void> {
    const line = JSON.stringify(entry);
    await this.file.appendFile(`${line}\n`);
    if (!this.terminal) tell(line);
    else if (entry.event === 'evaluation') tell(`\r\x1b[K${line}`);
  }

  /** Steps a second since this run began, and the seconds that are left at that pace. */
  pace(step: number): { stepsPerSecond: number; left: number } {
    this.#firstStep ??= step - 1;
    const stepsPerSecond = (step - this.#firstStep) / ((performance.now() - this.#began) / 1000);
    return { stepsPerSecond, left: (this.steps - step) / stepsPerSecond };
  }

  progress(step: number, total: number): void {
    const { stepsPerSecond, left } = this.pace(step);
    if (!this.terminal) return;
    const share = ((100 * step) / this.steps).toFixed(1);
    process.stderr.write(
      `\r\x1b[Kstep ${step} of ${this.steps} (${share} %)  loss ${total.toFixed(3)}  ${stepsPerSecond.toFixed(2)} steps/s  ${clock(left)} left`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.terminal) tell();
    await this.file.close();
  }
}
