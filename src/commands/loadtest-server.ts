import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { folders } from '../config.js';
import { LivebrushError } from '../errors.js';
import type { Size } from '../models/pixels.js';

/** What is started. */
export interface StartOptions {
  readonly engine?: string | undefined;
  readonly model?: string | undefined;
  /** Of the pictures that come: they are painted as large as they are. */
  readonly size: Size;
  /** Settings (`key=value`) that go before ours. */
  readonly set?: readonly string[] | undefined;
}

/** A server in a process of its own, that ends with this one. */
export interface StartedServer extends AsyncDisposable {
  readonly url: string;
}

/** Lines of its errors that are told when it does not start. */
const TOLD_LINES = 6;
/** How long it may take to end, in milliseconds. */
const END_MS = 15_000;

/** For this machine alone, without tokens, and with room: what is to be found is what the painter carries. */
const settingsOf = ({ width, height }: Size): string[] => [
  ...['listen.host=127.0.0.1', 'listen.port=0', 'demo=false', 'streams={}', 'osc.enabled=false'],
  ...['tokens.admin=[]', 'tokens.publish=[]', 'tokens.read=[]'],
  ...['webrtc.udpPorts=[20000, 29999]', 'webrtc.tcp=false'],
  ...['limits.streams=1000', 'limits.requestsPerSecond=1000', 'limits.signallingPerSecond=1000'],
  ...[`paint.width=${width}`, `paint.height=${height}`],
];

function argumentsOf({ engine, model, size, set = [] }: StartOptions): string[] {
  const given = [...settingsOf(size), ...set].flatMap((setting) => ['-c', setting]);
  return [
    ...['serve', '--json', ...given],
    ...(engine === undefined ? [] : ['--engine', engine]),
    // A file is named from here; the server stands elsewhere.
    ...(model === undefined ? [] : ['--model', existsSync(model) ? resolve(model) : model]),
  ];
}

/** The address of a server that has started, out of the first line that it prints. */
async function addressOf(child: ChildProcess): Promise<string | undefined> {
  for await (const line of createInterface({ input: child.stdout! })) {
    try {
      return (JSON.parse(line) as { listening: { url: string } }).listening.url;
    } catch {
      return undefined;
    }
  }
  return undefined;
}

async function stop(child: ChildProcess, ended: Promise<unknown>, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), END_MS);
    await ended;
    clearTimeout(late);
  }
  await rm(folder, { recursive: true, force: true });
}

/**
 * Starts a server on a free port of this machine, in a folder of its own, so that no livebrush.yaml at hand counts.
 * @throws LivebrushError with its own words where it does not start, the signal's reason.
 */
export async function startServer(options: StartOptions, signal: AbortSignal): Promise<StartedServer> {
  const folder = await mkdtemp(join(tmpdir(), 'livebrush-loadtest-'));
  const program = join(folders.package, 'bin', 'livebrush.cjs');
  // A process group of its own: on Ctrl-C it goes on until its sessions are ended.
  const child = spawn(process.execPath, [program, ...argumentsOf(options)], {
    ...{ cwd: folder, detached: true, windowsHide: true, stdio: ['ignore', 'pipe', 'pipe'] },
  });
  const ended = once(child, 'close').catch(() => {});
  const kill = () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', kill);
  let errors = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4000);
  });
  const close = async () => {
    await stop(child, ended, folder);
    process.off('exit', kill);
  };
  const abort = () => child.kill('SIGTERM');
  signal.addEventListener('abort', abort);
  const url = signal.aborted
    ? undefined
    : await Promise.race([addressOf(child), ended.then(() => undefined)]);
  signal.removeEventListener('abort', abort);
  if (url !== undefined && !signal.aborted) return { url, [Symbol.asyncDispose]: close };
  await close();
  signal.throwIfAborted();
  const said = errors.trim().split('\n').slice(0, TOLD_LINES).join('\n  ');
  throw new LivebrushError('The server could not be started.', { hint: said || 'It said nothing.' });
}
