import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { browserOffer } from './offers.js';
import { type Client, openClient, udpSockets, until } from './webrtc-client.js';
import { FRAGMENT, OFFER, TOKEN, wishApp } from './wish-doubles.js';

const iceServersForClients = [
  { urls: 'stun:stun.example.org' },
  { urls: 'turn:turn.example.org?transport=udp', username: 'me', credential: 'a"b' },
];
const UUID = /^\/live\/whip\/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

let server: ReturnType<typeof wishApp>;
const clients: Client[] = [];
beforeEach(() => {
  server = wishApp({ iceServersForClients });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await server.peers[Symbol.asyncDispose]();
  await until(() => udpSockets() === 0);
  expect(server.peers.size).toBe(0);
});

async function publishing(
  codec: 'VP8' | 'H264' = 'VP8',
  sound = true,
  direction: 'sendonly' | 'sendrecv' = 'sendonly',
): Promise<Client> {
  const client = await openClient({ direction, codec, sound });
  clients.push(client);
  return client;
}
const sentence = async (response: Response): Promise<string> => {
  const body = (await response.json()) as { error: { message: string } };
  expect(body.error.message).toMatch(/^[A-Z].*\.$/);
  return body.error.message;
};

describe('POST of an offer', () => {
  test('is answered with all that RFC 9725 asks for, and the publisher connects', async () => {
    const client = await publishing();
    const response = await server.post('/live/whip', client.offer);
    expect(response.status).toBe(201);
    expect(response.headers.get('content-type')).toBe('application/sdp');
    expect(response.headers.get('location')).toMatch(UUID);
    expect(response.headers.get('etag')).toMatch(/^"[^"]+"$/);
    expect(response.headers.get('link')).toBe(
      '<stun:stun.example.org>; rel="ice-server", <turn:turn.example.org?transport=udp>; rel="ice-server"; username="me"; credential="ab"; credential-type="password"',
    );
    const answer = await response.text();
    expect(answer).toMatch(/a=candidate:.* 127\.0\.0\.1 \d+ typ host/);
    expect(answer.match(/^a=recvonly\r$/gm)).toHaveLength(2);
    expect(answer).not.toMatch(/ccm fir/);
    await client.accept(answer);
    await client.connected();
    await until(() => server.peers.pending === 0);
    expect(server.streams.get('live')!.live).toBe(true);
  });

  test.each(['VP8', 'H264'] as const)('takes %s, with or without sound', async (codec) => {
    for (const sound of [true, false]) {
      const client = await publishing(codec, sound);
      const response = await server.post(`/live-${codec}-${sound}/whip`, client.offer);
      const answer = await response.text();
      expect(response.status).toBe(201);
      expect(answer.match(/^m=/gm)).toHaveLength(sound ? 2 : 1);
      expect(answer).toContain(`${codec}/90000`);
    }
  });

  test.each(['sendonly', 'sendrecv'] as const)(
    'hands on what a publisher sends that offers %s, and asks it for a key picture',
    async (direction) => {
      const client = await publishing('VP8', true, direction);
      let asked = 0;
      client.video.sender.onPictureLossIndication.subscribe(() => asked++);
      const response = await server.post('/live/whip', client.offer);
      const answer = await response.text();
      expect(answer.match(/^a=recvonly\r$/gm)).toHaveLength(2);
      await client.accept(answer);
      await client.connected();
      const [source] = server.streams.get('live')!.publishers;
      await client.send(Uint8Array.of(0x10, 1, 2, 3), 0);
      await until(() => asked > 0);
      expect(source!.info).toMatchObject({ kind: 'whip', codec: 'vp8', sound: 'opus 48 kHz' });
    },
  );

  test('of a second publisher is 409, and the first goes on', async () => {
    const [first, second] = [await publishing(), await publishing()];
    expect((await server.post('/live/whip', first.offer)).status).toBe(201);
    const response = await server.post('/live/whip', second.offer);
    expect(response.status).toBe(409);
    expect(response.headers.get('retry-after')).toBe('2');
    await sentence(response);
    expect(server.peers.size).toBe(1);
  });

  test.each([
    ['another content type', 415, browserOffer, { ...OFFER, 'content-type': 'application/json' }],
    ['no content type', 415, browserOffer, { authorization: TOKEN, 'content-type': '' }],
    ['no SDP', 400, 'hello', OFFER],
    ['an empty body', 400, '', OFFER],
    ['an offer to watch', 406, browserOffer, OFFER],
    ['too long a body', 413, `${browserOffer}${'a=x:y\r\n'.repeat(20_000)}`, OFFER],
    ['no token', 401, browserOffer, { 'content-type': 'application/sdp' }],
    ['a wrong token', 403, browserOffer, { ...OFFER, authorization: 'Bearer wrong' }],
  ])('with %s is %d', async (_name, status, body, headers) => {
    const response = await server.post('/live/whip', body, headers);
    expect(response.status).toBe(status);
    await sentence(response);
    expect(response.headers.get('www-authenticate')).toBe(status === 401 ? 'Bearer' : null);
    expect(server.streams.size).toBe(0);
  });

  test('takes a content type with parameters', async () => {
    const client = await publishing();
    const headers = { ...OFFER, 'content-type': 'application/SDP; charset=utf-8' };
    expect((await server.post('/live/whip', client.offer, headers)).status).toBe(201);
  });

  test('to a name that no stream may have is 404', async () => {
    expect((await server.post('/a.b/whip', browserOffer)).status).toBe(404);
    expect((await server.post('/%2e%2e/whip', browserOffer)).status).toBe(404);
  });
});

describe('a session', () => {
  async function begin() {
    const client = await publishing();
    const response = await server.post('/live/whip', client.offer);
    const path = response.headers.get('location')!;
    return { client, path, etag: response.headers.get('etag')!, answer: await response.text() };
  }
  const fragment = 'a=mid:0\r\na=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n';

  test('takes trickled candidates: 204 without an ETag', async () => {
    const { path, etag } = await begin();
    const response = await server.patch(path, fragment, { 'if-match': etag });
    expect(response.status).toBe(204);
    expect(response.headers.get('etag')).toBeNull();
    expect(await response.text()).toBe('');
  });

  test('ignores candidates that it does not know or may not use', async () => {
    const { path, etag } = await begin();
    const odd = `${fragment}a=candidate:2 1 quic 5 somewhere 7 typ host\r\na=candidate:3 1 udp 5 x.local 7 typ host\r\n`;
    expect((await server.patch(path, odd, { 'if-match': etag })).status).toBe(204);
  });

  test.each([
    ['a stale ETag', 412, { 'if-match': '"other"' }, fragment],
    ['no ETag', 428, {}, fragment],
    ['another content type', 415, { 'if-match': '*', 'content-type': 'application/sdp' }, fragment],
    ['no fragment', 400, { 'if-match': '*' }, 'hello'],
    ['too long a body', 413, { 'if-match': '*' }, 'a=x:y\r\n'.repeat(3000)],
    ['no token', 401, { authorization: '' }, fragment],
  ])('refuses a PATCH with %s: %d', async (_name, status, headers, body) => {
    const { path } = await begin();
    const given: Record<string, string> = { ...FRAGMENT, ...headers };
    if (given.authorization === '') delete given.authorization;
    const response = await server.app.request(path, { method: 'PATCH', body, headers: given });
    expect(response.status).toBe(status);
    await sentence(response);
  });

  test('restarts ICE on If-Match: *, with new credentials and a new ETag, and the old one is stale', async () => {
    const { path, etag, answer, client } = await begin();
    await client.accept(answer);
    await client.connected();
    const body = `a=ice-ufrag:newU\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\r\n${fragment}`;
    const response = await server.patch(path, body, { 'if-match': '*' });
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/trickle-ice-sdpfrag');
    expect(response.headers.get('etag')).not.toBe(etag);
    const ufrag = (sdp: string) => /a=ice-ufrag:(\S+)/.exec(sdp)![1];
    expect(ufrag(text)).not.toBe(ufrag(answer));
    expect(text).toMatch(/a=candidate:/);
    expect((await server.patch(path, fragment, { 'if-match': etag })).status).toBe(412);
  });

  test('ends with DELETE: 200 whatever the ETag, and the stream is free at once', async () => {
    const { path } = await begin();
    const headers = { authorization: TOKEN, 'if-match': '"other"' };
    const response = await server.app.request(path, { method: 'DELETE', headers });
    expect(response.status).toBe(200);
    expect(server.streams.get('live')!.live).toBe(false);
    expect(server.peers.size).toBe(0);
    expect((await server.remove(path)).status).toBe(404);
    const next = await publishing();
    expect((await server.post('/live/whip', next.offer)).status).toBe(201);
  });

  test('cannot be ended without a token, under another stream, or by guessing', async () => {
    const { path } = await begin();
    expect((await server.app.request(path, { method: 'DELETE' })).status).toBe(401);
    expect((await server.remove(path.replace('live', 'other'))).status).toBe(404);
    expect((await server.remove('/live/whip/1')).status).toBe(404);
    expect(server.streams.get('live')!.live).toBe(true);
  });

  test('is closed when its stream lets go of it', async () => {
    await begin();
    server.streams.get('live')!.kick();
    await until(() => server.peers.size === 0);
  });
});

describe('other methods', () => {
  test.each(['GET', 'PUT', 'PATCH', 'DELETE', 'HEAD'])('%s on the endpoint is 405', async (method) => {
    const response = await server.app.request('/live/whip', { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST, OPTIONS');
  });

  test.each(['GET', 'PUT', 'POST', 'HEAD'])('%s on a session is 405', async (method) => {
    const response = await server.app.request('/live/whip/1', { method });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('PATCH, DELETE, OPTIONS');
  });

  test.each(['/live/whip', '/live/whip/1'])(
    'OPTIONS on %s needs no token and says what is taken',
    async (path) => {
      const headers = { origin: 'https://example.org', 'access-control-request-method': 'POST' };
      const response = await server.app.request(path, { method: 'OPTIONS', headers });
      expect(response.status).toBe(204);
      expect(response.headers.get('accept-post')).toBe('application/sdp');
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
      expect(response.headers.get('access-control-allow-headers')).toMatch(
        /authorization.*content-type.*if-match/,
      );
      // Credentials of TURN servers are for those who may connect.
      expect(response.headers.get('link')).toBeNull();
    },
  );
});
