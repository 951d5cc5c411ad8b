import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodePicture } from '../../src/models/picture.js';
import { tinyModelFile } from '../models/tiny-model.js';

const program = fileURLToPath(new URL('../../bin/livebrush.cjs', import.meta.url));

/** A folder of this test file with everything that painting needs, gone when the process ends. */
export async function workshop(): Promise<{ folder: string; model: string; style: string; other: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'livebrush-cli-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  for (const [name, sub] of [
    ['LIVEBRUSH_CACHE', 'cache'],
    ['LIVEBRUSH_HOME', 'home'],
  ] as const) {
    process.env[name] = join(folder, sub);
    await mkdir(join(folder, sub));
  }
  const model = join(folder, 'tiny.safetensors');
  await writeFile(model, tinyModelFile());
  const paths = [join(folder, 'style.png'), join(folder, 'other.png')] as const;
  for (const [i, path] of paths.entries()) {
    const data = Uint8Array.from({ length: 3 * 40 * 40 }, (_, k) => (k * (7 + 90 * i)) % 256);
    await writeFile(path, await encodePicture({ data, width: 40, height: 40 }, 'png'));
  }
  return { folder, model, style: paths[0], other: paths[1] };
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The last line of standard output, read as JSON. */
  readonly json: () => Record<string, unknown>;
}

/** Starts the command line as a person does. */
export function start(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): { process: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: options.cwd,
    env: { ...process.env, LIVEBRUSH_LOG: 'warn', ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const json = () => JSON.parse(texts.stdout.trim().split('\n').at(-1)!) as Record<string, unknown>;
      resolve({ code, signal, ...texts, json });
    });
  });
  return { process: child, ended };
}

/** Runs the command line to its end. */
export const livebrush = (...args: string[]): Promise<Ended> => start(args).ended;
