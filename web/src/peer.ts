import { problemOf } from './problem.js';
import { bearer } from './token.js';

export type Codec = 'h264' | 'vp8';

/** How long to wait for ICE candidates; all that came until then are in the offer, so there is nothing to trickle. */
const GATHER_MS = 1200;
const ANSWER_MS = 10_000;

export const newPeer = (iceServers: readonly RTCIceServer[]): RTCPeerConnection =>
  new RTCPeerConnection({ bundlePolicy: 'max-bundle', iceServers: [...iceServers] });

/** Puts a codec first in the offer; the others follow, so that a server without it still finds one. */
export function prefer(transceiver: RTCRtpTransceiver, codec: Codec, only = false): void {
  const all = RTCRtpReceiver.getCapabilities?.('video')?.codecs ?? [];
  const rank = ({ mimeType }: RTCRtpCodec) => {
    const name = mimeType.toLowerCase().slice(6);
    if (name === codec) return 0;
    return ['h264', 'vp8'].includes(name) ? 1 : 2;
  };
  const usable = all.filter((it) => (only ? rank(it) !== 1 : true));
  const sorted =
    usable.toSorted?.((a, b) => rank(a) - rank(b)) ?? [...usable].sort((a, b) => rank(a) - rank(b));
  if (sorted.length > 0 && sorted.some((it) => rank(it) === 0)) transceiver.setCodecPreferences?.(sorted);
}

const gathered = (peer: RTCPeerConnection) =>
  new Promise<void>((resolve) => {
    if (peer.iceGatheringState === 'complete') return resolve();
    setTimeout(resolve, GATHER_MS);
    peer.addEventListener('icegatheringstatechange', () => {
      if (peer.iceGatheringState === 'complete') resolve();
    });
  });

/**
 * Offers over HTTP, as WHIP (RFC 9725) and WHEP have it.
 * @returns the URL of the session, which a DELETE ends. @throws Problem
 */
export async function negotiate(peer: RTCPeerConnection, url: string, signal: AbortSignal): Promise<string> {
  await peer.setLocalDescription(await peer.createOffer());
  await gathered(peer);
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/sdp', ...bearer() },
    body: peer.localDescription?.sdp ?? '',
    signal: AbortSignal.any ? AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]) : signal,
  });
  if (!response.ok) throw await problemOf(response);
  const session = new URL(
    response.headers.get('Location') ?? url,
    new URL(response.url || url, location.href),
  ).href;
  await peer.setRemoteDescription({ type: 'answer', sdp: await response.text() });
  return session;
}

/** Ends a session; the page may be going away. */
export function hangUp(session: string): void {
  void fetch(session, { method: 'DELETE', headers: bearer(), keepalive: true }).catch(() => {});
}

/** How long a connection may be unreachable before a new one is made. */
const PATIENCE_MS = 4000;

/** Resolves when a connection is of no use any more. */
export const lost = (peer: RTCPeerConnection, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    let patience: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      clearTimeout(patience);
      const state = peer.connectionState;
      // A goodbye of the other side shows on the transport alone.
      const ended = [...peer.getReceivers(), ...peer.getSenders()].some(
        ({ transport }) => transport?.state === 'closed',
      );
      if (signal.aborted || ended || state === 'failed' || state === 'closed') resolve();
      else if (state === 'disconnected') patience = setTimeout(resolve, PATIENCE_MS);
    };
    peer.addEventListener('connectionstatechange', look);
    for (const { transport } of [...peer.getReceivers(), ...peer.getSenders()])
      transport?.addEventListener('statechange', look);
    signal.addEventListener('abort', look);
    look();
  });

/** Resolves to whether a connection comes about in time. */
export const connected = (peer: RTCPeerConnection, signal: AbortSignal): Promise<boolean> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ANSWER_MS);
    const look = () => {
      const state = peer.connectionState;
      if (state === 'connected') resolve(true);
      else if (signal.aborted || state === 'failed' || state === 'closed') resolve(false);
      else return;
      clearTimeout(timer);
    };
    peer.addEventListener('connectionstatechange', look);
    signal.addEventListener('abort', look);
    look();
  });
