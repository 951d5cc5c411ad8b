/** What strangers and broken programs send: offers, messages and datagrams that are wrong. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import WebSocket from 'ws';
import { ask } from './clients.mjs';
import { fromSource } from './modules.mjs';

const { browserOffer, dice, mutated } = await fromSource('test/server/offers.ts');

/** Offers with lines left out, doubled, swapped and damaged, half of publishers and half of viewers. */
export async function mutatedOffers(server, count, { stream, withinMs }) {
  const random = dice(11);
  const statuses = {};
  const wrong = [];
  let slowest = 0;
  for (let n = 0; n < count; n++) {
    const publishes = n % 2 === 0;
    const text = publishes ? browserOffer.replaceAll('a=recvonly', 'a=sendonly') : browserOffer;
    const path = publishes ? '/offers/whip' : `/${stream}/whep`;
    const offer = mutated(text, random);
    const began = performance.now();
    const answer = await ask(`${server.url}${path}`, offer).catch((error) => ({ status: String(error) }));
    const ms = performance.now() - began;
    slowest = Math.max(slowest, ms);
    statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
    if (!(answer.status >= 200 && answer.status < 500) || ms > withinMs)
      wrong.push({ n, status: answer.status, ms });
    if (answer.status === 201) {
      const gone = await answer.end();
      if (gone !== 200) wrong.push({ n, deleted: gone });
    }
  }
  return {
    count,
    statuses,
    slowestMs: Math.round(slowest),
    wrong: wrong.slice(0, 5),
    holds: wrong.length === 0,
  };
}

const deep = (depth) => '['.repeat(depth) + ']'.repeat(depth);
/** Messages that mean nothing; each gets `id` to come back with its error where it can carry one. */
const MALFORMED = [
  () => '',
  () => 'paint!',
  () => '{"type": "change", "id": "x", "style": "wave"',
  () => 'null',
  () => '42',
  () => '[]',
  () => deep(5000),
  () => `{"type":"ping","more":${deep(3000)}}`,
  () => Buffer.from([0, 255, 1, 254]),
  () => Buffer.from('{"type":"ping"}'),
  (id) => JSON.stringify({ id }),
  (id) => JSON.stringify({ type: 'paint', id }),
  (id) => JSON.stringify({ type: ['change'], id }),
  (id) => JSON.stringify({ type: 'change', id }),
  (id) => JSON.stringify({ type: 'change', id, style: 'wave', also: 1 }),
  (id) => JSON.stringify({ type: 'change', id, strength: 2 }),
  (id) => JSON.stringify({ type: 'change', id, style: '../../etc/passwd' }),
  (id) => JSON.stringify({ type: 'change', id, style: 'no-such-style' }),
  (id) => JSON.stringify({ type: 'change', id, style: [{ style: 'wave', weight: -1 }] }),
  (id) => JSON.stringify({ type: 'change', id, style: 'wave', atFrame: -1 }),
  (id) => JSON.stringify({ type: 'change', id, style: 'wave', atFrame: 1, atTimestamp: 1 }),
  (id) => JSON.stringify({ type: 'change', id, cycle: { styles: ['wave'], everyFrames: 0 } }),
  (id) => JSON.stringify({ type: 'change', id, strength: null, fadeMs: 1e300 }),
  (id) => `{"type":"change","id":"${id}","__proto__":{"strength":1},"constructor":1}`,
  (id) => JSON.stringify({ type: 'cancel', id }),
  (id) => JSON.stringify({ type: 'stats', id, on: 'yes' }),
  () => JSON.stringify({ type: 'ping', id: 'x'.repeat(65) }),
  () => JSON.stringify({ type: 'ping', id: 7 }),
  (id) => JSON.stringify({ type: 'auth', id, token: '' }),
  (id) => JSON.stringify({ type: 'change', id, style: 'y'.repeat(60_000) }),
];
/** Fewer wrong ones on a socket than those that close it. */
const EACH = 19;

/** One socket's worth of messages: as many errors have to come as messages went, each with its own id at most once. */
async function malformed(url, from, count) {
  const socket = new WebSocket(url);
  const heard = [];
  socket.on('message', (data) => heard.push(JSON.parse(String(data))));
  await once(socket, 'open');
  const ids = [];
  for (let n = from; n < from + count; n++) {
    const message = MALFORMED[n % MALFORMED.length](`m${n}`);
    if (typeof message === 'string' && message.includes(`"m${n}"`)) ids.push(`m${n}`);
    socket.send(message);
  }
  socket.send(JSON.stringify({ type: 'ping', id: 'last' }));
  const end = performance.now() + 6000;
  while (!heard.some(({ type, id }) => type === 'pong' && id === 'last') && performance.now() < end)
    await sleep(5);
  socket.terminate();
  const errors = heard.filter(({ type }) => type === 'error');
  const others = heard.filter(({ type }) => !['error', 'hello', 'pong', 'stream'].includes(type));
  const once_ = ids.filter((id) => errors.filter((error) => error.id === id).length !== 1);
  return { errors: errors.length, others: others.length, misnamed: once_.length };
}

/** Messages that mean nothing, on one socket after the other. */
export async function malformedMessages(server, count, { stream }) {
  const url = `${server.url.replace(/^http/, 'ws')}/api/streams/${stream}/control`;
  const total = { count, errors: 0, others: 0, misnamed: 0 };
  for (let sent = 0; sent < count; sent += EACH) {
    const found = await malformed(url, sent, Math.min(EACH, count - sent));
    for (const [name, n] of Object.entries(found)) total[name] += n;
  }
  return { ...total, holds: total.errors === count && total.others === 0 && total.misnamed === 0 };
}

/** Bytes by chance that begin as STUN, DTLS, RTP or RTCP do, or as nothing. */
function garbage(random) {
  const first = [random(4), 20 + random(44), 128 + random(64), 200 + random(7), random(256)][random(5)];
  const bytes = Buffer.alloc(1 + random(1400));
  for (let i = 0; i < bytes.length; i += 4) bytes.writeUInt8(random(256), i);
  bytes[0] = first;
  if (first < 4 && bytes.length >= 8) bytes.writeUInt32BE(0x2112a442, 4);
  return bytes;
}

/** Sends garbage to media ports in turn, some thousand a second. */
export async function garbageDatagrams(ports, count) {
  const random = dice(23);
  const socket = createSocket('udp4');
  for (let n = 0; n < count; n++) {
    socket.send(garbage(random), ports[n % ports.length], '127.0.0.1', () => {});
    if (n % 50 === 49) await sleep(5);
  }
  await sleep(200);
  socket.close();
}
