import { LivebrushError, NotFound, Overloaded, Usage } from '../errors.js';
import { log } from '../log.js';
import { STREAM_NAME } from './protocol.js';
import { Session, type SessionParts } from './session.js';

/** Names that are parts of the server's own addresses. */
export const RESERVED: ReadonlySet<string> = new Set([
  ...['api', 'assets', 'docs', 'healthz', 'hls', 'metrics', 'openapi', 'readyz', 'schema', 'static', 'watch'],
]);

/** Within which a style becomes what it was tuned to, in milliseconds: on a stage nothing jumps by itself. */
const TUNED_MS = 2000;

/** How many streams and viewers there may be. */
export interface SessionLimits {
  readonly streams: number;
  readonly viewers: number;
}

/** All streams of a server, by name. */
export class Sessions implements AsyncDisposable {
  readonly #parts: SessionParts;
  readonly #limits: SessionLimits;
  readonly #sessions = new Map<string, Session>();
  /** Names of streams that a person wanted there, which do not make room for others. */
  readonly #kept = new Set<string>();
  #closed = false;

  constructor(parts: SessionParts, limits: SessionLimits) {
    this.#parts = { ...parts, admitViewer: () => this.admitViewer(), onStyles: () => this.#tidy() };
    this.#limits = limits;
  }

  find(name: string): Session | undefined {
    return this.#sessions.get(name);
  }

  /** @throws NotFound */
  get(name: string): Session {
    const session = this.#sessions.get(name);
    if (session) return session;
    throw new NotFound(`There is no stream ${JSON.stringify(name.slice(0, 80))}.`);
  }

  list(): Session[] {
    return [...this.#sessions.values()];
  }

  get viewers(): number {
    return this.list().reduce((sum, { viewers }) => sum + viewers, 0);
  }

  /**
   * The stream of that name, begun now if there is none. While nobody uses it, it may end to make room for another,
   * unless `keep` was asked for it.
   * @throws Usage (name), Overloaded.
   */
  open(name: string): Session {
    const known = this.#sessions.get(name);
    if (known) return known;
    if (!STREAM_NAME.test(name) || RESERVED.has(name.toLowerCase()))
      throw new Usage(`${JSON.stringify(name.slice(0, 80))} cannot be the name of a stream.`, {
        hint: 'A name has 1 to 64 letters, digits, _ and -, and is none of the server’s own addresses.',
      });
    if (this.#closed) throw new LivebrushError('The server is shutting down.');
    if (this.#sessions.size >= this.#limits.streams) this.#forgetOne();
    if (this.#sessions.size >= this.#limits.streams)
      throw new Overloaded(`There are ${this.#limits.streams} streams already.`, {
        hint: 'Who runs this server can end one, or raise limits.streams.',
        retryAfterS: 30,
      });
    const session = new Session(name, this.#parts);
    this.#sessions.set(name, session);
    return session;
  }

  /** The stream of that name, as `open`, there until it is closed: with its look and settings. @throws as `open` */
  keep(name: string): Session {
    const session = this.open(name);
    this.#kept.add(name);
    return session;
  }

  /** Makes room where a stream is not in use: names that were tried once shall not fill the server. */
  #forgetOne(): void {
    const idle = this.list().find((session) => session.idle && !this.#kept.has(session.name));
    if (idle) void this.close(idle.name);
  }

  /** @throws Overloaded when one more viewer would be too many. */
  admitViewer(): void {
    const { viewers } = this.#limits;
    if (this.viewers >= viewers)
      throw new Overloaded(`There are ${viewers} viewers already: more would slow all of them.`, {
        retryAfterS: 10,
      });
  }

  /** Ends a stream with its publisher, viewers and outputs. @throws NotFound */
  async close(name: string): Promise<void> {
    const session = this.get(name);
    this.#sessions.delete(name);
    this.#kept.delete(name);
    await session[Symbol.asyncDispose]();
  }

  /** Lets go of the weights of styles that no stream's looks name. */
  #tidy(): void {
    const { branch, opening } = this.#parts;
    const named = new Set([...opening.mix.keys(), ...this.list().flatMap(({ styles }) => styles)]);
    for (const { palette } of branch.tiers) palette.tidy(named);
  }

  /** A style was added, replaced or removed: everyone hears of it. */
  restyle(name: string): void {
    for (const { palette } of this.#parts.branch.tiers) palette.forget(name);
    this.#tidy();
    for (const session of this.#sessions.values()) session.restyled();
  }

  /** A style was tuned: everyone hears of it, and whoever paints with it sees it become so. */
  async retune(name: string, fadeMs = TUNED_MS): Promise<void> {
    for (const session of this.#sessions.values()) session.restyled();
    for (const { palette } of this.#parts.branch.tiers)
      await palette
        .renew(name, fadeMs)
        .catch((error: unknown) => log.warn({ err: error, name }, 'a style is not renewed'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all(this.list().map((session) => session[Symbol.asyncDispose]()));
    this.#sessions.clear();
  }
}
