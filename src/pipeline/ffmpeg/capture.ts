import { type Ended, IsolatedProcess } from './process.js';

/** More than any answer that is asked for, in bytes. */
const MOST_BYTES = 8 << 20;
/** A question that is not answered in this time is not answered, in milliseconds. */
const LIMIT_MS = 30_000;

/** All that a short-lived program wrote, and how it ended. */
export interface Captured {
  /** What it wrote to standard output, as far as it was read. */
  readonly text: string;
  readonly ended: Ended;
}

/** Runs a program to its end, or until it has said too much or taken too long, and returns what it said. */
export async function capture(
  file: string,
  args: readonly string[],
  { signal, limitMs = LIMIT_MS }: { signal?: AbortSignal; limitMs?: number } = {},
): Promise<Captured> {
  await using child = await IsolatedProcess.start(file, args, { confined: true, signal, limitMs });
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MOST_BYTES) break;
    }
  } catch {
    // The pipe was closed under the reader: `ended` says why.
  }
  if (length > MOST_BYTES) child.stop();
  return { text: Buffer.concat(chunks).toString('utf8'), ended: await child.ended };
}
