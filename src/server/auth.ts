import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { LRUCache } from 'lru-cache';
import { Denied, TooMany } from '../errors.js';
import { Buckets, limitKey } from './limits.js';
import type { Role } from './protocol.js';

/** Whether who has one role may do what needs another. `publish` and `read` are apart; `admin` has both. */
export const allows = (role: Role, needed: Role): boolean =>
  needed === 'none' || role === 'admin' || role === needed;

/** Who may do what. */
export interface AuthOptions {
  readonly tokens: {
    readonly admin: readonly string[];
    readonly publish: readonly string[];
    readonly read: readonly string[];
    /** What needs no token. */
    readonly anonymous: 'none' | 'read';
  };
  /** Nobody needs a token: for a server that only its own machine reaches. */
  readonly open: boolean;
  readonly failuresPerMinute: number;
  /** How long a failure is answered late, by how many there were; the standard one grows to 4 s. In milliseconds. */
  readonly delayMs?: (failures: number) => number;
}

/** How long a browser stays known after it has shown its token, in milliseconds. */
const KNOWN_MS = 12 * 3600e3;
const MOST_KNOWN = 10_000;
/** Answers held back at once; beyond, failures are answered without delay, so that they cost no memory. */
const MOST_HELD = 100;

const digest = (token: string) => createHash('sha256').update(token).digest();
const slower = (failures: number) => Math.min(4000, 50 * 2 ** failures);

/** Tells what a request may do by its bearer token. Only digests of tokens are kept. */
export class Auth {
  readonly open: boolean;
  readonly anonymous: Role;
  /** Tokens that an admin may hand to others: to publish, and to watch where that needs one. */
  readonly handOut: { readonly publish?: string; readonly read?: string };
  readonly #digests: readonly { role: Role; digest: Buffer }[];
  readonly #failures: Buckets;
  readonly #perMinute: number;
  readonly #delayMs: (failures: number) => number;
  readonly #known = new LRUCache<string, Role>({ max: MOST_KNOWN, ttl: KNOWN_MS });
  #held = 0;

  constructor({ tokens, open, failuresPerMinute, delayMs = slower }: AuthOptions) {
    this.open = open;
    this.anonymous = open ? 'admin' : tokens.anonymous;
    this.#digests = (['admin', 'publish', 'read'] as const).flatMap((role) =>
      tokens[role].map((token) => ({ role, digest: digest(token) })),
    );
    const [publish] = tokens.publish;
    const [read] = tokens.anonymous === 'read' ? [] : tokens.read;
    this.handOut = open ? {} : { ...(publish && { publish }), ...(read && { read }) };
    this.#perMinute = failuresPerMinute;
    this.#failures = new Buckets({ perSecond: failuresPerMinute / 60, burst: failuresPerMinute });
    this.#delayMs = delayMs;
  }

  /** What a token allows; every known one is compared, in constant time. */
  roleOf(token: string): Role {
    if (this.open) return 'admin';
    const given = digest(token);
    let role: Role = 'none';
    for (const known of this.#digests)
      if (timingSafeEqual(given, known.digest) && role === 'none') role = known.role;
    return role;
  }

  /**
   * What a token from an address allows, failures counted: `none` for a wrong one.
   * @throws TooMany when the address has shown too many wrong ones; then right ones are not listened to either.
   */
  try(token: string, address: string): Role {
    if (this.open) return 'admin';
    const key = limitKey(address);
    const wait = this.#failures.wait(key);
    if (wait > 0)
      throw new TooMany('Too many wrong tokens came from this address.', {
        hint: 'Wait a minute, then try again with the right one.',
        retryAfterS: Math.ceil(wait),
      });
    const role = this.roleOf(token);
    if (role === 'none') this.#failures.spend(key);
    return role;
  }

  /**
   * What a request may do by its `Authorization`; without one, by the cookie of a browser that has shown its token.
   * A cookie counts for reading alone, since other pages can make a browser send it: also where it opens a WebSocket,
   * which is a GET and then takes more than that.
   * @throws Denied for a wrong token, after a while; TooMany.
   */
  async check(request: Request, address: string): Promise<Role> {
    const header = request.headers.get('authorization');
    if (this.open) return this.anonymous;
    if (header === null) {
      const reads = request.method === 'GET' || request.method === 'HEAD';
      return (reads && this.#cookie(request)) || this.anonymous;
    }
    const [, token] = /^Bearer +([^\s]{1,512}) *$/i.exec(header) ?? [];
    const role = this.try(token ?? '', address);
    if (role !== 'none') return role;
    await this.#holdBack(address);
    throw new Denied('The token is wrong.', {
      hint: 'Check it for typing errors, or ask who runs this server.',
    });
  }

  /** A cookie that stands for a role, for what browsers fetch without a header: pictures, downloads, HLS. */
  remember(role: Role): string {
    const id = randomBytes(24).toString('base64url');
    this.#known.set(id, role);
    return `livebrush=${id}; Path=/; Max-Age=${KNOWN_MS / 1000}; HttpOnly; SameSite=Strict`;
  }

  #cookie(request: Request): Role | undefined {
    const [, id] =
      /(?:^|;\s*)livebrush=([A-Za-z0-9_-]{32})(?:;|$)/.exec(request.headers.get('cookie') ?? '') ?? [];
    const role = id === undefined ? undefined : this.#known.get(id);
    return role === 'admin' && request.headers.has('upgrade') ? 'read' : role;
  }

  async #holdBack(address: string): Promise<void> {
    if (this.#held >= MOST_HELD) return;
    this.#held++;
    const left = this.#failures.wait(limitKey(address), this.#perMinute) * (this.#perMinute / 60);
    await sleep(this.#delayMs(left)).finally(() => this.#held--);
  }
}

/** A token that nobody guesses: 192 bits. */
export const newToken = (): string => randomBytes(24).toString('base64url');
