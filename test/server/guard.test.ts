import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { foreign, isLoopback, knownHost, reachOf } from '../../src/server/guard.js';
import { type Served, serve } from '../../src/server/serve.js';
import { settings as schema } from '../../src/server/settings.js';
import { doubles, tokens } from './app-doubles.js';

type Headers = Readonly<Record<string, string>>;

/** What comes, with which headers, and whether it may. `HOST` is the server's own. */
const vectors: readonly (readonly [what: string, method: string, headers: Headers, may: boolean])[] = [
  ['a program without Origin', 'GET', {}, true],
  ['a program that changes something', 'POST', {}, true],
  ['its own page', 'POST', { origin: 'http://HOST', 'sec-fetch-site': 'same-origin' }, true],
  ['its own page behind a proxy with TLS', 'POST', { origin: 'https://HOST' }, true],
  [
    'an address typed in',
    'GET',
    { 'sec-fetch-site': 'none', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    true,
  ],
  [
    'a link on another page',
    'GET',
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    true,
  ],
  [
    'a frame on another page',
    'GET',
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
    false,
  ],
  [
    'a picture on another page',
    'GET',
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
    false,
  ],
  [
    'a fetch of another page',
    'GET',
    { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
    false,
  ],
  [
    'a form of another page',
    'POST',
    { origin: 'https://evil.example', 'content-type': 'application/x-www-form-urlencoded' },
    false,
  ],
  [
    'a form without Origin',
    'POST',
    { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    false,
  ],
  ['a sandboxed page', 'POST', { origin: 'null' }, false],
  ['a host that only begins alike', 'POST', { origin: 'http://localhost.evil.example' }, false],
  [
    'another port of this machine',
    'POST',
    { origin: 'http://localhost:1', 'sec-fetch-site': 'same-site' },
    false,
  ],
  [
    'a name made to lead here',
    'GET',
    { host: 'evil.example', origin: 'http://evil.example', 'sec-fetch-site': 'same-origin' },
    false,
  ],
  ['a name made to lead here, for a program', 'GET', { host: 'evil.example:8080' }, false],
  ['a part of a name', 'GET', { host: 'localhos' }, false],
  ['an odd name', 'GET', { host: 'localhost@evil.example' }, false],
  ['an Origin that is no web page', 'POST', { origin: 'file://' }, false],
  ['an Origin of an extension', 'POST', { origin: 'chrome-extension://abc' }, false],
];

let served: Served;
let sockets = 0;
beforeAll(async () => {
  const settings = { listen: { port: 0 }, limits: { requestsPerSecond: 1000 } };
  const control = () => {
    sockets++;
  };
  served = await serve(doubles({ settings, over: { control } }));
});
afterAll(() => served.drain(async () => {}));

const own = (headers: Headers) =>
  Object.fromEntries(
    Object.entries({ host: 'HOST', ...headers }).map(([name, value]) => [
      name,
      value.replace('HOST', `localhost:${served.port}`),
    ]),
  );

function status(method: string, path: string, headers: Headers): Promise<number> {
  return new Promise((resolve, reject) => {
    const { port } = served;
    const asking = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode!);
    });
    asking.once('upgrade', (answer, socket) => {
      socket.destroy();
      resolve(answer.statusCode!);
    });
    asking.once('error', reject);
    asking.end();
  });
}

describe('requests', () => {
  it.each(vectors)('from %s (%s)', async (_, method, headers, may) => {
    const path = method === 'GET' ? '/api/info' : '/api/session';
    const got = await status(method, path, own(headers));
    // Node itself refuses a request without a host.
    if (may) expect(got).toBeLessThan(300);
    else expect([400, 403]).toContain(got);
  });

  it.each(vectors.filter(([, method]) => method === 'GET'))(
    'for a control socket from %s',
    async (_, __, headers, may) => {
      const upgrade = {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      };
      // Following a link opens no socket.
      const site = {
        ...headers,
        ...(headers['sec-fetch-mode'] === 'navigate' ? { 'sec-fetch-mode': 'websocket' } : {}),
      };
      const before = sockets;
      const got = await status('GET', '/api/streams/demo/control', own({ ...upgrade, ...site }));
      if (may && headers['sec-fetch-site'] !== 'cross-site')
        expect([got, sockets]).toEqual([101, before + 1]);
      else {
        expect([400, 403]).toContain(got);
        expect(sockets).toBe(before);
      }
    },
  );

  it('carry headers that keep pages to themselves', async () => {
    const { headers } = await fetch(`${served.url}/api/info`);
    expect(headers.get('content-security-policy')).toContain("script-src 'self';");
    expect(headers.get('content-security-policy')).not.toContain('unsafe-inline');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('permissions-policy')).toMatch(
      /camera=\(self\), microphone=\(self\), display-capture=\(self\), midi=\(self\)/,
    );
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('the reach of a server', () => {
  const reach = (over: object) => reachOf(schema.parse(over));

  it('is this machine alone by default', () => {
    const local = reach({});
    for (const host of ['localhost:8080', '127.0.0.1', '[::1]:8080', 'LOCALHOST'])
      expect(knownHost(host, local)).toBe(true);
    for (const host of ['192.168.1.20:8080', 'localhost.evil.example', 'evil.example', '0.0.0.0'])
      expect(knownHost(host, local)).toBe(false);
  });

  it('has every literal address where others reach it, and the names that are told', () => {
    const wide = reach({
      listen: { host: '0.0.0.0', hosts: ['stage.lan'] },
      publicUrl: 'https://paint.example/x',
    });
    for (const host of ['192.168.1.20:8080', '[2001:db8::1]', 'stage.lan', 'paint.example', 'localhost'])
      expect([host, knownHost(host, wide)]).toEqual([host, true]);
    for (const host of ['evil.example', 'paint.example.evil.example', '1.2.3.4.evil.example'])
      expect([host, knownHost(host, wide)]).toEqual([host, false]);
  });

  it('lets in pages of other origins that are told, and no others', () => {
    const friendly = reach({ listen: { origins: ['https://stage.example'] } });
    const come = { method: 'POST', host: 'localhost', site: 'cross-site', mode: 'cors', dest: 'empty' };
    expect(foreign({ ...come, origin: 'https://stage.example' }, friendly)).toBe(false);
    expect(foreign({ ...come, origin: 'https://stage.example.evil.example' }, friendly)).toBe(true);
    expect(foreign({ ...come, origin: 'http://stage.example' }, friendly)).toBe(true);
  });

  it('tells addresses of this machine from others', () => {
    for (const host of ['127.0.0.1', '127.8.8.8', '::1', 'localhost']) expect(isLoopback(host)).toBe(true);
    for (const host of ['0.0.0.0', '::', '192.168.0.1', '128.0.0.1', 'localhost.evil'])
      expect(isLoopback(host)).toBe(false);
  });
});

describe('WHIP of pages elsewhere', () => {
  it('needs a token, which no page has unless a person gave it one', async () => {
    const { Hono } = await import('hono');
    const whip = new Hono();
    whip.all('/:stream/whip', (c) => c.text('reached', 201));
    const elsewhere = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    const settings = { listen: { port: 0 } };
    const [open, closed] = [
      await serve(doubles({ settings, over: { whip } })),
      await serve(doubles({ settings, over: { whip }, closed: true })),
    ];
    const post = async ({ url }: Served, headers: Headers) =>
      (await fetch(`${url}/demo/whip`, { method: 'POST', headers: { ...elsewhere, ...headers } })).status;
    const token = { authorization: `Bearer ${tokens.publish}` };
    expect(await post(open, {})).toBe(403);
    expect(await post(open, token)).toBe(403);
    expect(await post(closed, {})).toBe(403);
    expect(await post(closed, { authorization: 'Bearer wrong-token' })).toBe(401);
    expect(await post(closed, token)).toBe(201);
    for (const server of [open, closed]) await server.drain(async () => {});
  });
});
