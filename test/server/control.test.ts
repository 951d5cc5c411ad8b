import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { Denied } from '../../src/errors.js';
import { CLOSED, type ControlContext, openControl } from '../../src/server/control.js';
import type { Role, ServerMessage } from '../../src/server/protocol.js';
import { Sessions } from '../../src/server/sessions.js';
import { FakeSource, FakeViewer, parts, until } from './doubles.js';

let server: WebSocketServer;
let sessions: Sessions;
let role: Role;
let shown: boolean;

beforeEach(async () => {
  const made = parts();
  await made.ready();
  sessions = new Sessions(made.parts, { streams: 8, viewers: 100 });
  role = 'admin';
  shown = false;
  server = new WebSocketServer({ port: 0, host: '127.0.0.1', maxPayload: 65_536, perMessageDeflate: false });
  const checkToken: ControlContext['checkToken'] = (token) => {
    if (token !== 'right' && token !== 'reader') throw new Denied('The token is wrong.');
    return token === 'right' ? 'admin' : 'read';
  };
  server.on('connection', (socket) =>
    openControl(socket, { sessions, stream: 'stage', role, shown, version: '1.2.3', checkToken }),
  );
  await once(server, 'listening');
});

afterEach(async () => {
  for (const client of server.clients) client.terminate();
  server.close();
  await sessions[Symbol.asyncDispose]();
});

/** A client that keeps what it hears. */
async function connect() {
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const heard: ServerMessage[] = [];
  let closed: number | undefined;
  socket.on('message', (data) => heard.push(JSON.parse(String(data))));
  socket.on('close', (code) => {
    closed = code;
  });
  socket.on('error', () => {});
  await once(socket, 'open');
  const of = <Type extends ServerMessage['type']>(type: Type) =>
    heard.filter((message): message is Extract<ServerMessage, { type: Type }> => message.type === type);
  return {
    ...{ socket, heard, of },
    say: (message: unknown) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    closed: () => closed,
  };
}

describe('the control socket', () => {
  it('is closed when its stream is removed, and told so', async () => {
    const { of, closed } = await connect();
    await until(() => of('hello').length === 1, 'the greeting');
    await sessions.close('stage');
    await until(() => closed() === CLOSED.gone, 'the end');
    expect(sessions.list()).toEqual([]);
  });

  it('is closed as one that may come back when the server closes', async () => {
    const { of, closed } = await connect();
    await until(() => of('hello').length === 1, 'the greeting');
    await sessions[Symbol.asyncDispose]();
    await until(() => closed() === CLOSED.goingAway, 'the end');
  });

  it('tells who may only publish the end of the stream, and nothing else', async () => {
    role = 'publish';
    sessions.open('stage');
    const { say, of, heard, closed } = await connect();
    await until(() => of('error').length === 1, 'the refusal');
    expect(of('error')[0]).toMatchObject({ code: 'denied' });
    say({ type: 'change', id: 'c', strength: 0 });
    say({ type: 'stats', on: true });
    say({ type: 'ping', id: 'p' });
    await until(() => of('pong').length === 1, 'a pong');
    sessions.open('stage').set({ maxAge: 80 });
    expect(heard.map(({ type }) => type)).toEqual(['error', 'error', 'error', 'pong']);
    expect(of('error').every(({ code }) => code === 'denied')).toBe(true);
    expect(of('error')[1]).toMatchObject({ id: 'c', message: expect.stringContaining('to publish') });
    await sessions.close('stage');
    await until(() => closed() === CLOSED.gone, 'the end');
    expect(sessions.list()).toEqual([]);
  });

  it('has nothing to tell who may only publish of a stream that is not there, and makes none', async () => {
    role = 'publish';
    const { of, closed } = await connect();
    await until(() => closed() === CLOSED.policy, 'the end');
    expect(of('error')).toMatchObject([{ code: 'not-found' }]);
    expect(sessions.list()).toEqual([]);
  });

  it('greets with how the stream stands', async () => {
    const { of } = await connect();
    await until(() => of('hello').length === 1, 'the greeting');
    expect(of('hello')[0]).toMatchObject({
      version: '1.2.3',
      role: 'admin',
      stream: { name: 'stage', live: false },
    });
  });

  it('accepts a change, then reports the frame it took effect on, to everyone', async () => {
    const [one, two] = [await connect(), await connect()];
    await until(() => two.of('hello').length === 1, 'the greeting');
    const source = new FakeSource();
    const session = sessions.open('stage');
    session.publish(source);
    // With a frame there is no card, whose frames would be the next ones too.
    source.show(100);
    using _seat = await session.watch('h264', new FakeViewer());
    await until(() => session.stats().frames.painted === 1, 'its painting');
    one.say({ type: 'change', id: 'c1', style: 'p40', strength: 0.5 });
    await until(() => one.of('accepted').length === 1, 'the acceptance');
    const time = source.show(100);
    await until(() => two.of('applied').length === 1, 'the report');
    expect(two.of('applied')[0]).toMatchObject({
      ...{ id: 'c1', timestamp: time },
      look: { mix: [{ style: 'p40', weight: 1 }], strength: 0.5 },
    });
    expect(one.of('applied')).toEqual(two.of('applied'));
  });

  it('takes back what waits, and says when there is nothing to take back', async () => {
    const { say, of } = await connect();
    say({ type: 'change', id: 'later', atFrame: 1_000_000, strength: 0 });
    say({ type: 'cancel', id: 'later' });
    say({ type: 'cancel', id: 'later' });
    await until(() => of('error').length === 1 && of('accepted').length === 2, 'the answers');
    expect(of('error')[0]).toMatchObject({ id: 'later', code: 'not-found' });
  });

  it('sets how old frames may be, tells everyone, and refuses what is out of bounds', async () => {
    const [one, two] = [await connect(), await connect()];
    await until(() => two.of('hello').length === 1 && one.of('hello').length === 1, 'the greetings');
    one.say({ type: 'set', id: 's1', maxAge: 80 });
    await until(() => one.of('accepted').length === 1 && two.of('stream').length > 0, 'the acceptance');
    expect(two.of('stream').at(-1)?.stream.maxAge).toBe(80);
    expect(sessions.open('stage').info().maxAge).toBe(80);
    for (const wrong of [{}, { maxAge: 0 }, { maxAge: 1e9 }, { maxAge: '80' }, { maxAge: 80, other: 1 }])
      one.say({ type: 'set', id: 's2', ...wrong });
    await until(() => one.of('error').length === 5, 'the refusals');
    expect(one.of('error').every(({ id, code }) => id === 's2' && code === 'bad-request')).toBe(true);
    expect(sessions.open('stage').info().maxAge).toBe(80);
  });

  it('lets nobody but an admin set anything', async () => {
    sessions.open('stage');
    role = 'read';
    const { say, of } = await connect();
    await until(() => of('hello').length === 1, 'the greeting');
    say({ type: 'set', id: 's', maxAge: 80 });
    await until(() => of('error').length === 1, 'the refusal');
    expect(of('error')[0]).toMatchObject({ id: 's', code: 'denied' });
  });

  it('answers a ping with the clock, and sends statistics while asked to', async () => {
    const { say, of } = await connect();
    say({ type: 'ping', id: 'p' });
    say({ type: 'stats', on: true });
    await until(() => of('pong').length === 1 && of('stats').length === 1, 'pong and statistics');
    expect(of('pong')[0]?.id).toBe('p');
    expect(of('stats')[0]).toMatchObject({ frames: { in: 0 }, viewers: 0 });
    say({ type: 'stats', on: false });
  });

  it('answers every nonsense with exactly one error, keeps its state, and then closes', async () => {
    const messages = fc.sample(
      fc.oneof(
        fc.string({ maxLength: 200 }),
        fc.json({ maxDepth: 6 }),
        fc
          .record({
            type: fc.constant('change'),
            strength: fc.oneof(fc.constant('1'), fc.double({ min: 1.001 })),
          })
          .map((m) => JSON.stringify(m)),
        fc.constant('{"type":"change","__proto__":{"strength":1}}'),
        fc.constant('{"type":"change","style":"p10","cycle":{"styles":["p10","p20"],"everyFrames":1}}'),
        fc.constant(`{"type":"cancel","id":"${'x'.repeat(65)}"}`),
        fc.constant(`${'['.repeat(5000)}${']'.repeat(5000)}`),
        fc.constant('{"type":"stats","on":1e308}'),
      ),
      300,
    );
    let answered = 0;
    for (let i = 0; i < messages.length; i += 15) {
      const { say, of, closed, socket } = await connect();
      await until(() => of('hello').length === 1, 'the greeting');
      const part = messages.slice(i, i + 15);
      for (const message of part) say(message);
      await until(
        () => of('error').length === part.length,
        `an answer to each of ${JSON.stringify(part).slice(0, 400)}`,
      );
      answered += of('error').length;
      for (const error of of('error')) expect(error.message.length).toBeLessThan(500);
      expect(closed()).toBeUndefined();
      socket.close();
    }
    expect(answered).toBe(messages.length);
    expect(sessions.get('stage').look).toMatchObject({ strength: 1, mix: [{ style: 'p10', weight: 1 }] });
    const spammer = await connect();
    for (let i = 0; i < 25; i++) spammer.say('nonsense');
    await until(() => spammer.closed() !== undefined, 'the close');
    expect(spammer.closed()).toBe(CLOSED.policy);
    expect(spammer.of('error')).toHaveLength(20);
  });

  it('closes on a message that is too large', async () => {
    const { say, closed } = await connect();
    say('x'.repeat(65_537));
    await until(() => closed() !== undefined, 'the close');
    expect(closed()).toBe(1009);
  });

  it('refuses an unknown style by name, with its id', async () => {
    const { say, of } = await connect();
    say({ type: 'change', id: 'x', style: 'no-such-style' });
    await until(() => of('error').length === 1, 'the refusal');
    expect(of('error')[0]).toMatchObject({ id: 'x', code: 'not-found' });
  });

  it('lets readers read and not change', async () => {
    sessions.open('stage');
    role = 'read';
    const { say, of } = await connect();
    say({ type: 'change', id: 'x', strength: 0 });
    await until(() => of('error').length === 1, 'the refusal');
    expect(of('error')[0]).toMatchObject({ id: 'x', code: 'denied' });
  });

  it('waits for a token where one is needed: wrong ones close, right ones greet', async () => {
    role = 'none';
    const wrong = await connect();
    wrong.say({ type: 'auth', token: 'wrong' });
    await until(() => wrong.closed() === CLOSED.denied, 'the close');
    expect(wrong.of('hello')).toHaveLength(0);
    const right = await connect();
    right.say({ type: 'ping' });
    right.say({ type: 'auth', token: 'right' });
    await until(() => right.of('hello').length === 1, 'the greeting');
    expect(right.of('error')).toMatchObject([{ code: 'denied' }]);
    expect(right.of('hello')[0]?.role).toBe('admin');
  });

  it('raises who may only read by a token, and begins the stream then', async () => {
    role = 'read';
    const early = await connect();
    early.say({ type: 'auth', token: 'right' });
    await until(() => early.of('hello').length === 1, 'the greeting');
    expect(early.of('hello')[0]?.role).toBe('admin');
    expect(early.of('error')).toEqual([]);
    const late = await connect();
    await until(() => late.of('hello').length === 1, 'the greeting');
    late.say({ type: 'change', id: 'no', strength: 0 });
    late.say({ type: 'auth', token: 'right' });
    late.say({ type: 'change', id: 'yes', strength: 0 });
    await until(() => late.of('accepted').length === 1, 'the acceptance');
    expect(late.of('hello').map((hello) => hello.role)).toEqual(['read', 'admin']);
    expect(late.of('error')).toMatchObject([{ id: 'no', code: 'denied' }]);
    expect(late.of('accepted')[0]?.id).toBe('yes');
  });

  it.each([true, false])(
    'does not begin a stream for a reader, whose token came before: %s',
    async (before) => {
      role = 'read';
      shown = before;
      const began = performance.now();
      const { closed, of } = await connect();
      await until(() => closed() !== undefined, 'the close');
      expect(performance.now() - began > 4000).toBe(!before);
      expect(of('error')[0]).toMatchObject({ code: 'not-found' });
      expect(sessions.find('stage')).toBeUndefined();
    },
  );

  it('leaves nothing behind when clients vanish', async () => {
    const session = sessions.open('stage');
    const clients = await Promise.all(Array.from({ length: 20 }, connect));
    await until(() => clients.every(({ of }) => of('hello').length === 1), 'greetings');
    for (const { socket } of clients) socket.terminate();
    await until(() => server.clients.size === 0, 'the clients to be gone');
    await until(() => session.listeners === 0, 'the listeners to be gone');
  });
});
