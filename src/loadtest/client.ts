import { LivebrushError } from '../errors.js';
import type { LiveCodec } from '../pipeline/live.js';
import { keepInOrder } from '../server/peer-dtls.js';
import { addressesOf, peerDefaults } from '../server/peer-settings.js';
import { guardSockets, type Ice } from '../server/peer-sockets.js';
import { closeConnection, loadWerift, type Werift } from '../server/peer-werift.js';

const PICTURE = 96;
const AGAIN = 97;
const H264 = 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f';

/** How a connection is made. */
export interface ClientOptions {
  readonly direction: 'sendonly' | 'recvonly';
  readonly codec: LiveCodec;
  /** Whether the server is on this machine: then loopback is enough. */
  readonly local: boolean;
}

/** An RTP packet of the picture, decrypted. */
export interface PicturePart {
  readonly sequence: number;
  readonly timestamp: number;
  readonly marker: boolean;
  readonly payload: Uint8Array;
}

/** The codec with its retransmission: what is lost is asked for and sent again, as browsers do. */
function codecsOf({ RTCRtpCodecParameters, useNACK, usePLI, useREMB }: typeof Werift, codec: LiveCodec) {
  const named = (mimeType: string, payloadType: number, more: object) =>
    new RTCRtpCodecParameters({ mimeType, payloadType, clockRate: 90_000, ...more });
  const parameters = codec === 'h264' ? { parameters: H264 } : {};
  return [
    named(`video/${codec === 'h264' ? 'H264' : 'VP8'}`, PICTURE, {
      rtcpFeedback: [useNACK(), usePLI(), useREMB()],
      ...parameters,
    }),
    named('video/rtx', AGAIN, { parameters: `apt=${PICTURE}` }),
  ];
}

/** One WebRTC connection of a client, out of werift: a picture without sound, all candidates in its offer, no STUN. */
export class Client {
  readonly pc: Werift.RTCPeerConnection;
  readonly #werift: typeof Werift;
  readonly #video: Werift.RTCRtpTransceiver;
  #sequence = 0;
  /** SSRC of the picture that comes in; 0 before it does. */
  #ssrc = 0;

  private constructor(werift: typeof Werift, { direction, codec, local }: ClientOptions) {
    this.#werift = werift;
    this.pc = new werift.RTCPeerConnection({
      iceServers: [],
      bundlePolicy: 'max-bundle',
      iceUseIpv4: false,
      iceUseIpv6: false,
      iceAdditionalHostAddresses: local ? ['127.0.0.1'] : addressesOf(peerDefaults),
      ...(local && { iceInterfaceAddresses: { udp4: '127.0.0.1' } }),
      codecs: { video: codecsOf(werift, codec), audio: [] },
      headerExtensions: { video: [werift.useSdesMid(), werift.useAbsSendTime()], audio: [] },
    });
    this.#video = this.pc.addTransceiver('video', { direction });
    // Left alone it asks a public STUN server, whatever `iceServers` says.
    for (const { connection } of this.pc.iceTransports) connection.stunServer = undefined;
  }

  /** @throws Unsupported where werift is missing. */
  static async open(options: ClientOptions): Promise<Client> {
    const client = new Client(await loadWerift(), options);
    await client.pc.setLocalDescription(await client.pc.createOffer());
    for (const { connection } of client.pc.iceTransports) guardSockets(connection as unknown as Ice);
    for (const dtls of client.pc.dtlsTransports) keepInOrder(dtls);
    return client;
  }

  get offer(): string {
    return this.pc.localDescription?.sdp ?? '';
  }

  /** Whether packets can pass: ICE stands, and the other side has not said goodbye over DTLS. */
  get connected(): boolean {
    const { connectionState, dtlsTransports } = this.pc;
    return connectionState === 'connected' && dtlsTransports.every(({ state }) => state === 'connected');
  }

  /**
   * Takes the server's answer and waits until packets can pass, `withinMs` at most.
   * @returns whether they can. @throws LivebrushError where it is no answer, the signal's reason.
   */
  async connect(answer: string, signal: AbortSignal, withinMs: number): Promise<boolean> {
    try {
      await this.pc.setRemoteDescription({ type: 'answer', sdp: answer });
    } catch (cause) {
      throw new LivebrushError('What the server answered is no description of a connection.', { cause });
    }
    const end = performance.now() + withinMs;
    while (!this.connected) {
      signal.throwIfAborted();
      if (performance.now() > end || ['failed', 'closed'].includes(this.pc.connectionState)) return false;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return true;
  }

  /** Sends a payload as one packet of the picture; settles once it has left. Never rejects. */
  send(payload: Uint8Array, timestamp: number, marker: boolean): Promise<void> {
    const { RtpHeader, RtpPacket } = this.#werift;
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const sequenceNumber = this.#sequence;
    const header = new RtpHeader({ version: 2, sequenceNumber, timestamp, marker, payloadType: PICTURE });
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    return this.#video.sender.sendRtp(new RtpPacket(header, bytes)).catch(() => {});
  }

  /** Calls `asked` whenever the server cannot go on without a key picture. */
  onKeyRequest(asked: () => void): void {
    this.#video.sender.onPictureLossIndication.subscribe(() => asked());
  }

  /** Calls `take` with each packet of the picture, in the order in which they come. */
  onPacket(take: (packet: PicturePart) => void): void {
    this.#video.onTrack.subscribe((track) =>
      track.onReceiveRtp.subscribe(({ header, payload }) => {
        this.#ssrc = header.ssrc;
        const { sequenceNumber: sequence, timestamp, marker } = header;
        take({ sequence, timestamp, marker, payload });
      }),
    );
  }

  /** Asks the server for a key picture (PLI). */
  askKey(): void {
    if (this.#ssrc !== 0 && this.connected)
      Promise.resolve(this.#video.receiver.sendRtcpPLI(this.#ssrc)).catch(() => {});
  }

  /** Ends the connection; the other side is told. */
  close(): Promise<void> {
    return closeConnection(this.pc);
  }
}
