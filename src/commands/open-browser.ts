import { spawn } from 'node:child_process';
import { log } from '../log.js';

/** Opens a page in the browser of this machine; that it cannot is no failure. */
export function openBrowser(url: string): void {
  const [program, ...args] = { darwin: ['open'], win32: ['cmd', '/c', 'start', ''] }[
    process.platform as string
  ] ?? ['xdg-open'];
  const child = spawn(program!, [...args, url], { stdio: 'ignore', detached: true });
  child.on('error', (error) => log.warn({ err: error }, 'no browser could be opened'));
  child.unref();
}
