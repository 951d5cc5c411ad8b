import { getEventListeners } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { browserOffer } from './offers.js';
import { type Client, openClient, udpSockets, until } from './webrtc-client.js';
import { type FakeSession, OFFER, TOKEN, wishApp } from './wish-doubles.js';

let server: ReturnType<typeof wishApp>;
let stream: FakeSession;
const clients: Client[] = [];
beforeEach(() => {
  server = wishApp({ udpPorts: [27_000, 27_800] });
  stream = server.sessions.open('live');
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await server.peers[Symbol.asyncDispose]();
  await until(() => udpSockets() === 0);
  expect(server.peers.size).toBe(0);
});

async function watching(
  codec: 'VP8' | 'H264' = 'H264',
  sound = true,
  direction: 'recvonly' | 'sendrecv' = 'recvonly',
): Promise<Client> {
  const client = await openClient({ direction, codec, sound });
  clients.push(client);
  return client;
}
const picture = (timestamp: number, bytes = 3000) => ({
  payloads: [
    { payload: new Uint8Array(1000).fill(1), marker: false },
    { payload: new Uint8Array(500).fill(2), marker: true },
  ],
  bytes,
  timestamp,
  key: true,
});

describe('POST of an offer to watch', () => {
  test('ends with the stream, which holds on to nobody who has left', async () => {
    const over = new AbortController();
    Object.assign(server.sessions.open('live'), { over: over.signal });
    const waiting = () => getEventListeners(over.signal, 'abort').length;
    const [one, other] = [await watching(), await watching()];
    const left = await server.post('/live/whep', one.offer);
    await server.post('/live/whep', other.offer);
    expect(waiting()).toBe(2);
    await server.remove(left.headers.get('location')!);
    expect(waiting()).toBe(1);
    over.abort();
    await until(() => server.peers.size === 0);
    expect(waiting()).toBe(0);
  });

  test.each(['recvonly', 'sendrecv'] as const)(
    'of %s is answered, and the viewer gets pictures and sound with headers of its own',
    async (direction) => {
      const client = await watching('H264', true, direction);
      const response = await server.post('/live/whep', client.offer);
      expect(response.status).toBe(201);
      expect(response.headers.get('location')).toMatch(/^\/live\/whep\/[0-9a-f-]{36}$/);
      expect(response.headers.get('etag')).toBeTruthy();
      const answer = await response.text();
      expect(answer.match(/^a=sendonly\r$/gm)).toHaveLength(2);
      expect(answer).not.toMatch(/transport-cc|ccm fir/);
      const got: { kind: string; sequence: number; timestamp: number; marker: boolean; size: number }[] = [];
      client.pc.onTrack.subscribe((track) => {
        track.onReceiveRtp.subscribe(({ header, payload }) => {
          const { sequenceNumber: sequence, timestamp, marker } = header;
          got.push({ kind: track.kind, sequence, timestamp, marker, size: payload.length });
        });
      });
      const [viewer] = stream.viewers;
      expect(viewer!.backlog).toBe(Number.POSITIVE_INFINITY);
      await client.accept(answer);
      await client.connected();
      await until(() => viewer!.backlog === 0);
      viewer!.picture(picture(1_000_000));
      viewer!.sound({ data: Uint8Array.of(0xfc, 1), timestamp: 1_000_000, duration: 20_000 });
      viewer!.picture(picture(1_040_000));
      // Four milliseconds late by its time, right behind in its numbers.
      viewer!.sound({ data: Uint8Array.of(0xfc, 2), timestamp: 1_024_000, duration: 20_000 });
      await until(() => got.length === 6);
      const pictures = got.filter(({ kind }) => kind === 'video');
      const sounds = got.filter(({ kind }) => kind === 'audio');
      expect(pictures.map(({ size }) => size)).toEqual([1000, 500, 1000, 500]);
      expect(pictures.map(({ marker }) => marker)).toEqual([false, true, false, true]);
      expect(pictures.map(({ sequence }) => (sequence - pictures[0]!.sequence) & 0xffff)).toEqual([
        0, 1, 2, 3,
      ]);
      expect(pictures.map(({ timestamp }) => timestamp - pictures[0]!.timestamp)).toEqual([0, 0, 3600, 3600]);
      expect(sounds[1]!.timestamp - sounds[0]!.timestamp).toBe(960);
    },
  );

  test('lets the viewer ask for key pictures', async () => {
    const client = await watching('VP8');
    const response = await server.post('/live/whep', client.offer);
    await client.accept(await response.text());
    await client.connected();
    const [viewer] = stream.viewers;
    let asked = 0;
    viewer!.onKeyRequest(() => asked++);
    await until(() => viewer!.backlog === 0);
    viewer!.picture(picture(0));
    await until(() => Object.keys(client.video.receiver.trackBySSRC).length > 0);
    const ssrc = Number(Object.keys(client.video.receiver.trackBySSRC)[0]);
    await client.video.receiver.sendRtcpPLI(ssrc);
    await until(() => asked === 1);
    expect(stream.codecs).toEqual(['vp8']);
  });

  test('of a stream that does not exist is 409 with Retry-After, however often', async () => {
    for (let i = 0; i < 200; i++) {
      const response = await server.post('/nobody/whep', browserOffer);
      expect(response.status).toBe(409);
      expect(response.headers.get('retry-after')).toBe('2');
    }
    expect(server.streams.has('nobody')).toBe(false);
    expect(udpSockets()).toBe(0);
  });

  test('while nobody publishes is answered: there is a card to see', async () => {
    expect(stream.live).toBe(false);
    expect((await server.post('/live/whep', (await watching()).offer)).status).toBe(201);
  });

  test.each([
    ['another content type', 415, browserOffer, { ...OFFER, 'content-type': 'text/plain' }],
    ['no SDP', 400, 'v=0', OFFER],
    ['an offer to publish', 406, browserOffer.replaceAll('a=recvonly', 'a=sendonly'), OFFER],
    ['no token', 401, browserOffer, { 'content-type': 'application/sdp' }],
  ])('with %s is %d', async (_name, status, body, headers) => {
    expect((await server.post('/live/whep', body, headers)).status).toBe(status);
    expect(stream.viewers.size).toBe(0);
  });
});

describe('a look of one’s own', () => {
  test.each([
    ['', undefined],
    ['?other=1', undefined],
    ['?style=wave', { mix: [{ style: 'wave', weight: 1 }] }],
    [
      '?style=wave:0.7,scream:0.3&strength=0.5&keepColor=1',
      {
        mix: [
          { style: 'wave', weight: 0.7 },
          { style: 'scream', weight: 0.3 },
        ],
        strength: 0.5,
        keepColor: 1,
      },
    ],
    ['?strength=0&keepColor=false', { strength: 0, keepColor: 0 }],
  ])('%s is read', async (query, look) => {
    const client = await watching();
    expect((await server.post(`/live/whep${query}`, client.offer)).status).toBe(201);
    expect(stream.looks).toEqual([look]);
  });

  test.each([
    '?style=',
    '?style=Wave',
    '?style=wave:',
    '?style=wave:0',
    '?style=wave:-1',
    '?style=wave:NaN',
    '?style=wave:1:2',
    `?style=${Array.from({ length: 9 }, (_, i) => `s${i}`).join(',')}`,
    '?strength=2',
    '?strength=',
    '?strength=a',
    '?strength=Infinity',
    '?keepColor=maybe',
    '?strength=1&strength=0',
    '?style=../../x',
  ])('%s is 400', async (query) => {
    const client = await watching();
    const response = await server.post(`/live/whep${query}`, client.offer);
    expect(response.status).toBe(400);
    expect(((await response.json()) as { error: { message: string } }).error.message).toMatch(
      /^The query .*\.$/,
    );
    expect(server.peers.size).toBe(0);
  });

  test('with a style that is not there is 404, and leaves nothing behind', async () => {
    const client = await watching();
    expect((await server.post('/live/whep?style=unknown', client.offer)).status).toBe(404);
    expect(server.peers.size).toBe(0);
  });
});

describe('a viewer’s session', () => {
  test('ends with DELETE: 200, and the stream no longer sends to it', async () => {
    const response = await server.post('/live/whep', (await watching()).offer);
    const path = response.headers.get('location')!;
    expect(stream.viewers.size).toBe(1);
    expect((await server.remove(path)).status).toBe(200);
    expect(stream.viewers.size).toBe(0);
    expect((await server.remove(path)).status).toBe(404);
  });

  test('takes candidates with its ETag, and nothing with another', async () => {
    const response = await server.post('/live/whep', (await watching()).offer);
    const path = response.headers.get('location')!;
    const body = 'a=mid:0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n';
    const etag = response.headers.get('etag')!;
    expect((await server.patch(path, body, { 'if-match': etag })).status).toBe(204);
    expect((await server.patch(path, body, { 'if-match': '"x"' })).status).toBe(412);
    expect((await server.patch(path, body, {})).status).toBe(428);
  });
});

describe('other methods', () => {
  test.each(['GET', 'PUT', 'DELETE'])('%s on the endpoint is 405', async (method) => {
    const response = await server.app.request('/live/whep', { method, headers: { authorization: TOKEN } });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST, OPTIONS');
  });

  test('OPTIONS needs no token', async () => {
    const response = await server.app.request('/live/whep', { method: 'OPTIONS' });
    expect(response.status).toBe(204);
    expect(response.headers.get('accept-post')).toBe('application/sdp');
  });
});
