import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { addUserStyle } from '../../src/models/user-styles.js';
import { livebrush, start, workshop } from './cli.js';

let shop: Awaited<ReturnType<typeof workshop>>;
beforeAll(async () => {
  shop = await workshop();
  await addUserStyle(shop.style, { name: 'mine' });
});

interface Listening {
  readonly url: string;
  readonly panel: string;
  readonly token?: string;
  readonly engine: string;
}

interface Listed {
  readonly recordings: readonly { readonly running: boolean; readonly bytes: number }[];
}

/** The first line that a process prints. @throws with its errors when it ends before. */
async function firstLine({ process: child, ended }: ReturnType<typeof start>): Promise<string> {
  const line = new Promise<string>((resolve) => {
    let text = '';
    child.stdout!.on('data', (data: string) => {
      text += data;
      if (text.includes('\n')) resolve(text.split('\n')[0]!);
    });
  });
  const failed = ended.then(({ stdout, stderr }) => {
    throw new Error(stdout + stderr);
  });
  failed.catch(() => {});
  const first = await Promise.race([line, failed]);
  return first.startsWith('{"error"') ? failed : first;
}

/** Whether a process is there. */
function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** A server as a process of its own, on a free port, painting with the tiny model on the identity engine. */
async function served(...args: string[]) {
  const paint = ['--model', shop.model, '--engine', 'identity', '--style', 'mine'];
  const running = start(['serve', '--port', '0', '--json', ...paint, ...args], { cwd: shop.folder });
  const { listening } = JSON.parse(await firstLine(running)) as { listening: Listening };
  return { ...running, ...listening };
}

describe('livebrush serve', () => {
  it('paints the demo, and on SIGTERM tells everyone and ends with 0', async () => {
    const { url, panel, engine, token, process: child, ended } = await served();
    expect({ panel, engine, token }).toEqual({ panel: `${url}/`, engine: 'identity', token: undefined });
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: 'ready' });
    const info = (await (await fetch(`${url}/api/info`)).json()) as object;
    expect(info).toMatchObject({
      model: 'tiny',
      engine: 'identity',
      auth: false,
      role: 'admin',
      publicUrl: url,
    });
    const { streams } = (await (await fetch(`${url}/api/streams`)).json()) as { streams: object[] };
    expect(streams).toMatchObject([
      { name: 'demo', look: { mix: [{ style: 'mine', weight: 1 }], steady: 1 } },
    ]);
    const page = await fetch(`${url}/docs/`);
    expect(await page.text()).toContain('<script src="start.js">');
    expect(page.headers.get('content-security-policy')).toContain("script-src 'self';");
    expect((await fetch(`${url}/docs/swagger-ui-bundle.js`)).headers.get('content-type')).toContain(
      'javascript',
    );
    const socket = new WebSocket(`${url.replace('http', 'ws')}/api/streams/demo/control`);
    const hello = await new Promise<string>((resolve) =>
      socket.once('message', (data) => resolve(String(data))),
    );
    expect(JSON.parse(hello)).toMatchObject({ type: 'hello', role: 'admin', stream: { name: 'demo' } });
    const code = new Promise<number>((resolve) => socket.once('close', resolve));
    child.kill('SIGTERM');
    expect(await code).toBe(1001);
    expect(await ended).toMatchObject({ code: 0, signal: null });
  });

  it('begins streams as the settings say', async () => {
    const given = ['-c', 'paint.steady=0.5', '-c', 'streams={"stage":{"steady":0,"strength":0.25}}'];
    const { url, process: child, ended } = await served(...given);
    const { streams } = (await (await fetch(`${url}/api/streams`)).json()) as { streams: object[] };
    expect(streams).toHaveLength(2);
    expect(streams).toContainEqual(
      expect.objectContaining({ name: 'demo', look: expect.objectContaining({ steady: 0.5, strength: 1 }) }),
    );
    await expect
      .poll(async () => ((await (await fetch(`${url}/api/streams/stage`)).json()) as { look: object }).look)
      .toMatchObject({ steady: 0, strength: 0.25 });
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0 });
  });

  it('makes a token where others reach it, shows it once, and keeps it out of its log', async () => {
    const {
      url,
      panel,
      token,
      process: child,
      ended,
    } = await served('--host', '0.0.0.0', '-c', 'log.level=info');
    expect(token).toMatch(/^[\w-]{32}$/);
    expect(panel).toBe(`${url}/#token=${token}`);
    expect((await fetch(`${url}/api/streams`)).status).toBe(401);
    const headers = { authorization: `Bearer ${token}` };
    expect((await fetch(`${url}/api/streams?token=nothing-of-use`, { headers })).status).toBe(200);
    child.kill('SIGTERM');
    const { stderr, code } = await ended;
    expect(code).toBe(0);
    expect(stderr).toContain('"path":"/api/streams"');
    expect(stderr).not.toContain(token);
    expect(stderr).not.toContain('nothing-of-use');
  });

  it('is what runs without a command, set up by the environment', async () => {
    const env = {
      LIVEBRUSH_LISTEN_PORT: '0',
      LIVEBRUSH_PAINT_MODEL: shop.model,
      LIVEBRUSH_PAINT_ENGINE: 'identity',
      LIVEBRUSH_DEMO: 'false',
    };
    const running = start([], { cwd: shop.folder, env });
    const line = await firstLine(running);
    expect(line).toMatch(/^Livebrush paints at http:\/\/127\.0\.0\.1:\d+\/$/);
    const url = line.split(' ').at(-1);
    expect(await (await fetch(`${url}api/streams`)).json()).toEqual({ streams: [] });
    running.process.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
  });

  it('ends the trial of a codec in hardware, and begins no other, when it is stopped meanwhile', async () => {
    const tried = join(shop.folder, 'tried');
    const hang = join(shop.folder, 'hang.mjs');
    await writeFile(
      hang,
      `import { appendFileSync } from 'node:fs';
      if (process.execArgv.join().includes('tryHardware')) {
        appendFileSync(${JSON.stringify(tried)}, process.pid + '\\n');
        setInterval(() => {}, 1000);
        await new Promise(() => {});
      }`,
    );
    const pids = async () => (await readFile(tried, 'utf8').catch(() => '')).trim().split('\n').map(Number);
    const given = ['serve', '--port', '0', '--model', shop.model, '--engine', 'identity', '--style', 'mine'];
    const { process: child, ended } = start([...given, '-c', 'media.hardware=auto'], {
      cwd: shop.folder,
      env: { NODE_OPTIONS: `--import=${pathToFileURL(hang)}` },
    });
    await expect.poll(async () => (await pids())[0], { timeout: 20_000 }).toBeGreaterThan(0);
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 130, stdout: '' });
    const [pid, ...more] = await pids();
    expect(more).toEqual([]);
    await expect.poll(() => alive(pid!)).toBe(false);
  });

  it('keeps what it recorded when it is killed, and serves no HLS of the time before', async () => {
    const ask = async (url: string, path: string, body?: object) => {
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(url + path, body && { method: 'POST', body: JSON.stringify(body), headers });
      return { status: answer.status, body: (await answer.json().catch(() => undefined)) as Listed };
    };
    const first = await served();
    for (const kind of ['record', 'hls'])
      expect((await ask(first.url, '/api/streams/demo/outputs', { kind })).status).toBe(201);
    const recordings = async (url: string) => (await ask(url, '/api/recordings')).body.recordings;
    await expect.poll(async () => (await recordings(first.url))[0]?.bytes).toBeGreaterThan(1000);
    await expect.poll(async () => (await ask(first.url, '/demo/hls/index.m3u8')).status).toBe(200);
    const cache = join(shop.folder, 'cache');
    const [left] = (await readdir(cache)).filter((name) => name.startsWith('hls-'));
    expect(await recordings(first.url)).toMatchObject([{ running: true }]);
    first.process.kill('SIGKILL');
    await first.ended;
    const second = await served();
    expect(await recordings(second.url)).toMatchObject([{ running: false }]);
    expect(await readdir(cache)).not.toContain(left);
    expect((await ask(second.url, '/demo/hls/index.m3u8')).status).toBe(404);
    second.process.kill('SIGTERM');
    const { stderr } = await second.ended;
    expect(stderr.match(/recordings that broke off/g)).toHaveLength(1);
  });

  it('says what is wrong with its settings, and who has its port, before it paints', async () => {
    const wrong = join(shop.folder, 'wrong.yaml');
    await writeFile(wrong, 'listen:\n  prot: 1\n');
    expect(await livebrush('serve', '--config', wrong)).toMatchObject({
      code: 1,
      stderr: `livebrush: ${wrong}:2:3: there is no setting listen.prot.\n  Did you mean listen.port?\n`,
    });
    expect(await livebrush('serve', '--port', 'http')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--port: listen.port: '),
    });
    expect((await livebrush('serve', '--engine', 'nonsense')).code).toBe(2);
  });
});

describe('livebrush config', () => {
  it('writes a file, once, that reads back', async () => {
    const file = join(shop.folder, 'fresh.yaml');
    expect(await livebrush('config', 'init', file)).toMatchObject({ code: 0, stderr: '' });
    expect(await readFile(file, 'utf8')).toContain('\nlisten:\n');
    expect((await livebrush('config', 'init', file)).code).toBe(1);
    expect((await livebrush('config', 'init', file, '--overwrite')).code).toBe(0);
    expect((await livebrush('config', 'print', '--config', file)).code).toBe(0);
  });

  it('prints where every setting comes from, with tokens covered', async () => {
    const args = [
      'config',
      'print',
      '--origin',
      '-c',
      'listen.port=9000',
      '-c',
      'tokens.admin=very-secret-token',
    ];
    const { code, stdout } = await livebrush(...args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^listen\.port: 9000 +# -c$/m);
    expect(stdout).toMatch(/^listen\.host: 127\.0\.0\.1 +# default$/m);
    expect(stdout).not.toContain('very-secret-token');
    const json = await livebrush(...args, '--json');
    expect(json.json()).toMatchObject({
      settings: { listen: { port: 9000 } },
      origins: { 'listen.port': '-c' },
    });
    expect(json.stdout).not.toContain('very-secret-token');
  });

  it('prints the JSON Schema', async () => {
    const { code, stdout } = await livebrush('config', 'schema');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'object', properties: { listen: {}, limits: {} } });
  });
});
