import { createSocket } from 'node:dgram';
import { afterEach, describe, expect, test } from 'vitest';
import { Overloaded } from '../../src/errors.js';
import { readOffer } from '../../src/server/peer-offer.js';
import { Peers } from '../../src/server/peers.js';
import { browserOffer, dice, mutated } from './offers.js';
import { openClient, udpSockets, until } from './webrtc-client.js';
import { wishApp } from './wish-doubles.js';

const settings = { bindAddress: '127.0.0.1', udpPorts: [24_900, 25_400] as const };
const offer = () => readOffer(browserOffer, { part: 'read' });
const open: Peers[] = [];
const peersOf = (more: Partial<Peers['settings']> = {}): Peers => {
  const peers = new Peers({ ...settings, ...more });
  open.push(peers);
  return peers;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((peers) => peers[Symbol.asyncDispose]()));
  await until(() => udpSockets() === 0);
});

describe('mutated offers', () => {
  const count = Number(process.env.LIVEBRUSH_TEST_OFFERS ?? 200);
  test(`each of ${count} is answered, none hangs, and nothing is left of them`, async () => {
    const server = wishApp({ negotiationMs: 5000, udpPorts: [25_500, 26_500] });
    server.sessions.open('live');
    const random = dice(11);
    const statuses = new Map<number, number>();
    for (let i = 0; i < count; i++) {
      const publishes = i % 2 === 0;
      const text = publishes ? browserOffer.replaceAll('a=recvonly', 'a=sendonly') : browserOffer;
      const path = publishes ? `/m${i}/whip` : '/live/whep';
      const response = await server.post(path, mutated(text, random));
      expect([201, 400, 406, 413]).toContain(response.status);
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
      const session = response.headers.get('location');
      if (session) expect((await server.remove(session)).status).toBe(200);
    }
    // The mutations are mild enough for some to work, and wild enough for others not to.
    expect(statuses.get(201)).toBeGreaterThan(count / 10);
    expect(statuses.get(400)).toBeGreaterThan(count / 20);
    expect(server.peers.size).toBe(0);
    await server.peers[Symbol.asyncDispose]();
  });
});

describe('publishers and viewers who come and go', () => {
  const cycles = Number(process.env.LIVEBRUSH_TEST_CYCLES ?? 10);
  test(`leave nothing behind after ${cycles} times, half with DELETE and half without a word`, async () => {
    const server = wishApp({ publisherSilenceMs: 5000, viewerSilenceMs: 5000, udpPorts: [26_700, 26_999] });
    for (let i = 0; i < cycles; i++) {
      const publisher = await openClient({ direction: 'sendonly' });
      const viewer = await openClient({ direction: 'recvonly' });
      const name = `cycle${i}`;
      const published = await server.post(`/${name}/whip`, publisher.offer);
      const watched = await server.post(`/${name}/whep`, viewer.offer);
      expect([published.status, watched.status]).toEqual([201, 201]);
      await publisher.accept(await published.text());
      await viewer.accept(await watched.text());
      await Promise.all([publisher.connected(), viewer.connected()]);
      await publisher.send(Uint8Array.of(0x10, 0), 0);
      if (i % 2 === 0)
        for (const { headers } of [published, watched])
          expect((await server.remove(headers.get('location')!)).status).toBe(200);
      await Promise.all([publisher.close(), viewer.close()]);
    }
    await until(() => server.peers.size === 0);
    await until(() => udpSockets() === 0);
    for (const stream of server.streams.values())
      expect([stream.live, stream.viewers.size]).toEqual([false, 0]);
    await server.peers[Symbol.asyncDispose]();
  });
});

describe('connections that never come', () => {
  test('are let in up to a limit, then refused, and freed after their time', async () => {
    const peers = peersOf({ pending: 4, negotiationMs: 2500, connectMs: 500 });
    const made = await Promise.allSettled(Array.from({ length: 6 }, () => peers.watch(offer())));
    const refused = made.filter((it) => it.status === 'rejected');
    expect(refused).toHaveLength(2);
    for (const { reason } of refused) expect(reason).toBeInstanceOf(Overloaded);
    expect(peers.pending).toBe(4);
    await until(() => peers.size === 0);
    await until(() => udpSockets() === 0);
    await expect(peers.watch(offer())).resolves.toBeDefined();
    expect(peers.pending).toBe(1);
  });

  test('are refused when no port is left', async () => {
    const peers = peersOf({ udpPorts: [26_600, 26_601] });
    await peers.watch(offer());
    await peers.watch(offer());
    await expect(peers.watch(offer())).rejects.toThrow(/UDP ports from 26600 to 26601 are in use/);
    expect(peers.size).toBe(2);
  });

  test('are refused once the server stops', async () => {
    const peers = peersOf();
    await peers.watch(offer());
    await peers[Symbol.asyncDispose]();
    await expect(peers.watch(offer())).rejects.toBeInstanceOf(Overloaded);
  });
});

describe('a peer', () => {
  test('announces the addresses it is told of, and asks no STUN server', async () => {
    const peers = peersOf({ publicAddresses: ['203.0.113.7'] });
    const { answer, peer } = await peers.watch(offer());
    const addresses = [...answer.matchAll(/a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ (\w+)/g)];
    expect(new Set(addresses.map(([, address]) => address))).toEqual(new Set(['203.0.113.7', '127.0.0.1']));
    expect(new Set(addresses.map(([, , , type]) => type))).toEqual(new Set(['host']));
    for (const [, , port] of addresses) expect(Number(port)).toBeGreaterThanOrEqual(24_900);
    for (const { connection } of peer.pc.iceTransports) expect(connection.stunServer).toBeUndefined();
  });

  test('offers TCP where that is on', async () => {
    const peers = peersOf({ tcp: true });
    const { answer } = await peers.watch(offer());
    expect(answer).toMatch(/a=candidate:\S+ 1 tcp \d+ 127\.0\.0\.1 \d+ typ host tcptype passive/);
    expect(answer).not.toMatch(/tcptype active/);
  });

  test('closes twice, while it is being answered too', async () => {
    const peers = peersOf();
    const answering = peers.watch(offer());
    await new Promise((resolve) => setTimeout(resolve, 1));
    const disposing = peers[Symbol.asyncDispose]();
    await Promise.allSettled([answering, disposing]);
    const [other] = [peersOf()];
    const { peer } = await other!.watch(offer());
    await Promise.all([peer.close(), peer.close()]);
    await peer.close();
    expect(await peer.closed).toMatch(/\.$/);
  });

  test('notices a publisher that sends nothing any more', async () => {
    const peers = peersOf({ publisherSilenceMs: 3000 });
    const client = await openClient({ direction: 'sendonly', sound: false });
    const { it, peer, answer } = await peers.publish(
      readOffer(client.offer, { part: 'publish', client: '127.0.0.1' }),
    );
    await client.accept(answer);
    await client.connected();
    const frames = it.source.frames(new AbortController().signal)[Symbol.asyncIterator]();
    // For longer than it may be silent.
    const began = performance.now();
    for (let i = 0; performance.now() - began < 4000; i++) {
      await client.send(Uint8Array.of(0x10, 0), i * 3600);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    expect(peer.state).toBe('connected');
    expect(await peer.closed).toBe('Nothing came from it any more.');
    expect(await frames.next()).toMatchObject({ done: true });
    await it.source[Symbol.asyncDispose]();
    await client.close();
  });

  test('takes a publisher that names no SSRC, and one that changes it', async () => {
    const peers = peersOf();
    const client = await openClient({ direction: 'sendonly', sound: false });
    const text = client.offer.replace(/a=ssrc.*\r\n/g, '');
    const { it, answer } = await peers.publish(readOffer(text, { part: 'publish', client: '127.0.0.1' }));
    await client.accept(answer);
    await client.connected();
    const got: number[] = [];
    const take = it.source.picture.bind(it.source);
    it.source.picture = (packet) => {
      got.push(packet.timestamp);
      take(packet);
    };
    await client.send(Uint8Array.of(0x10, 0), 1);
    await until(() => got.length === 1);
    Object.assign(client.video.sender, { ssrc: 4242 });
    await client.send(Uint8Array.of(0x10, 0), 2);
    await until(() => got.length === 2);
    await it.source[Symbol.asyncDispose]();
    await client.close();
  });

  test('stands hostile datagrams at its port', async () => {
    const peers = peersOf();
    const client = await openClient({ direction: 'sendonly', sound: false });
    const { it, peer, answer } = await peers.publish(
      readOffer(client.offer, { part: 'publish', client: '127.0.0.1' }),
    );
    await client.accept(answer);
    await client.connected();
    const port = Number(/a=candidate:\S+ 1 udp \d+ 127\.0\.0\.1 (\d+)/.exec(answer)![1]);
    const socket = createSocket('udp4');
    const random = dice(5);
    const starts = [0, 1, 20, 22, 23, 63, 128, 144, 200, 255];
    for (let i = 0; i < 2000; i++) {
      const bytes = Buffer.from(Array.from({ length: random(120) }, () => random(256)));
      if (bytes.length > 8) bytes[0] = starts[random(starts.length)]!;
      // Looks like STUN: a cookie in its place.
      if (bytes.length > 20 && i % 3 === 0) bytes.writeUInt32BE(0x2112a442, 4);
      socket.send(bytes, port, '127.0.0.1');
      if (i % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    let got = 0;
    const take = it.source.picture.bind(it.source);
    it.source.picture = (packet) => {
      got++;
      take(packet);
    };
    /** The next packets come through; the kernel may have dropped some in the flood. */
    const comes = async () => {
      const before = got;
      for (let i = 0; got === before && i < 1500; i++) {
        await client.send(Uint8Array.of(0x10, 0), i);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      expect(got).toBeGreaterThan(before);
    };
    await comes();
    // Forged notices of DTLS that it is over, which say nothing of who sends them.
    for (const level of [1, 2])
      socket.send(Buffer.from([21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, level, 0]), port, '127.0.0.1');
    await comes();
    expect([peer.state, peer.pc.dtlsTransports[0]!.state]).toEqual(['connected', 'connected']);
    expect(peer.pc.iceTransports[0]!.connection.remoteCandidates.length).toBeLessThan(5);
    socket.close();
    await it.source[Symbol.asyncDispose]();
    await client.close();
  });

  test('sends nothing to addresses that a stranger names', async () => {
    const canary = createSocket('udp4');
    let packets = 0;
    canary.on('message', () => packets++);
    await new Promise<void>((resolve) => canary.bind(0, '127.0.0.1', resolve));
    const { port } = canary.address();
    const text = browserOffer.replace(
      /a=candidate:.*\r\n/,
      `a=candidate:1 1 udp 2130706431 127.0.0.1 ${port} typ host\r\n`,
    );
    const peers = peersOf();
    const { peer } = await peers.watch(readOffer(text, { part: 'read', client: '203.0.113.9' }));
    const candidates = [`1 1 udp 2130706431 127.0.0.1 ${port} typ host`];
    await peer.trickle({ ufrag: undefined, password: undefined, candidates }, '203.0.113.9');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(packets).toBe(0);
    await peer.trickle({ ufrag: undefined, password: undefined, candidates }, '127.0.0.1');
    await until(() => packets > 0);
    canary.close();
  });
});
