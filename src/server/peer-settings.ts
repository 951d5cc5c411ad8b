import { networkInterfaces } from 'node:os';

/** A STUN or TURN server that clients are told of; the server itself uses none. */
export interface IceServer {
  readonly urls: string;
  readonly username?: string | undefined;
  readonly credential?: string | undefined;
}

/** How WebRTC connections are made. */
export interface PeerSettings {
  /** First and last UDP port; a connection takes one for each address. ICE over TCP takes its ports from there too. */
  readonly udpPorts: readonly [number, number];
  /** Addresses at which clients reach this machine from outside, beside its own. */
  readonly publicAddresses: readonly string[];
  /** The one address of this machine to use; left out: all of them. */
  readonly bindAddress?: string | undefined;
  /** Whether clients behind a firewall without UDP may connect over TCP. */
  readonly tcp: boolean;
  readonly iceServersForClients: readonly IceServer[];
  /** Connections that may be set up at once. */
  readonly pending: number;
  /** How long answering an offer may take, and connecting after that. */
  readonly negotiationMs: number;
  readonly connectMs: number;
  /** How long a publisher may send nothing, and a viewer may report nothing, until they count as gone. */
  readonly publisherSilenceMs: number;
  readonly viewerSilenceMs: number;
}

export const peerDefaults: PeerSettings = {
  udpPorts: [41_000, 41_999],
  publicAddresses: [],
  tcp: false,
  iceServersForClients: [],
  pending: 16,
  negotiationMs: 5000,
  connectMs: 12_000,
  publisherSilenceMs: 5000,
  viewerSilenceMs: 15_000,
};

const EVERYWHERE = ['0.0.0.0', '::'];
/** Interfaces of virtual machines and containers, which nobody outside reaches. */
const INNER = /^(veth|vmnet|docker|br-|virbr)/;

/** The addresses to offer, the likeliest first: public ones, those of this machine, loopback. */
export function addressesOf({ bindAddress, publicAddresses }: PeerSettings): string[] {
  const own =
    bindAddress && !EVERYWHERE.includes(bindAddress)
      ? [bindAddress]
      : [
          ...Object.entries(networkInterfaces())
            .filter(([name]) => !INNER.test(name))
            .flatMap(([, entries]) => entries ?? [])
            .filter(({ family, internal }) => family === 'IPv4' && !internal)
            .map(({ address }) => address),
          '127.0.0.1',
        ];
  return [...new Set([...publicAddresses, ...own])];
}
