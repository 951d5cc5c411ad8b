import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CannotWrite, codeOf } from '../errors.js';

/** Who holds a port that we wanted, as far as can be told. */
async function holder(host: string, port: number): Promise<string> {
  try {
    const signal = AbortSignal.timeout(1000);
    const answer = await fetch(`http://${host}:${port}/api/info`, { signal });
    const { version } = (await answer.json()) as { version?: unknown };
    if (typeof version === 'string') return `another Livebrush (${version.slice(0, 20)})`;
  } catch {
    // It is none of ours.
  }
  return 'another program';
}

const named = (host: string) => (host.includes(':') ? `[${host}]` : host);
/** A host as this machine's browsers reach it. */
export const reachable = (host: string) => (host === '0.0.0.0' || host === '::' ? 'localhost' : named(host));

/**
 * Begins to listen. @param hint what to do where the port is taken.
 * @throws CannotWrite when it cannot.
 */
export async function bind(
  server: Server,
  host: string,
  port: number,
  hint = 'Choose another port with --port, or 0 for any free one.',
): Promise<AddressInfo> {
  try {
    server.listen({ host, port });
    await once(server, 'listening');
    return server.address() as AddressInfo;
  } catch (cause) {
    const code = codeOf(cause);
    const where = `${named(host)}:${port}`;
    if (code === 'EADDRINUSE')
      throw new CannotWrite(`${where} is taken by ${await holder(reachable(host), port)}.`, {
        hint,
        cause,
      });
    const why = code === 'EACCES' ? 'ports below 1024 need more rights' : (code ?? String(cause));
    throw new CannotWrite(`The server cannot listen on ${where} (${why}).`, {
      hint: 'Choose another address or port with --host and --port.',
      cause,
    });
  }
}
