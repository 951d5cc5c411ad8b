import { type FileHandle, open, stat } from 'node:fs/promises';

/** Bytes read at once. */
const CHUNK = 1 << 18;
/** Bytes of a line; a longer one is passed over. */
const LONGEST = 1 << 18;
const NEWLINE = 10;

/** What is read since the last time. */
export interface Grown {
  /** Whether the file is another one than before, or was cut: everything begins anew. */
  readonly anew: boolean;
  /** When the file was last written, in milliseconds since 1970; undefined while there is none. */
  readonly changed: number | undefined;
}

/**
 * Reads the lines of a file that somebody else writes, as it grows. A line counts once its end is written; memory is
 * bounded whatever the file holds.
 */
export class GrowingLines {
  #at = 0;
  #file: number | undefined;
  #rest = Buffer.alloc(0);
  #overlong = false;

  constructor(readonly path: string) {}

  /** Reads on to the end of the file. An overlong line is given as undefined. */
  async read(take: (line: string | undefined) => void, restart: () => void): Promise<Grown> {
    const about = await stat(this.path).catch(() => undefined);
    // A pipe of that name would wait for its writer forever.
    if (!about?.isFile()) return { anew: false, changed: undefined };
    const anew = this.#at > 0 && (about.ino !== this.#file || about.size < this.#at);
    if (anew) {
      this.#forget();
      restart();
    }
    this.#file = about.ino;
    if (about.size > this.#at) {
      await using file = await open(this.path, 'r');
      await this.#drain(file, about.size, take);
    }
    return { anew, changed: about.mtimeMs };
  }

  async #drain(file: FileHandle, end: number, take: (line: string | undefined) => void): Promise<void> {
    const buffer = Buffer.alloc(CHUNK);
    while (this.#at < end) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(CHUNK, end - this.#at), this.#at);
      if (bytesRead === 0) return;
      this.#at += bytesRead;
      this.#split(buffer.subarray(0, bytesRead), take);
    }
  }

  #split(chunk: Buffer, take: (line: string | undefined) => void): void {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      const piece = chunk.subarray(from, to);
      const long = this.#overlong || this.#rest.length + piece.length > LONGEST;
      take(long ? undefined : Buffer.concat([this.#rest, piece]).toString('utf8'));
      this.#rest = Buffer.alloc(0);
      this.#overlong = false;
      from = to + 1;
    }
    this.#overlong ||= this.#rest.length + chunk.length - from > LONGEST;
    this.#rest = this.#overlong ? Buffer.alloc(0) : Buffer.concat([this.#rest, chunk.subarray(from)]);
  }

  #forget(): void {
    this.#at = 0;
    this.#rest = Buffer.alloc(0);
    this.#overlong = false;
  }
}
