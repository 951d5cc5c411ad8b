import type { Readable } from 'node:stream';

const LINE_CHARACTERS = 400;
const FIRST_LINES = 8;
const LAST_LINES = 24;

/** What a process says on standard error: a bounded number of its first and last lines. */
export class StderrTail {
  readonly lines: string[] = [];
  /** Resolves when the process has closed it. */
  readonly closed: Promise<void>;
  #rest = '';

  constructor(stderr: Readable) {
    stderr.setEncoding('utf8');
    stderr.on('data', (text: string) => this.#take(text));
    this.closed = new Promise((resolve) => {
      stderr.once('close', () => {
        this.#add(this.#rest);
        resolve();
      });
    });
  }

  #take(text: string): void {
    const parts = (this.#rest + text).split(/\r\n|\r|\n/);
    this.#rest = parts.pop()!.slice(0, LINE_CHARACTERS);
    for (const line of parts) this.#add(line);
  }

  #add(line: string): void {
    if (!line.trim()) return;
    this.lines.push(line.slice(0, LINE_CHARACTERS));
    if (this.lines.length > FIRST_LINES + LAST_LINES) this.lines.splice(FIRST_LINES, 1);
  }

  has(pattern: RegExp): boolean {
    return this.lines.some((line) => pattern.test(line));
  }

  /** The first line that ffmpeg marks as an error (run it with `-loglevel level+…`), without its marks and addresses. */
  get firstError(): string | undefined {
    const line = this.lines.find((text) => /\[(error|fatal|panic)\]/.test(text));
    return line?.replace(/\[[^\]]*\]\s*/g, '').trim();
  }

  /** The last line. */
  get last(): string | undefined {
    return this.lines
      .at(-1)
      ?.replace(/^(\[[^\]]*\]\s*)+/, '')
      .trim();
  }
}
