import { once, setMaxListeners } from 'node:events';
import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { NotFound } from '../errors.js';
import { log } from '../log.js';
import { GrowingLines } from './training-lines.js';
import type { TrainingMessage, TrainingRow, TrainingSheet } from './training-protocol.js';
import { TrainingRecord } from './training-record.js';
import { listSheets } from './training-sheets.js';

/** How often the folder is looked at. */
const POLL_MS = 500;
/** Rows kept for those who follow; who is further behind is told everything anew. */
const MOST_ROWS = 2000;

/** What somebody has been told. */
export interface Told {
  readonly generation: number;
  /** Rows told, and how many of them since everything was told at once. */
  readonly rows: number;
  readonly single: number;
  readonly sheets: readonly TrainingSheet[];
  readonly version: number;
}

async function check(folder: string): Promise<void> {
  const about = await stat(folder).catch(() => undefined);
  if (!about?.isDirectory())
    throw new NotFound(`There is no folder ${folder}.`, {
      hint: 'Name the folder that was given to livebrush train as --out.',
    });
  const file = await stat(join(folder, 'log.jsonl')).catch(() => undefined);
  if (!file?.isFile())
    throw new NotFound(`${folder} holds no training: there is no log.jsonl in it.`, {
      hint: 'Name the folder that was given to livebrush train as --out.',
    });
}

/** A training, seen through the files of its folder alone: it may run here, elsewhere, or be over. */
export class TrainingFolder implements Disposable {
  readonly name: string;
  readonly #lines: GrowingLines;
  readonly #tellers = new EventTarget();
  readonly #timer: NodeJS.Timeout;
  #record = new TrainingRecord();
  #generation = 0;
  #rows: TrainingRow[] = [];
  #first = 0;
  #sheets: readonly TrainingSheet[] = [];
  #sheetsChanged: number | undefined;
  #changed: number | undefined;
  #version = 0;
  #seen = '';
  #polling: Promise<void> | undefined;

  private constructor(readonly folder: string) {
    this.name = basename(resolve(folder));
    this.#lines = new GrowingLines(join(folder, 'log.jsonl'));
    // As many as follow: the page bounds them.
    setMaxListeners(0, this.#tellers);
    this.#timer = setInterval(() => void this.poll(), POLL_MS);
    this.#timer.unref();
  }

  /** @param awaited whether the training is only about to begin. @throws NotFound */
  static async open(folder: string, { awaited = false } = {}): Promise<TrainingFolder> {
    if (!awaited) await check(folder);
    const training = new TrainingFolder(folder);
    await training.poll();
    return training;
  }

  /** Looks at the folder now. */
  poll(): Promise<void> {
    this.#polling ??= this.#look()
      .catch((error: unknown) => log.warn({ err: error, folder: this.folder }, 'the training cannot be read'))
      .finally(() => {
        this.#polling = undefined;
      });
    return this.#polling;
  }

  async #look(): Promise<void> {
    const grown = await this.#lines.read(
      (line) => this.#take(line),
      () => this.#restart(),
    );
    this.#changed = grown.changed;
    await this.#lookAtSheets();
    const seen = JSON.stringify([this.#progress(), this.#sheetsChanged, this.#generation]);
    if (seen === this.#seen) return;
    this.#seen = seen;
    this.#version++;
    this.#tellers.dispatchEvent(new Event('change'));
  }

  async #lookAtSheets(): Promise<void> {
    // Sheets are written whole under another name and then moved here, which changes the folder.
    const changed = (await stat(join(this.folder, 'sheets')).catch(() => undefined))?.mtimeMs;
    if (changed === this.#sheetsChanged) return;
    this.#sheetsChanged = changed;
    this.#sheets = await listSheets(this.folder);
  }

  #take(line: string | undefined): void {
    const row = this.#record.take(line);
    if (row === undefined) return;
    if (row === 'anew') this.#anew();
    else {
      this.#rows.push(row);
      if (this.#rows.length < 2 * MOST_ROWS) return;
      this.#first += this.#rows.length - MOST_ROWS;
      this.#rows = this.#rows.slice(-MOST_ROWS);
    }
  }

  #restart(): void {
    this.#record = new TrainingRecord();
    this.#anew();
  }

  #anew(): void {
    this.#generation++;
    this.#first += this.#rows.length;
    this.#rows = [];
  }

  #progress() {
    return this.#record.progress(this.#changed, Date.now());
  }

  /** What is new to somebody: everything to who has been told nothing, or too much in pieces. */
  news(told?: Told): { readonly message: TrainingMessage; readonly told: Told } {
    const { name } = this;
    const progress = this.#progress();
    const rows = this.#first + this.#rows.length;
    const follows =
      told?.generation === this.#generation && told.rows >= this.#first && told.single < MOST_ROWS;
    const sheets = told?.sheets === this.#sheets ? {} : { sheets: this.#sheets };
    const more = follows ? this.#rows.slice(told.rows - this.#first) : [];
    const { training, heldOut, runs } = this.#record;
    const whole = follows
      ? {}
      : { whole: { training: training.columns(), heldOut: heldOut.columns(), runs } };
    const single = follows ? told.single + more.length : 0;
    return {
      message: { name, progress, ...whole, rows: more, ...sheets },
      told: {
        generation: this.#generation,
        version: this.#version,
        ...{ rows, single, sheets: this.#sheets },
      },
    };
  }

  /** Waits until there is something that somebody has not been told. */
  async changed(told: Told, signal: AbortSignal): Promise<void> {
    if (told.version === this.#version) await once(this.#tellers, 'change', { signal });
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
