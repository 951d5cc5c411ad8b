/** Publishers and viewers over WebRTC, those of `livebrush loadtest`, one at a time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { send } from './server.mjs';

const [{ prepareLoop }, { Publisher }, { Viewer }] = await Promise.all([
  import('../../dist/loadtest/loop.js'),
  import('../../dist/loadtest/publisher.js'),
  import('../../dist/loadtest/viewer.js'),
]);
const never = new AbortController().signal;
const CODEC = 'vp8';

/** Encoded pictures that a publisher sends over and over. */
export const encoded = () => prepareLoop({ width: 160, height: 96, fps: 15, codec: CODEC }, never);

/** Waits until something holds, ten seconds at most. */
export async function until(holds) {
  for (const end = performance.now() + 10_000; !holds(); await sleep(20))
    if (performance.now() > end) throw new Error('It did not happen in time.');
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

const optionsOf = ({ url }, stream) => ({ access: { url, token: undefined }, local: true, stream });

/** Ports that an answer names for UDP. */
const portsOf = (answer) =>
  [...answer.matchAll(/^a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 (\d+) /gim)].map(([, port]) => Number(port));

/** Publishes a loop at its pace, over and over, until it goes. */
export async function openPublisher(server, stream, loop) {
  const publisher = await Publisher.open(optionsOf(server, stream), loop, never);
  publisher.begin();
  return leavable(publisher);
}

/** Watches a stream; `packets` counts what comes of the picture. */
export async function openViewer(server, stream) {
  const viewer = await Viewer.open({ ...optionsOf(server, stream), codec: CODEC }, never);
  return { ...leavable(viewer), packets: () => viewer.packets };
}

const leavable = (it) => ({
  ports: portsOf(it.session.answer),
  connected: () => it.session.connected,
  /** Goes with DELETE; the status it was answered with. */
  async leave() {
    await it.stop();
    return it.session.leave();
  },
  /** Goes without a word. */
  async vanish() {
    await it.stop();
    // Not `close`, which tells the server.
    await it.session.client.pc.close();
  },
});
