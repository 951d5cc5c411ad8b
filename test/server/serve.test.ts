import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { CannotWrite } from '../../src/errors.js';
import type { OpenControl } from '../../src/server/parts.js';
import { type Served, serve } from '../../src/server/serve.js';
import { asked, type Doubles, doubles, folder, tokens } from './app-doubles.js';
import { until } from './doubles.js';

const open: Served[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.drain(async () => {});
});

async function start(options: Doubles = {}, patience?: Parameters<typeof serve>[1]) {
  const { listen = {}, ...rest } = options.settings ?? {};
  const parts = doubles({
    place: folder(),
    ...options,
    settings: { ...rest, listen: { port: 0, ...listen } },
  });
  const served = await serve(parts, patience);
  open.push(served);
  return { parts, served };
}

const socketTo = ({ port }: Served, headers: Record<string, string> = {}) =>
  new WebSocket(`ws://127.0.0.1:${port}/api/streams/demo/control`, { headers });
const opened = (socket: WebSocket) =>
  new Promise<number>((resolve) => {
    socket.once('open', () => resolve(101));
    socket.once('unexpected-response', (_, { statusCode }) => resolve(statusCode!));
    socket.once('error', () => {});
  });
const closed = (socket: WebSocket) => new Promise<number>((resolve) => socket.once('close', resolve));

describe('a server that stops', () => {
  it('says so at once, tells every socket, waits for what ends, and refuses who is new', async () => {
    const { served, parts } = await start({ over: { control: () => {} } });
    const socket = socketTo(served);
    await opened(socket);
    const code = closed(socket);
    let let_go = () => {};
    const busy = new Promise<void>((resolve) => {
      let_go = resolve;
    });
    const drained = served.drain(() => busy);
    expect(await code).toBe(1001);
    expect((await fetch(`${served.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${served.url}/api/streams/x`, { method: 'PUT' })).status).toBe(503);
    expect(await opened(socketTo(served))).toBe(503);
    let_go();
    await drained;
    expect(parts.state.draining).toBe(true);
    await expect(fetch(`${served.url}/readyz`)).rejects.toThrow();
  });

  it('cuts off what does not end within the grace', async () => {
    const { served } = await start({ settings: { shutdownGraceMs: 50 } });
    const idle = connect(served.port, '127.0.0.1');
    await new Promise((resolve) => idle.once('connect', resolve));
    const gone = new Promise((resolve) => idle.once('close', resolve));
    await served.drain(() => new Promise(() => {}));
    await gone;
  });

  it('waits for no connection on which nothing was asked yet', async () => {
    const { served } = await start({ settings: { shutdownGraceMs: 120_000 } });
    const unused = connect(served.port, '127.0.0.1');
    await new Promise((resolve) => unused.once('connect', resolve));
    expect((await fetch(`${served.url}/readyz`)).ok).toBe(true);
    const gone = new Promise((resolve) => unused.once('close', resolve));
    await served.drain(async () => {});
    await gone;
  });

  it('ends even where ending fails', async () => {
    const { served } = await start({ settings: { shutdownGraceMs: 5000 } });
    await served.drain(async () => {
      throw new Error('on purpose');
    });
    await expect(fetch(`${served.url}/readyz`)).rejects.toThrow();
  });
});

describe('a listener', () => {
  it('tells who has its port', async () => {
    const { served } = await start();
    const again = start({ settings: { listen: { port: served.port } } });
    await expect(again).rejects.toThrow(CannotWrite);
    await expect(again).rejects.toThrow(`127.0.0.1:${served.port} is taken by another Livebrush (1.2.3).`);
    const { createServer } = await import('node:net');
    const other = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    await expect(start({ settings: { listen: { port } } })).rejects.toThrow('is taken by another program.');
    other.close();
  });

  it('hangs up on headers and bodies that do not come, and serves others meanwhile', async () => {
    const { served } = await start({}, { headersMs: 200, bodyMs: 200, idleMs: 1000 });
    const host = `Host: localhost:${served.port}\r\n`;
    const slow = [
      'GET / HTTP/1.1\r\nX-Slow: ',
      `PATCH /api/streams/demo/look HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{"`,
    ];
    const gone = slow.flatMap((text) =>
      Array.from({ length: 20 }, () => {
        const socket = connect(served.port, '127.0.0.1');
        socket.on('error', () => {}).resume();
        socket.write(text);
        return new Promise((resolve) => socket.once('close', resolve));
      }),
    );
    expect((await fetch(`${served.url}/healthz`)).status).toBe(200);
    await Promise.all(gone);
  });

  it('lets an upload take its time while something comes', async () => {
    const { served } = await start({}, { headersMs: 20_000, bodyMs: 200, idleMs: 20_000 });
    const body = new ReadableStream<Uint8Array>({
      async start(control) {
        control.enqueue(new TextEncoder().encode('....ftypisom'));
        for (let i = 0; i < 5; i++) {
          await sleep(100);
          control.enqueue(new Uint8Array(200));
        }
        control.close();
      },
    });
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit;
    expect((await fetch(`${served.url}/api/uploads`, init)).status).toBe(201);
  });
});

describe('control sockets', () => {
  it('are handed over with the stream, the role and a way to check tokens', async () => {
    const seen: Parameters<OpenControl>[1][] = [];
    const { served } = await start({
      closed: true,
      over: { control: (_, context) => void seen.push(context) },
    });
    expect(await opened(socketTo(served))).toBe(101);
    expect(await opened(socketTo(served, { authorization: `Bearer ${tokens.read}` }))).toBe(101);
    expect(await opened(socketTo(served, { authorization: 'Bearer wrong-token' }))).toBe(401);
    expect(seen.map(({ stream, role, version }) => [stream, role, version])).toEqual([
      ['demo', 'none', '1.2.3'],
      ['demo', 'read', '1.2.3'],
    ]);
    expect(seen[0]!.checkToken(tokens.admin)).toBe('admin');
    expect(() => seen[0]!.checkToken('wrong-token')).toThrow('The token is wrong.');
  });

  it('take the cookie of an admin for reading alone, until a token follows', async () => {
    const seen: Parameters<OpenControl>[1][] = [];
    const { served, parts } = await start({
      closed: true,
      over: { control: (_, context) => void seen.push(context) },
    });
    const cookie = parts.auth.remember('admin').split(';')[0]!;
    expect(await opened(socketTo(served, { cookie }))).toBe(101);
    expect(seen).toMatchObject([{ role: 'read', shown: false }]);
    expect(seen[0]!.checkToken(tokens.admin)).toBe('admin');
  });

  it('are few for each address, and free their place when they close', async () => {
    const { served, parts } = await start({
      over: { control: () => {} },
      settings: { limits: { socketsPerAddress: 2 } },
    });
    const [one, two] = [socketTo(served), socketTo(served)];
    expect([await opened(one), await opened(two)]).toEqual([101, 101]);
    expect(await opened(socketTo(served))).toBe(429);
    expect((await parts.metrics.text()).body).toContain('livebrush_sessions{kind="sockets"} 2');
    one.close();
    await closed(one);
    // The server may hear of it a little later.
    await until(async () => (await opened(socketTo(served))) === 101, 'a free place');
  });

  it('close on messages that are too large', async () => {
    const { served } = await start({ over: { control: (socket) => void socket.on('error', () => {}) } });
    const socket = socketTo(served);
    await opened(socket);
    const code = closed(socket);
    socket.send('x'.repeat(70_000));
    expect(await code).toBe(1009);
  });

  it('keep their places free from handshakes that fail', async () => {
    const { served } = await start({
      over: { control: () => {} },
      settings: { limits: { socketsPerAddress: 1 } },
    });
    const handshake = [
      'GET /api/streams/demo/control HTTP/1.1',
      ...[
        'Host: localhost',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 99',
        '',
        '',
      ],
    ].join('\r\n');
    const refused = async () => {
      const socket = connect(served.port, '127.0.0.1');
      const answer = new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
      const gone = new Promise((resolve) => socket.once('close', resolve));
      socket.write(handshake);
      await gone;
      return (await answer).startsWith('HTTP/1.1 400 ');
    };
    for (let i = 0; i < 3; i++) await until(refused, 'the refusal of the handshake');
    await until(async () => (await opened(socketTo(served))) === 101, 'a free place');
  });

  it('are none over plain HTTP', async () => {
    const { ask } = asked({ over: { control: () => {} } });
    expect((await ask('/api/streams/demo/control')).status).toBe(400);
  });
});
