import { BadInput, Denied, NotFound } from '../errors.js';
import type { ChangeInput, Role, ServerInfo, StreamInfo } from '../server/protocol.js';
import { readSamples, type Sample } from './prometheus.js';
import { type Access, type Ask, asked } from './wish.js';

/** Names of styles that a hint tells. */
const TOLD = 12;

/** The server that is put under load, as its API shows it. */
export class Target {
  readonly access: Access;
  readonly signal: AbortSignal;

  constructor(access: Access, signal: AbortSignal) {
    this.access = access;
    this.signal = signal;
  }

  /** Whether it is on this machine. */
  get local(): boolean {
    return ['localhost', '127.0.0.1', '[::1]'].includes(new URL(this.access.url).hostname);
  }

  async #json<T>(path: string, ask: Ask = {}): Promise<T> {
    const { text } = await asked(this.access, path, { signal: this.signal, ...ask });
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new BadInput(`What listens at ${this.access.url} is no Livebrush server: ${path} is no JSON.`);
    }
  }

  /** @throws Denied where the token at hand allows nothing, or is wrong; BadInput where it is no server of ours. */
  async info(): Promise<ServerInfo> {
    const info = await this.#json<Partial<ServerInfo> | null>('/api/info');
    if (typeof info?.engine !== 'string' || typeof info.version !== 'string')
      throw new BadInput(`What listens at ${this.access.url} is no Livebrush server.`);
    if (info.auth && info.role === 'none')
      throw new Denied('The server wants a token.', {
        hint: 'Give one with --token: an admin’s shows most.',
      });
    return info as ServerInfo;
  }

  /** Whether it still answers. @throws LivebrushError where it does not */
  async check(signal: AbortSignal): Promise<void> {
    await asked(this.access, '/healthz', { signal });
  }

  /** Names of the styles that it has. */
  async styles(): Promise<string[]> {
    const { styles } = await this.#json<{ styles?: { name: string }[] }>('/api/styles');
    return (styles ?? []).map(({ name }) => name);
  }

  /**
   * The styles to paint with: those named, or the first ones of its gallery.
   * @throws NotFound where it does not have them.
   */
  async pickStyles(wanted: readonly string[] | number): Promise<string[]> {
    const there = await this.styles();
    const hint = `It has ${there.slice(0, TOLD).join(', ')}${there.length > TOLD ? ', …' : ''}.`;
    if (typeof wanted === 'number') {
      if (there.length >= wanted) return there.slice(0, wanted);
      throw new NotFound(`The server has ${there.length} styles, and ${wanted} are asked for.`);
    }
    const missing = wanted.find((name) => !there.includes(name));
    if (missing !== undefined) throw new NotFound(`The server has no style ${missing}.`, { hint });
    return [...wanted];
  }

  /** @throws Denied where the token at hand may not. */
  async change(stream: string, change: ChangeInput): Promise<void> {
    const body = JSON.stringify(change);
    await this.#json(`/api/streams/${stream}/look`, { method: 'PATCH', type: 'application/json', body });
  }

  /** How a stream stands; undefined where that cannot be asked. */
  stream(name: string, signal: AbortSignal): Promise<StreamInfo | undefined> {
    return this.#json<StreamInfo>(`/api/streams/${name}`, { signal }).catch(() => undefined);
  }

  /** All its numbers; undefined where the token at hand does not show them. */
  async numbers(signal: AbortSignal): Promise<Sample[] | undefined> {
    return asked(this.access, '/metrics', { signal }).then(
      ({ text }) => readSamples(text),
      () => undefined,
    );
  }

  /** Ends a stream with all its sessions. @returns whether it could be done. */
  end(stream: string, role: Role): Promise<boolean> {
    if (role !== 'admin') return Promise.resolve(false);
    const ask = { method: 'DELETE', signal: AbortSignal.timeout(10_000) };
    return asked(this.access, `/api/streams/${stream}`, ask).then(
      () => true,
      () => false,
    );
  }
}
