import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { Peers } from '../../src/server/peers.js';
import { whepRoutes } from '../../src/server/whep.js';
import { whipRoutes } from '../../src/server/whip.js';
import { asked, FakeSessions, tokens } from './app-doubles.js';

const wish = (name: string) => {
  const app = new Hono();
  app.all(`/:stream/${name}`, (c) => c.text('reached', 201));
  app.all(`/:stream/${name}/:id`, (c) => c.text('reached', 201));
  return app;
};
const sub = { whip: wish('whip'), whep: wish('whep') };

/** Every route, by what a token must allow. A route that is missing here fails the test below. */
const table: Readonly<Record<string, readonly string[]>> = {
  none: [
    'GET /',
    'GET /*',
    'GET /api/info',
    'POST /api/session',
    'GET /docs',
    'GET /docs/*',
    'GET /healthz',
    'GET /openapi.json',
    'GET /readyz',
    'GET /schema.json',
    'GET /watch/:stream',
    // Tokens may follow as the first message.
    'GET /api/streams/:stream/control',
  ],
  read: [
    'GET /:stream/hls/:file',
    'POST /:stream/whep',
    'PATCH /:stream/whep/:id',
    'DELETE /:stream/whep/:id',
    'GET /api/osc',
    'GET /api/streams',
    'GET /api/streams/:stream',
    'GET /api/streams/:stream/cues',
    'GET /api/streams/:stream/look',
    'GET /api/streams/:stream/outputs',
    'GET /api/streams/:stream/snapshot.jpg',
    'GET /api/styles',
    'GET /api/styles/:name/painted',
    'GET /api/styles/:name/picture',
  ],
  publish: ['POST /:stream/whip', 'PATCH /:stream/whip/:id', 'DELETE /:stream/whip/:id'],
  admin: [
    'DELETE /api/jobs/:id',
    'DELETE /api/recordings/:id',
    'DELETE /api/streams/:stream',
    'DELETE /api/streams/:stream/input',
    'DELETE /api/streams/:stream/outputs/:id',
    'DELETE /api/styles/:name',
    'DELETE /api/styles/:name/tuned',
    'DELETE /api/tunings/:id',
    'DELETE /api/uploads/:id',
    'GET /api/jobs',
    'GET /api/jobs/:id',
    'GET /api/jobs/:id/output',
    'GET /api/recordings',
    'GET /api/recordings/:id/cues',
    'GET /api/recordings/:id/file',
    'GET /api/tunings',
    'GET /api/tunings/:id',
    'GET /api/uploads',
    'GET /metrics',
    'PATCH /api/streams/:stream',
    'PATCH /api/streams/:stream/look',
    'POST /api/jobs',
    'POST /api/streams/:stream/outputs',
    'POST /api/styles',
    'POST /api/tunings',
    'POST /api/uploads',
    'PUT /api/streams/:stream',
    'PUT /api/streams/:stream/input',
  ],
};

const filled = (path: string) =>
  path.replace(':stream', 'demo').replace(':file', 'index.m3u8').replace('/*', '/x').replace(/:\w+/, 'one');

describe('tokens', () => {
  it('are asked for on every route that there is, as the table says', () => {
    const { app } = asked({ closed: true, over: sub });
    const routes = app.routes
      .filter(({ method }) => method !== 'ALL')
      .map(({ method, path }) => `${method} ${path}`);
    const wishes = /\/whi?e?p(\/|$)/;
    const known = Object.values(table)
      .flat()
      .filter((route) => !wishes.test(route));
    expect([...new Set(routes)].sort()).toEqual([...known].sort());
  });

  it.each(Object.entries(table).flatMap(([role, routes]) => routes.map((route) => [route, role] as const)))(
    'are asked for by %s: %s',
    async (route, needed) => {
      const { ask } = asked({ closed: true, over: sub });
      const [method, path] = route.split(' ') as [string, string];
      const status = async (token?: string) => (await ask(filled(path), { method, token })).status;
      expect(await status('wrong-token')).toBe(401);
      for (const role of ['none', 'read', 'publish', 'admin'] as const) {
        const may = needed === 'none' || role === needed || role === 'admin';
        const got = await status(role === 'none' ? undefined : tokens[role]);
        const refused = role === 'none' ? 401 : 403;
        if (route === 'POST /api/session') expect(got).toBe(role === 'none' ? 401 : 204);
        else if (may) expect([role, [401, 403].includes(got)]).toEqual([role, false]);
        else expect([role, got]).toEqual([role, refused]);
      }
    },
  );

  it('are needed for nothing where the server is open', async () => {
    const { ask } = asked();
    expect((await ask('/metrics')).status).toBe(200);
    expect(await (await ask('/api/info')).json()).toMatchObject({ auth: false, role: 'admin' });
  });

  it('may be left out for watching where the settings say so', async () => {
    const { ask } = asked({ closed: true, settings: { tokens: { anonymous: 'read' } } });
    expect((await ask('/api/streams')).status).toBe(200);
    expect((await ask('/api/jobs')).status).toBe(401);
  });

  it('become a cookie that counts for reading alone', async () => {
    const { ask } = asked({ closed: true });
    const session = await ask('/api/session', { method: 'POST', token: tokens.admin });
    const cookie = session.headers.get('set-cookie')!;
    expect(cookie).toMatch(/HttpOnly; SameSite=Strict/);
    expect(cookie).not.toContain(tokens.admin);
    const headers = { cookie: cookie.split(';')[0]! };
    expect((await ask('/api/streams', { headers })).status).toBe(200);
    expect((await ask('/api/streams/x', { method: 'PUT', headers })).status).toBe(401);
    const stale = { cookie: `livebrush=${'A'.repeat(32)}` };
    expect((await ask('/api/streams', { headers: stale })).status).toBe(401);
  });

  it('are told of in neither answers nor passwords of relays to those who have none', async () => {
    const iceServers = [{ urls: 'turn:relay.example', username: 'u', credential: 'secret' }];
    const { ask } = asked({ closed: true, settings: { webrtc: { iceServers } } });
    expect(await (await ask('/api/info')).json()).toMatchObject({ auth: true, role: 'none', iceServers: [] });
    expect(await (await ask('/api/info', { token: tokens.read })).json()).toMatchObject({ iceServers });
  });
});

describe('the API', () => {
  it('shows, makes and ends streams', async () => {
    const { ask } = asked();
    expect(await (await ask('/api/streams')).json()).toMatchObject({ streams: [{ name: 'demo' }] });
    expect((await ask('/api/streams/stage', { method: 'PUT' })).status).toBe(201);
    expect((await ask('/api/streams/stage', { method: 'PUT' })).status).toBe(200);
    expect(await (await ask('/api/streams/stage')).json()).toMatchObject({ name: 'stage' });
    expect((await ask('/api/streams/stage', { method: 'DELETE' })).status).toBe(204);
    expect((await ask('/api/streams/stage', { method: 'DELETE' })).status).toBe(404);
  });

  it('changes looks, checked as the protocol says', async () => {
    const { send, parts } = asked();
    const look = '/api/streams/demo/look';
    const answer = await send('PATCH', look, { style: 'wave', fadeMs: 100 });
    expect([answer.status, await answer.json()]).toEqual([202, { id: 'change-1' }]);
    expect(parts.sessions.find('demo')?.changes).toEqual([{ style: 'wave', fadeMs: 100 }]);
    for (const wrong of [
      {},
      { fadeMs: 1 },
      { style: '../x' },
      { strength: 2 },
      { strength: 0.5, extra: 1 },
      { style: 'a', cycle: { styles: ['a', 'b'], everyFrames: 1 } },
      [],
      'x',
      null,
    ]) {
      const refused = await send('PATCH', look, wrong);
      expect(refused.status).toBe(400);
      expect(await refused.json()).toMatchObject({
        error: { code: 'bad-request', message: /^The request is wrong/ },
      });
    }
    expect(parts.sessions.find('demo')?.changes).toHaveLength(1);
    expect((await send('PATCH', look, { style: 'unknown' })).status).toBe(404);
    expect((await send('PATCH', '/api/streams/none/look', { style: 'wave' })).status).toBe(404);
  });

  it('sets how old the frames of a stream may be, within bounds', async () => {
    const { ask, send } = asked();
    const set = await send('PATCH', '/api/streams/demo', { maxAge: 120 });
    expect([set.status, await set.json()]).toMatchObject([200, { name: 'demo', maxAge: 120 }]);
    expect(await (await ask('/api/streams/demo')).json()).toMatchObject({ maxAge: 120 });
    for (const body of [{}, { maxAge: 19 }, { maxAge: 10_001 }, { maxAge: null }, { maxAge: 120, fps: 1 }])
      expect((await send('PATCH', '/api/streams/demo', body)).status).toBe(400);
    expect((await send('PATCH', '/api/streams/none', { maxAge: 120 })).status).toBe(404);
  });

  it('refuses what is no JSON, and more of it than is allowed', async () => {
    const { ask } = asked({ settings: { limits: { jsonBytes: 2000 } } });
    const patch = (body: string, type = 'application/json') =>
      ask('/api/streams/demo/look', { method: 'PATCH', body, headers: { 'content-type': type } });
    expect((await patch('{"style"')).status).toBe(400);
    expect((await patch('{"style":"wave"}', 'text/plain')).status).toBe(415);
    const large = await patch(JSON.stringify({ style: 'wave', x: 'y'.repeat(3000) }));
    expect([large.status, await large.json()]).toMatchObject([413, { error: { code: 'too-large' } }]);
    const deep = `${'['.repeat(900)}${']'.repeat(900)}`;
    expect((await patch(deep)).status).toBe(400);
  });

  it('serves cues and snapshots', async () => {
    const { ask } = asked();
    const cues = await ask('/api/streams/demo/cues');
    expect(cues.headers.get('content-disposition')).toContain('demo.cues.json');
    expect(await cues.json()).toEqual([{ at: 0, style: 'wave', fadeMs: 0 }]);
    const picture = await ask('/api/streams/demo/snapshot.jpg');
    expect(picture.headers.get('content-type')).toBe('image/jpeg');
    expect(new Uint8Array(await picture.arrayBuffer()).slice(0, 3)).toEqual(Uint8Array.of(0xff, 0xd8, 0xff));
  });

  it('takes inputs and outputs, with their defaults', async () => {
    const { send, ask, parts } = asked();
    expect((await send('PUT', '/api/streams/demo/input', { kind: 'file', file: 'a.mp4' })).status).toBe(200);
    expect((await send('POST', '/api/streams/demo/outputs', { kind: 'record' })).status).toBe(201);
    expect((await ask('/api/streams/demo/outputs/one', { method: 'DELETE' })).status).toBe(204);
    expect(parts.sessions.find('demo')?.asked).toEqual([
      { kind: 'file', file: 'a.mp4', loop: true },
      { kind: 'record', what: 'painted', container: 'mp4' },
      'one',
    ]);
    expect((await send('PUT', '/api/streams/demo/input', { kind: 'url' })).status).toBe(400);
  });

  it('says which methods a path takes, and what is not there', async () => {
    const { ask } = asked();
    const wrong = await ask('/api/streams', { method: 'DELETE' });
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    const none = await ask('/api/nothing');
    expect([none.status, await none.json()]).toMatchObject([404, { error: { code: 'not-found' } }]);
  });

  it('tells when it is ready, and lets nobody new in on its way down', async () => {
    const { ask, send, parts } = asked();
    expect((await ask('/readyz')).status).toBe(200);
    parts.state.draining = true;
    expect((await ask('/readyz')).status).toBe(503);
    expect((await ask('/healthz')).status).toBe(200);
    const refused = await send('POST', '/api/streams/demo/outputs', { kind: 'hls' });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '10']);
    parts.state.draining = false;
    parts.state.ready = false;
    expect(await (await ask('/readyz')).json()).toEqual({ status: 'starting' });
  });

  it('counts for Prometheus, and keeps totals of streams that end from standing on', async () => {
    const { ask, parts } = asked();
    await ask('/api/nothing');
    const text = await (await ask('/metrics')).text();
    expect(text).toContain('livebrush_frames_in_total{stream="demo"} 10');
    expect(text).toContain('livebrush_frames_out_total{stream="demo"} 7');
    expect(text).toContain('livebrush_frames_on_time_total{stream="demo"} 6');
    expect(text).toContain('livebrush_frames_unsent_total{stream="demo"} 2');
    expect(text).toContain('livebrush_hit_ratio{stream="demo"} 0.6');
    expect(text).toContain('livebrush_frames_dropped_total{stream="demo",reason="newer"} 3');
    expect(text).toContain('livebrush_sessions{kind="streams"} 1');
    expect(text).toContain('livebrush_engine_info{version="1.2.3",engine="identity",model="tiny"} 1');
    expect(text).toContain('livebrush_rejected_total{why="not-found"} 1');
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
    await parts.sessions.close('demo');
    expect(await (await ask('/metrics')).text()).not.toContain('stream="demo"');
  });

  it('holds an address to its share of requests', async () => {
    const { ask } = asked({ settings: { limits: { requestsPerSecond: 2 } } });
    const statuses: number[] = [];
    for (let i = 0; i < 12; i++) statuses.push((await ask('/healthz')).status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(8);
    const refused = await ask('/healthz');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
  });
});

describe('WHIP and WHEP', () => {
  it('are bounded and held to their own share', async () => {
    const { ask } = asked({ over: sub, settings: { limits: { signallingPerSecond: 2, sdpBytes: 1024 } } });
    const post = (body: string) => ask('/demo/whip', { method: 'POST', body });
    expect((await post('v=0')).status).toBe(201);
    expect((await post('x'.repeat(2000))).status).toBe(413);
    await post('');
    await post('');
    expect((await post('v=0')).status).toBe(429);
    expect((await ask('/healthz')).status).toBe(200);
  });

  it('let preflights through without a token', async () => {
    const { ask } = asked({ over: sub, closed: true });
    const headers = { origin: 'https://elsewhere.example', 'access-control-request-method': 'POST' };
    const answer = await ask('/demo/whip', { method: 'OPTIONS', headers });
    expect([401, 403]).not.toContain(answer.status);
  });

  it('are open to pages elsewhere that have a token: preflights and answers, refusals too', async () => {
    const sessions = new FakeSessions() as never;
    const peers = new Peers({ udpPorts: [23_900, 23_990] });
    const wishes = { sessions, peers, authorise: () => {} };
    const over = { whip: whipRoutes(wishes), whep: whepRoutes(wishes) };
    const { ask } = asked({ over, closed: true, settings: { limits: { signallingPerSecond: 2 } } });
    const origin = 'https://elsewhere.example';
    const allowed = (answer: Response) => answer.headers.get('access-control-allow-origin');
    const asks = {
      ...{ origin, 'access-control-request-method': 'POST' },
      'access-control-request-headers': 'authorization,content-type',
    };
    for (const path of ['/demo/whip', '/demo/whip/1', '/demo/whep', '/demo/whep/1']) {
      const answer = await ask(path, { method: 'OPTIONS', headers: asks });
      expect([answer.status, allowed(answer)]).toEqual([204, '*']);
      expect(answer.headers.get('accept-post')).toBe('application/sdp');
      expect(answer.headers.get('allow')).toMatch(/^(POST|PATCH, DELETE), OPTIONS$/);
      expect(answer.headers.get('access-control-allow-headers')).toMatch(/authorization, content-type/);
      expect(answer.headers.get('access-control-max-age')).toBe('600');
    }
    const post = (path: string, token: string) =>
      ask(path, { method: 'POST', token, headers: { origin, 'content-type': 'application/sdp' } });
    const busy = await post('/nobody/whep', tokens.read);
    expect([busy.status, busy.headers.get('retry-after'), allowed(busy)]).toEqual([409, '2', '*']);
    expect(busy.headers.get('access-control-expose-headers')).toMatch(/location.*etag.*link.*retry-after/);
    const wrong = await post('/demo/whip', 'wrong-token');
    expect([wrong.status, allowed(wrong)]).toEqual([401, '*']);
    await post('/demo/whip', 'wrong-token');
    await post('/demo/whip', 'wrong-token');
    const often = await post('/demo/whip', 'wrong-token');
    expect([often.status, allowed(often)]).toEqual([429, '*']);
    expect(often.headers.get('access-control-expose-headers')).toMatch(/retry-after/);
  });
});

describe('pages elsewhere', () => {
  it('read nothing but what their origin is listed for', async () => {
    const listed = 'https://listed.example';
    const { ask } = asked({ closed: true, settings: { listen: { origins: [listed] } } });
    const headers = { origin: listed, 'access-control-request-method': 'PATCH' };
    const preflight = await ask('/api/streams/demo/look', { method: 'OPTIONS', headers });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(listed);
    const answer = await ask('/api/streams', { token: tokens.read, headers });
    expect(answer.headers.get('access-control-allow-origin')).toBe(listed);
    const other = await ask('/api/streams', { token: tokens.read, headers: { origin: 'https://elsewhere' } });
    expect([other.status, other.headers.get('access-control-allow-origin')]).toEqual([403, null]);
  });
});
