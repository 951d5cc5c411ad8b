import {
  RTCPeerConnection as Connection,
  type RTCPeerConnection,
  RTCRtpCodecParameters,
  RtpHeader,
  RtpPacket,
  useAbsSendTime,
  useNACK,
  usePLI,
  useREMB,
  useSdesMid,
} from 'werift';

export interface ClientOptions {
  readonly direction: 'sendonly' | 'recvonly' | 'sendrecv';
  readonly codec?: 'VP8' | 'H264';
  readonly sound?: boolean;
}

const feedback = [useNACK(), usePLI(), useREMB()];
const h264 = 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f';

/** A WebRTC client out of werift, on loopback, that asks no STUN server. Its offer has all candidates. */
export async function openClient({ direction, codec = 'VP8', sound = true }: ClientOptions) {
  const pc = new Connection({
    iceServers: [],
    bundlePolicy: 'max-bundle',
    iceUseIpv4: false,
    iceUseIpv6: false,
    iceAdditionalHostAddresses: ['127.0.0.1'],
    iceInterfaceAddresses: { udp4: '127.0.0.1' },
    codecs: {
      video: [
        new RTCRtpCodecParameters({
          mimeType: `video/${codec}`,
          clockRate: 90_000,
          payloadType: 96,
          rtcpFeedback: feedback,
          ...(codec === 'H264' && { parameters: h264 }),
        }),
        new RTCRtpCodecParameters({
          mimeType: 'video/rtx',
          clockRate: 90_000,
          payloadType: 97,
          parameters: 'apt=96',
        }),
      ],
      audio: [
        new RTCRtpCodecParameters({
          mimeType: 'audio/opus',
          clockRate: 48_000,
          channels: 2,
          payloadType: 111,
        }),
      ],
    },
    headerExtensions: { video: [useSdesMid(), useAbsSendTime()], audio: [useSdesMid()] },
  });
  const video = pc.addTransceiver('video', { direction });
  const audio = sound ? pc.addTransceiver('audio', { direction }) : undefined;
  for (const { connection } of pc.iceTransports) connection.stunServer = undefined;
  await pc.setLocalDescription(await pc.createOffer());
  let sequence = 0;
  return {
    pc,
    video,
    audio,
    offer: pc.localDescription!.sdp,
    accept: (answer: string) => pc.setRemoteDescription({ type: 'answer', sdp: answer }),
    connected: () => until(() => pc.connectionState === 'connected'),
    /** Sends bytes as one packet of the picture. */
    send(payload: Uint8Array, timestamp: number, marker = true): Promise<void> {
      sequence = (sequence + 1) & 0xffff;
      const header = new RtpHeader({
        version: 2,
        sequenceNumber: sequence,
        timestamp,
        marker,
        payloadType: 96,
      });
      return video.sender.sendRtp(new RtpPacket(header, Buffer.from(payload)));
    },
    close: () => closeClient(pc),
  };
}
export type Client = Awaited<ReturnType<typeof openClient>>;

const closeClient = (pc: RTCPeerConnection): Promise<void> => pc.close();

/** Waits until something holds. @throws when it does not within a time that is long also for a busy machine. */
export async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 50_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error('It did not happen in time.');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** UDP sockets that are open in this process. */
export const udpSockets = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'UDPWrap').length;
