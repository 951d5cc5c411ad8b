import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { LivebrushError } from '../../errors.js';

type Answer = Readonly<Record<string, unknown>>;

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/** How much of what a program complains about is kept, in characters. */
const TAIL = 2000;

/** A program that answers one line of JSON on standard output for each on its standard input, in order. */
export class LineProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #closed: Promise<void>;
  #waiting: Waiting[] = [];
  #ended: Error | undefined;
  #stderr = '';

  constructor(
    readonly command: string,
    args: readonly string[],
    env?: NodeJS.ProcessEnv,
  ) {
    this.#child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    const { stdin, stdout, stderr } = this.#child;
    createInterface({ input: stdout! }).on('line', (line) => this.#take(line));
    stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-TAIL);
    });
    // A program that has gone tells so by `close`.
    stdin!.on('error', () => {});
    this.#closed = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#end(error.message);
        resolve();
      });
      this.#child.once('close', () => {
        this.#end(this.#stderr.trim().split('\n').at(-1) || 'it ended');
        resolve();
      });
    });
  }

  /** @throws LivebrushError when the program ends, answers with an error or not within `withinMs`. */
  async ask(question: Answer, withinMs: number): Promise<Answer> {
    if (this.#ended) throw this.#ended;
    const late = setTimeout(() => this.#end(`it gave no answer in ${withinMs / 1000} s`), withinMs);
    try {
      const answer = await new Promise<Answer>((resolve, reject) => {
        this.#waiting.push({ resolve, reject });
        this.#child.stdin!.write(`${JSON.stringify(question)}\n`);
      });
      if (typeof answer.error === 'string') throw new LivebrushError(`${this.command}: ${answer.error}`);
      return answer;
    } finally {
      clearTimeout(late);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end('it was closed');
    await this.#closed;
  }

  #take(line: string): void {
    let answer: unknown;
    try {
      answer = JSON.parse(line);
    } catch {
      // Some libraries print what they like.
      return;
    }
    if (typeof answer === 'object' && answer !== null) this.#waiting.shift()?.resolve(answer as Answer);
  }

  #end(why: string): void {
    this.#ended ??= new LivebrushError(`${this.command}: ${why}`);
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
    this.#child.kill('SIGKILL');
  }
}
