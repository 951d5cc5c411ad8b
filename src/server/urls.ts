import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { BadInput, Forbidden } from '../errors.js';
import { masked } from '../pipeline/address.js';
import type { Settings } from './settings.js';

/** Networks that are not the public internet: IANA's special-purpose registries. */
const special = new BlockList();
for (const [net, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  special.addSubnet(net, bits, 'ipv4');
/** The one block of IPv6 that is given out; what lies in it for other ends is taken out again. */
const unicast = new BlockList();
unicast.addSubnet('2000::', 3, 'ipv6');
for (const [net, bits] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const)
  special.addSubnet(net, bits, 'ipv6');

/** Whether an address is reached over the public internet. */
export function isPublic(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !special.check(address, 'ipv4');
  return family === 6 && unicast.check(address, 'ipv6') && !special.check(address, 'ipv6');
}

/** All addresses of a host. */
export type Resolve = (host: string) => Promise<readonly string[]>;

const resolveHost: Resolve = async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address);

/** Whether a host is one of a list, in which `*.example.org` stands for all below example.org. */
const listed = (host: string, list: readonly string[]) =>
  list.some((entry) => {
    const known = entry.toLowerCase();
    return known.startsWith('*.') ? host.endsWith(known.slice(1)) : host === known;
  });

/** The host of an address, as every reader understands it: numbers in any notation are told as `1.2.3.4`. */
function hostOf(url: URL): string {
  const http = `http://${url.host || 'x'}`;
  const plain = URL.canParse(http) ? new URL(http).hostname : url.hostname;
  return plain
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase();
}

/** Which addresses clients may name as inputs and outputs. */
export class UrlRules {
  readonly #rules: Settings['urls'];
  readonly #resolve: Resolve;

  constructor(rules: Settings['urls'], resolve: Resolve = resolveHost) {
    this.#rules = rules;
    this.#resolve = resolve;
  }

  get allow(): boolean {
    return this.#rules.allow;
  }

  /** Whether there are addresses that may not be opened, so that nothing may lead there either. */
  get bounded(): boolean {
    return this.#rules.hosts.length > 0 || !this.#rules.private;
  }

  /**
   * Lets an address pass that may be opened. What it redirects to, and what a playlist names, has to pass again.
   * @returns the addresses of its host.
   * @throws Forbidden where it may not be opened, BadInput where it is none.
   */
  async check(address: string): Promise<readonly string[]> {
    const { allow, schemes, hosts, private: inside } = this.#rules;
    if (!allow)
      throw new Forbidden('Addresses are not allowed as inputs and outputs here.', {
        hint: 'Who runs the server can allow them: urls.allow in livebrush.yaml.',
      });
    if (!/^[\x21-\x7e]+$/.test(address) || !URL.canParse(address))
      throw new BadInput('The address is none.', { hint: 'Write it such as rtmp://host/app/key.' });
    const url = new URL(address);
    const scheme = url.protocol.slice(0, -1);
    if (!(schemes as readonly string[]).includes(scheme))
      throw new Forbidden(`Addresses that begin with ${scheme}: are not allowed here.`, {
        hint: `Allowed are ${schemes.join(', ')}.`,
      });
    const host = hostOf(url);
    if (hosts.length > 0 && !listed(host, hosts))
      throw new Forbidden(`${masked(address)} is not among the hosts that are allowed here.`);
    const found = isIP(host) ? [host] : await this.#lookup(host, address);
    if (!inside && !found.every(isPublic))
      throw new Forbidden(`${masked(address)} leads into a private network, which is not allowed here.`, {
        hint: 'Who runs the server can allow it: urls.private in livebrush.yaml.',
      });
    return found;
  }

  /** Lets an address pass that the server shall listen at. @throws Denied, BadInput */
  checkListen(address: string): void {
    if (!this.allow)
      throw new Forbidden('Addresses are not allowed as inputs and outputs here.', {
        hint: 'Who runs the server can allow them: urls.allow in livebrush.yaml.',
      });
    const scheme = URL.canParse(address) ? new URL(address).protocol : '';
    if (scheme !== 'rtmp:' && scheme !== 'srt:')
      throw new BadInput('Only addresses of rtmp and srt can be listened at.', {
        hint: 'Write it such as rtmp://0.0.0.0:1935/live/name. Whoever reaches the port may publish: names are not checked.',
      });
  }

  async #lookup(host: string, address: string): Promise<readonly string[]> {
    const found = await this.#resolve(host).catch((cause: unknown) => {
      throw new BadInput(`The host of ${masked(address)} is not known.`, { cause });
    });
    if (found.length === 0) throw new BadInput(`The host of ${masked(address)} is not known.`);
    return found;
  }
}
