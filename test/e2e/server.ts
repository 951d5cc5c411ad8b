import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/livebrush.cjs', import.meta.url));

/** A server as a person starts it, in a folder of its own. */
export interface RunningServer {
  readonly url: string;
  readonly process: ChildProcess;
  readonly folder: string;
  /** What it wrote to standard error. */
  readonly errors: () => string;
  json<T>(path: string, init?: RequestInit): Promise<T>;
  /** Ends it as Ctrl-C does. @returns its exit code. */
  stop(): Promise<number | null>;
}

/** Starts `livebrush serve` on free ports with some settings (`key=value`). */
export async function startServer(...settings: readonly string[]): Promise<RunningServer> {
  const folder = mkdtempSync(join(tmpdir(), 'livebrush-serve-'));
  const from = 12_000 + Math.floor(Math.random() * 200) * 50;
  const given = [`webrtc.udpPorts=[${from}, ${from + 49}]`, 'webrtc.tcp=false', ...settings];
  const args = ['serve', '--port', '0', '--json', ...given.flatMap((setting) => ['-c', setting])];
  const child = spawn(process.execPath, [program, ...args], {
    cwd: folder,
    env: {
      ...process.env,
      ...{
        LIVEBRUSH_CACHE: join(folder, 'cache'),
        LIVEBRUSH_HOME: join(folder, 'home'),
        LIVEBRUSH_LOG: 'warn',
      },
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = once(child, 'exit');
  const first = (async () => {
    for await (const line of createInterface({ input: child.stdout })) return line;
    return undefined;
  })();
  const line = await Promise.race([first, ended.then(() => undefined)]);
  if (line === undefined) throw new Error(`the server did not start: ${errors}`);
  const { listening } = JSON.parse(line) as { listening: { url: string } };
  return {
    url: listening.url,
    process: child,
    folder,
    errors: () => errors,
    async json(path, init) {
      const answer = await fetch(`${listening.url}${path}`, {
        ...init,
        ...(init?.body ? { headers: { 'content-type': 'application/json' } } : {}),
      });
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
      return (answer.status === 204 ? undefined : await answer.json()) as never;
    },
    async stop() {
      if (child.exitCode === null) child.kill('SIGINT');
      const [code] = await ended;
      rmSync(folder, { recursive: true, force: true });
      return code;
    },
  };
}
