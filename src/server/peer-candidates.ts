import { BlockList, isIP } from 'node:net';

/** How many candidates of one client are tried. */
export const CANDIDATES = 32;

/** Where an address leads: candidates may not lead deeper into our network than their sender stands. */
type Reach = 'loopback' | 'link' | 'private' | 'public' | 'nowhere';

function list(...ranges: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[]): BlockList {
  const block = new BlockList();
  for (const [net, prefix, family] of ranges) block.addSubnet(net, prefix, family);
  return block;
}

const REACHES: readonly (readonly [Reach, BlockList])[] = [
  ['loopback', list(['127.0.0.0', 8, 'ipv4'], ['::1', 128, 'ipv6'])],
  ['link', list(['169.254.0.0', 16, 'ipv4'], ['fe80::', 10, 'ipv6'])],
  [
    'private',
    list(
      ['10.0.0.0', 8, 'ipv4'],
      ['172.16.0.0', 12, 'ipv4'],
      ['192.168.0.0', 16, 'ipv4'],
      ['100.64.0.0', 10, 'ipv4'],
      ['192.0.0.0', 24, 'ipv4'],
      ['198.18.0.0', 15, 'ipv4'],
      ['fc00::', 7, 'ipv6'],
    ),
  ],
  [
    'nowhere',
    list(
      ['0.0.0.0', 8, 'ipv4'],
      ['224.0.0.0', 3, 'ipv4'],
      ['::', 128, 'ipv6'],
      ['ff00::', 8, 'ipv6'],
      ['64:ff9b::', 96, 'ipv6'],
    ),
  ],
];

/** IPv4 within IPv6 (`::ffff:a.b.c.d`) as IPv4, without a zone. */
function plain(address: string): string {
  const bare = address.split('%')[0]!;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare;
}

function reachOf(given: string): Reach {
  const address = plain(given);
  const version = isIP(address);
  if (version === 0) return 'nowhere';
  // What else hides IPv4 in IPv6 leads nowhere: nobody needs it here.
  if (version === 6 && /^::ffff:|\./i.test(address)) return 'nowhere';
  const family = version === 4 ? 'ipv4' : 'ipv6';
  return REACHES.find(([, block]) => block.check(address, family))?.[0] ?? 'public';
}

/**
 * Whether packets may be sent to `address` because a client at `client` asks for it: anyone may name public addresses,
 * who is in a private network those too, and who is on this machine every one.
 */
export function reachable(address: string, client: string | undefined): boolean {
  const to = reachOf(address);
  const from = reachOf(client ?? '');
  if (to === 'nowhere') return false;
  if (to === 'public' || from === 'loopback') return true;
  if (to === 'private') return from === 'private' || from === 'link';
  return to === 'link' && from === 'link';
}

const CANDIDATE =
  /^(?:candidate:)?([A-Za-z0-9+/]{1,32}) ([1-9]\d{0,2}) (udp|tcp) (\d{1,10}) (\S{2,64}) (\d{1,5}) typ (host|srflx|prflx|relay)(?: (.*))?$/i;

/**
 * Reads the value of an `a=candidate` line and writes it anew, without what nobody needs. Undefined where it is damaged,
 * of a kind that is not used here (mDNS names, TCP other than active where `tcp`), or not `reachable`.
 */
export function candidateOf(value: string, client: string | undefined, tcp: boolean): string | undefined {
  const found = CANDIDATE.exec(value.trim());
  if (!found) return undefined;
  const [, foundation, component, transport, priority, address, port, type, rest = ''] = found;
  if (component !== '1' || Number(port) < 1 || Number(port) > 65_535) return undefined;
  if (Number(priority) > 0xffffffff || isIP(address!) === 0 || !reachable(address!, client)) return undefined;
  const kind = transport!.toLowerCase();
  const typed = type === 'prflx' ? 'host' : type!.toLowerCase();
  const head = `${foundation} 1 ${kind} ${priority} ${address} ${port} typ ${typed}`;
  if (kind === 'udp') return head;
  return tcp && /\btcptype active\b/i.test(rest) ? `${head} tcptype active` : undefined;
}
