/** Publishers and viewers over WebRTC, out of werift, with real pictures. */
import { setTimeout as sleep } from 'node:timers/promises';
import { fromSource } from './modules.mjs';
import { send } from './server.mjs';

const { openClient, until } = await fromSource('test/server/webrtc-client.ts');
const FPS = 15;

/** Some encoded pictures, the first a key picture, each as RTP payloads. */
export async function encoded({ width = 160, height = 96, count = 30 } = {}) {
  const [{ LiveEncoder }, { packetizer }, { frame }] = await Promise.all([
    import('../../dist/pipeline/codec/live-encode.js'),
    import('../../dist/pipeline/rtp/index.js'),
    import('../../dist/pipeline/frame.js'),
  ]);
  const encoder = await LiveEncoder.open('vp8', { bitrate: 300_000, fps: FPS });
  const cut = packetizer('vp8');
  const pictures = [];
  for (let n = 0; n < count; n++) {
    const data = new Uint8Array(3 * width * height).map((_, i) => (i % width) + 4 * n);
    const shown = frame({ data, width, height }, (n * 1e6) / FPS);
    const packet = await encoder.encode(shown, { key: n === 0 });
    shown[Symbol.dispose]();
    if (packet) pictures.push(cut.packetize(packet.data));
  }
  await encoder[Symbol.asyncDispose]();
  return pictures;
}

/** Asks for a session; `end` deletes it and gives the status of that. */
export async function ask(url, offer) {
  const headers = { 'content-type': 'application/sdp' };
  const { status, text, headers: told } = await send(url, { method: 'POST', headers, body: offer });
  const end = async () => {
    if (!told.location) return 0;
    return (await send(new URL(told.location, url), { method: 'DELETE' })).status;
  };
  return { status, text, end };
}

async function connect(client, url) {
  const session = await ask(url, client.offer);
  if (session.status !== 201) {
    await client.close();
    throw new Error(`${url} answered ${session.status}: ${session.text.slice(0, 200)}`);
  }
  await client.accept(session.text);
  await client.connected();
  return session;
}

/** Ports that an answer names for UDP. */
const portsOf = (answer) =>
  [...answer.matchAll(/^a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 (\d+) /gim)].map(([, port]) => Number(port));

/** Publishes pictures at their pace, over and over, until it goes. */
export async function openPublisher(server, stream, pictures) {
  const client = await openClient({ direction: 'sendonly', codec: 'VP8' });
  const session = await connect(client, `${server.url}/${stream}/whip`);
  let running = true;
  const sending = (async () => {
    for (let n = 0; running; n++) {
      const timestamp = Math.round((n * 90_000) / FPS) >>> 0;
      for (const { payload, marker } of pictures[n % pictures.length])
        await client.send(payload, timestamp, marker).catch(() => {});
      await sleep(1000 / FPS);
    }
  })();
  const stop = async () => {
    running = false;
    await sending;
  };
  return leavable(client, session, stop);
}

/** Watches a stream; `packets` counts what comes of the picture. */
export async function openViewer(server, stream) {
  const client = await openClient({ direction: 'recvonly', codec: 'VP8' });
  let packets = 0;
  client.video.onTrack.subscribe((track) => track.onReceiveRtp.subscribe(() => packets++));
  const session = await connect(client, `${server.url}/${stream}/whep`);
  return { ...leavable(client, session, async () => {}), packets: () => packets };
}

const leavable = (client, session, stop) => ({
  ports: portsOf(session.text),
  connected: () => client.pc.connectionState === 'connected',
  /** Goes with DELETE; the status it was answered with. */
  async leave() {
    await stop();
    const status = await session.end();
    await client.close();
    return status;
  },
  /** Goes without a word. */
  async vanish() {
    await stop();
    await client.close();
  },
});

export { until };
