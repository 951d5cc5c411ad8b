import { BlockList, isIP } from 'node:net';
import { hostname, networkInterfaces } from 'node:os';
import type { Settings } from './settings.js';

/** Under which names this server is reached, and which pages may use it. */
export interface Reach {
  /** Host names and addresses, lower case, IPv6 ones in brackets. */
  readonly hosts: ReadonlySet<string>;
  /** Whether any literal address is one of ours: no page can make a browser send it for another machine's name. */
  readonly anyAddress: boolean;
  /** Origins of pages elsewhere. */
  readonly origins: ReadonlySet<string>;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether a host to listen on is this machine alone. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host.toLowerCase() === 'localhost';
  return loopback.check(host, family === 4 ? 'ipv4' : 'ipv6');
}

const bracketed = (address: string) => (address.includes(':') ? `[${address}]` : address);

/** Who may be addressed, made of the settings. */
export function reachOf({ listen, publicUrl }: Pick<Settings, 'listen' | 'publicUrl'>): Reach {
  const local = isLoopback(listen.host);
  const own = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address }) => bracketed(address.split('%')[0]!));
  const hosts = [
    ...['localhost', '127.0.0.1', '[::1]', bracketed(listen.host)],
    ...(local ? [] : [...own, hostname(), `${hostname().replace(/\.local$/, '')}.local`]),
    ...(publicUrl ? [new URL(publicUrl).hostname] : []),
    ...listen.hosts.map(bracketed),
  ];
  const origins = [...listen.origins, ...(publicUrl ? [publicUrl] : [])].map((url) => new URL(url).origin);
  return {
    hosts: new Set(hosts.map((host) => host.toLowerCase())),
    anyAddress: !local,
    origins: new Set(origins),
  };
}

/** What of a request tells where it comes from. */
export interface Provenance {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`, `-Mode` and `-Dest`, which browsers send and pages cannot forge. */
  readonly site: string | undefined;
  readonly mode: string | undefined;
  readonly dest: string | undefined;
}

function hostOf(header: string | undefined): URL | undefined {
  if (!header || !/^[A-Za-z0-9._:[\]-]{1,300}$/.test(header)) return undefined;
  const url = `http://${header}`;
  return URL.canParse(url) ? new URL(url) : undefined;
}

/** Whether `Host` names this server: keeps pages out whose name was made to lead here (DNS rebinding). */
export function knownHost(header: string | undefined, { hosts, anyAddress }: Reach): boolean {
  const { hostname: name } = hostOf(header) ?? {};
  if (name === undefined) return false;
  return hosts.has(name) || (anyAddress && isIP(name.replace(/^\[|\]$/g, '')) !== 0);
}

/** Whether a page of this server asks. The scheme is left to proxies, which may speak TLS to the outside. */
function sameOrigin(origin: string, host: string): boolean {
  if (!/^https?:\/\//.test(origin) || !URL.canParse(origin)) return false;
  const { protocol, host: from } = new URL(origin);
  return URL.canParse(`${protocol}//${host}`) && new URL(`${protocol}//${host}`).host === from;
}

/**
 * Whether a request comes from a page that is none of ours. A person who follows a link may come; programs, which
 * send neither `Origin` nor `Sec-Fetch-Site`, too.
 */
export function foreign(
  { method, host = '', origin, site, mode, dest }: Provenance,
  { origins }: Reach,
): boolean {
  if (origin !== undefined) return !(sameOrigin(origin, host) || origins.has(origin));
  if (site === undefined || site === 'same-origin' || site === 'none') return false;
  return !(mode === 'navigate' && dest === 'document' && (method === 'GET' || method === 'HEAD'));
}
