import { isIPv4 } from 'node:net';
import type * as Werift from 'werift';
import { Unsupported } from '../errors.js';
import type { LiveCodec } from '../pipeline/live.js';
import { COLOR_SPACE_URI } from '../pipeline/rtp/index.js';
import { farewell, keepInOrder } from './peer-dtls.js';
import type { Offer, Part } from './peer-offer.js';
import { addressesOf, type PeerSettings } from './peer-settings.js';
import { guardSockets, type Ice } from './peer-sockets.js';

export type { Werift };

type Connection = Werift.RTCPeerConnection;

/** @throws Unsupported where werift is missing. */
export async function loadWerift(): Promise<typeof Werift> {
  try {
    return await import('werift');
  } catch (cause) {
    throw new Unsupported('WebRTC needs the package werift, which is not installed.', {
      hint: 'Run npm install again.',
      cause,
    });
  }
}

/** Inner parts of werift that it does not declare, as of the pinned version. */
interface Inner {
  readonly router: {
    routeRtp(packet: Werift.RtpPacket): void;
    routeRtcp(packet: Werift.RtcpPacket): void;
    registerRtpReceiver(receiver: Werift.RTCRtpReceiver, ssrc: number): void;
    readonly ssrcTable: Record<number, unknown>;
  };
}
export const routerOf = (pc: Connection): Inner['router'] => (pc as unknown as Inner).router;

/** A connection that is ready to read an offer. */
export function openConnection(
  werift: typeof Werift,
  settings: PeerSettings,
  ports: [number, number],
  codecName: LiveCodec,
  isClient: (username: string) => boolean,
): Connection {
  const { RTCPeerConnection, RTCRtpCodecParameters, RTCRtpHeaderExtensionParameters } = werift;
  const codec = (kind: string, name: string, clockRate: number, channels?: number) =>
    new RTCRtpCodecParameters({ mimeType: `${kind}/${name}`, clockRate, channels, payloadType: 96 });
  const extension = (uri: string) => new RTCRtpHeaderExtensionParameters({ uri });
  const { bindAddress } = settings;
  const bound = bindAddress ? { [isIPv4(bindAddress) ? 'udp4' : 'udp6']: bindAddress } : undefined;
  return new RTCPeerConnection({
    iceServers: [],
    bundlePolicy: 'max-bundle',
    // It would look for addresses by itself, leave out loopback and take those that are not to be used.
    iceUseIpv4: false,
    iceUseIpv6: false,
    iceAdditionalHostAddresses: addressesOf(settings),
    iceInterfaceAddresses: bound,
    icePortRange: ports,
    iceUseTcp: settings.tcp,
    // Werift itself answers anyone, and lets any sender of datagrams add candidates.
    iceFilterStunResponse: (message) => isClient(String(message.getAttributeValue('USERNAME'))),
    codecs: {
      video: [codec('video', codecName === 'vp8' ? 'VP8' : 'H264', 90_000), codec('video', 'rtx', 90_000)],
      audio: [codec('audio', 'opus', 48_000, 2)],
    },
    headerExtensions: {
      video: [
        werift.useSdesMid(),
        werift.useSdesRTPStreamId(),
        werift.useAbsSendTime(),
        werift.useTransportWideCC(),
        extension(COLOR_SPACE_URI),
      ],
      audio: [werift.useSdesMid()],
    },
  });
}

/**
 * Reads the offer and answers it.
 * @returns the answer, with all candidates.
 */
export async function negotiate(pc: Connection, offer: Offer, part: Part): Promise<string> {
  await pc.setRemoteDescription({ type: 'offer', sdp: offer.sdp });
  for (const transceiver of pc.getTransceivers()) {
    transceiver.setDirection(part === 'publish' ? 'recvonly' : 'sendonly');
    // One stream for both: players keep picture and sound of a stream in step.
    if (part === 'read') transceiver.sender.streamIds = ['livebrush'];
  }
  for (const { connection } of pc.iceTransports) {
    // Left alone it asks a public STUN server, whatever `iceServers` says.
    connection.stunServer = undefined;
  }
  for (const dtls of pc.dtlsTransports) {
    if (offer.active) dtls.role = 'server';
    keepInOrder(dtls);
  }
  await pc.setLocalDescription(await pc.createAnswer());
  for (const { connection } of pc.iceTransports) guardSockets(connection as unknown as Ice);
  return tidied(pc.localDescription?.sdp ?? '', part);
}

/**
 * Without the candidates that only say that we could call over TCP ourselves, and for publishers without the streams
 * that are never sent: who offered both ways would take our feedback for theirs.
 */
function tidied(answer: string, part: Part): string {
  const callable = answer.replace(/^a=candidate:.* tcptype active.*\r\n/gm, '');
  return part === 'publish' ? callable.replace(/^a=ssrc(-group)?:.*\r\n/gm, '') : callable;
}

/** Whether anything can be reached: no candidate means that no port was free. */
export const hasCandidates = (answer: string): boolean => /^a=candidate:/m.test(answer);

/** Closes a connection and what it may have opened since: werift forgets sockets of a gathering that was under way. */
export async function closeConnection(pc: Connection): Promise<void> {
  await Promise.all(pc.dtlsTransports.map(farewell));
  const ices = pc.iceTransports.map(({ connection }) => connection as unknown as Ice);
  await pc.close().catch(() => {});
  for (const { protocols } of ices)
    for (const protocol of protocols) await protocol.close?.().catch(() => {});
}
