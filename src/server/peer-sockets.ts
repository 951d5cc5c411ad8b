import { createSocket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { guarded } from './guarded.js';

/** Where a datagram came from: address and port. */
type Address = readonly [string, number];

/** A socket of werift's, UDP or TCP; inner parts that it does not declare, as of the pinned version. */
interface Protocol {
  /** UDP only. */
  readonly transport?: {
    readonly socket?: NodeJS.EventEmitter;
    onData?: (data: Buffer, from: Address) => void;
  };
  datagramReceived?(data: Buffer, from: Address): void;
  /** TCP only. */
  handleFrame?(data: Buffer, from: Address): void;
  close?(): Promise<void>;
}
interface Pair {
  readonly protocol: unknown;
  readonly remoteAddr: Address;
  /** 3: its check has succeeded. */
  readonly state: number;
}
/** What is used of werift's ICE connection. */
export interface Ice {
  readonly protocols: readonly Protocol[];
  readonly nominated?: Pair | undefined;
  readonly checkList: readonly Pair[];
}

const SUCCEEDED = 3;
const guardedAlready = new WeakSet<Protocol>();

/**
 * Lets in what is no STUN only from addresses whose connectivity check has succeeded: werift takes DTLS from anyone, so
 * that one forged datagram would end a connection (as in GHSA-hxj9-xwr8-w8pq). And sees to it that a socket that fails
 * does not end the process: its connection is given up for its silence.
 */
export function guardSockets(ice: Ice): void {
  for (const protocol of ice.protocols) {
    if (guardedAlready.has(protocol)) continue;
    guardedAlready.add(protocol);
    const { transport } = protocol;
    transport?.socket?.on('error', () => {});
    const receive = protocol.datagramReceived?.bind(protocol);
    if (transport && receive)
      transport.onData = guarded((data, from) => {
        if (isStun(data) || isChecked(ice, protocol, from)) receive(data, from);
      });
    const take = protocol.handleFrame?.bind(protocol);
    if (take)
      protocol.handleFrame = guarded((data, from) => {
        if (isStun(data) || isChecked(ice, protocol, from)) take(data, from);
      });
  }
}

/** RFC 7983: STUN begins with 0 to 3. */
const isStun = (data: Buffer): boolean => data.length >= 20 && data[0]! < 4;

function isChecked({ nominated, checkList }: Ice, protocol: Protocol, [host, port]: Address): boolean {
  const leads = (pair: Pair) =>
    pair.protocol === protocol && pair.remoteAddr[0] === host && pair.remoteAddr[1] === port;
  if (nominated && leads(nominated)) return true;
  return checkList.some((pair) => pair.state === SUCCEEDED && leads(pair));
}

/** Whether a UDP port can be had; it is free again afterwards. */
function isFree(port: number, address: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket(address && isIPv6(address) ? 'udp6' : 'udp4');
    socket.once('error', () => socket.close(() => resolve(false)));
    socket.bind({ port, ...(address && { address }) }, () => socket.close(() => resolve(true)));
  });
}

/** The ports of this process: deals out ranges that begin with free ones, so that werift never looks in vain. */
export class Ports {
  readonly #first: number;
  readonly #last: number;
  readonly #address: string | undefined;
  #next: number;
  #turn: Promise<unknown> = Promise.resolve();

  constructor([first, last]: readonly [number, number], address: string | undefined) {
    this.#first = first;
    this.#last = last;
    this.#address = address;
    this.#next = first;
  }

  /** Where to look for `count` ports; undefined where so many are not free. */
  range(count: number): Promise<[number, number] | undefined> {
    const work = this.#turn.then(() => this.#find(count));
    this.#turn = work.catch(() => undefined);
    return work;
  }

  async #find(count: number): Promise<[number, number] | undefined> {
    const size = this.#last - this.#first + 1;
    let free: number[] = [];
    for (let tried = 0; tried < size + count; tried++) {
      const port = this.#next;
      this.#next = port >= this.#last ? this.#first : port + 1;
      if (port === this.#first) free = [];
      if (await isFree(port, this.#address)) free.push(port);
      // Werift wants a range of two at least.
      if (free.length === count) return [Math.min(free[0]!, this.#last - 1), this.#last];
    }
    return undefined;
  }
}
