import { liveNow } from '../pipeline/live.js';
import { COLOR_SPACE_URI, parseColorSpace, TwccFeedback } from '../pipeline/rtp/index.js';
import { type RtpIn, WebrtcSource } from '../pipeline/sources/webrtc.js';
import { guarded } from './guarded.js';
import { Peer, type PeerOptions } from './peer.js';
import { routerOf, type Werift } from './peer-werift.js';

const SENDER_REPORT = 200;
const TWCC_MS = 50;
/** How often a publisher may begin to send under another SSRC. */
const CHANGES = 32;

/** A publisher's connection, and its stream as a source. */
export class PublishingPeer {
  readonly peer: Peer;
  readonly source: WebrtcSource;
  readonly #werift: typeof Werift;
  #feedback: TwccFeedback | undefined;
  #feedbackTimer: NodeJS.Timeout | undefined;
  /** SSRC of the picture, to ask for key pictures; 0 before it is known. */
  #pictureSsrc = 0;
  #changes = 0;

  constructor(options: PeerOptions) {
    this.#werift = options.werift;
    this.peer = new Peer(options);
    this.source = new WebrtcSource({
      codec: options.offer.codec,
      sound: options.offer.sound,
      askKey: () => this.#askKey(),
    });
    this.#adopt();
    void this.peer.closed.then(() => {
      clearInterval(this.#feedbackTimer);
      this.source.end();
    });
  }

  /** @throws BadInput where the offer cannot be answered. */
  async answer(): Promise<string> {
    this.peer.pc.onRemoteTransceiverAdded.subscribe(guarded((transceiver) => this.#listen(transceiver)));
    return this.peer.answer();
  }

  #listen(transceiver: Werift.RTCRtpTransceiver): void {
    const { receiver, kind } = transceiver;
    if (kind !== 'video' && kind !== 'audio') return;
    receiver.onRtcp.subscribe(
      guarded((packet) => {
        if (packet.type !== SENDER_REPORT || !('senderInfo' in packet)) return;
        const { ntpTimestamp, rtpTimestamp } = packet.senderInfo;
        this.source.report(kind, { ntp: ntpTimestamp, rtp: rtpTimestamp });
      }),
    );
    // Set before werift reads the media: else it starts feedback of its own, which tells senders a very slow line.
    if (kind === 'video') receiver.receiverTWCC = this.#twcc(receiver) as typeof receiver.receiverTWCC;
    transceiver.onTrack.subscribe(guarded((track) => this.#hear(track)));
  }

  #hear(track: Werift.MediaStreamTrack): void {
    const take = (packet: RtpIn) =>
      track.kind === 'video' ? this.source.picture(packet) : this.source.sound(packet);
    track.onReceiveRtp.subscribe(
      guarded(({ header, payload }, extensions) => {
        if (track.kind === 'video') this.#pictureSsrc = header.ssrc;
        const colors: unknown = extensions?.[COLOR_SPACE_URI];
        take({
          sequence: header.sequenceNumber,
          timestamp: header.timestamp,
          marker: header.marker,
          payload,
          colors: colors instanceof Uint8Array ? parseColorSpace(colors) : undefined,
        });
      }),
    );
  }

  /** What werift calls with each transport-wide sequence number. */
  #twcc(receiver: Werift.RTCRtpReceiver): { twccRunning: boolean; handleTWCC(sequence: unknown): void } {
    return {
      twccRunning: true,
      handleTWCC: (sequence) => {
        if (typeof sequence !== 'number' || this.peer.state === 'closed') return;
        this.#feedback ??= new TwccFeedback(receiver.rtcpSsrc, this.#pictureSsrc);
        this.#feedback.received(sequence, liveNow());
        this.#feedbackTimer ??= setInterval(
          guarded(() => this.#report(receiver)),
          TWCC_MS,
        );
      },
    };
  }

  #report({ dtlsTransport }: Werift.RTCRtpReceiver): void {
    // The first sequence number is told before its packet, so the SSRC is known only now; and it may change.
    if (!this.#feedback || this.#pictureSsrc === 0) return;
    this.#feedback.media = this.#pictureSsrc;
    for (const packet of this.#feedback.build()) {
      const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength);
      dtlsTransport.sendRtcp([{ serialize: () => bytes } as Werift.RtcpPacket]).catch(() => {});
    }
  }

  #askKey(): void {
    const receiver = this.peer.pc.getTransceivers().find(({ kind }) => kind === 'video')?.receiver;
    if (receiver && this.#pictureSsrc !== 0 && this.peer.state === 'connected')
      Promise.resolve(receiver.sendRtcpPLI(this.#pictureSsrc)).catch(() => {});
  }

  /**
   * Lets in streams whose SSRC the offer did not name, or that changed it: by their payload type, which is of one kind
   * only.
   */
  #adopt(): void {
    const { MediaStreamTrack } = this.#werift;
    const router = routerOf(this.peer.pc);
    const route = router.routeRtp;
    router.routeRtp = guarded((packet: Werift.RtpPacket) => {
      const { ssrc, payloadType } = packet.header;
      if (!router.ssrcTable[ssrc] && this.#changes < CHANGES) {
        const transceiver = this.peer.pc
          .getTransceivers()
          .find(({ codecs }) => codecs.some((codec) => codec.payloadType === payloadType && !isRtx(codec)));
        // With simulcast the layer's name decides.
        if (transceiver && Object.keys(transceiver.receiver.trackByRID).length === 0) {
          this.#changes++;
          const { kind, receiver, codecs } = transceiver;
          const track = new MediaStreamTrack({ ssrc, kind, remote: true, codec: codecs[0] });
          transceiver.addTrack(track);
          router.registerRtpReceiver(receiver, ssrc);
        }
      }
      route(packet);
    });
  }
}

const isRtx = ({ mimeType }: Werift.RTCRtpCodecParameters): boolean => /\/rtx$/i.test(mimeType);
