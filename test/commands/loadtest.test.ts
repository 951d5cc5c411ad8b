import { beforeAll, describe, expect, it } from 'vitest';
import { pictureSize, readAddress, styleList } from '../../src/commands/loadtest.js';
import { addUserStyle } from '../../src/models/user-styles.js';
import { livebrush, start, workshop } from './cli.js';

let shop: Awaited<ReturnType<typeof workshop>>;
beforeAll(async () => {
  shop = await workshop();
  await addUserStyle(shop.style, { name: 'mine' });
});

/** A small test against a server of its own that paints nothing. */
const small = (...more: string[]) => [
  ...['loadtest', '--start', '--engine', 'identity', '--model', shop.model, '-c', 'paint.style=mine'],
  ...['--size', '192x112', '--fps', '20', '--warmup', '0', ...more],
];

describe('livebrush loadtest', () => {
  it('starts a server of its own, plays two publishers and two viewers, and prints what it found', async () => {
    const { code, stdout, json } = await livebrush(...small('--publishers', '2', '--seconds', '3', '--json'));
    const found = json();
    expect(found).toMatchObject({
      ...{ ok: true, interrupted: false, faults: [], server: { engine: 'identity', model: 'tiny' } },
      ...{ publishers: { wanted: 2, came: 2 }, viewers: { wanted: 2, came: 2 } },
      loadtest: { width: 192, height: 112, fps: 20, seconds: 3, codec: 'h264' },
    });
    const { streams } = found as { streams: { latency: { count: number }; painted: number }[] };
    expect(streams).toHaveLength(2);
    for (const { latency, painted } of streams) {
      expect(latency.count).toBeGreaterThan(0);
      expect(painted).toBeGreaterThan(0);
    }
    expect(code).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines.slice(0, -1).every((line) => 'progress' in JSON.parse(line))).toBe(true);
    // The server that was started is gone.
    const { url } = (found as { server: { url: string } }).server;
    await expect(fetch(`${url}/readyz`)).rejects.toThrow();
  });

  it('tells what it measured until Ctrl-C, as a table for people', async () => {
    const { process: child, ended } = start(small('--seconds', '600'));
    let said = '';
    child.stderr!.on('data', (text: string) => {
      said += text;
      // Once, when pictures have come for a while: a second one would end it at once.
      if (!child.killed && said.split('"progress"').length > 3) child.kill('SIGINT');
    });
    const { code, stdout } = await ended;
    expect(code).toBe(130);
    expect(stdout).toContain('(interrupted)');
    expect(stdout).toMatch(/^1 of 1 publishers, connected in [\d.]+ ms/m);
    expect(stdout).toMatch(/^load-[0-9a-f]+-1 +[\d.]+ +[\d.]+ /m);
    expect(stdout).toMatch(/^together /m);
    expect(stdout).toMatch(/^this load generator: [\d.]+ % of a core/m);
  });

  it('says in a sentence that no server is there, or that the one to start did not', async () => {
    const nobody = await livebrush('loadtest', 'http://127.0.0.1:9', '--seconds', '1');
    expect(nobody.code).toBe(1);
    expect(nobody.stderr).toContain('The server at http://127.0.0.1:9 does not answer (ECONNREFUSED).');
    expect(nobody.stderr).toContain('add --start');
    const broken = await livebrush('loadtest', '--start', '--engine', 'nonsense');
    expect(broken.code).toBe(1);
    expect(broken.stderr).toContain('The server could not be started.');
    expect(broken.stderr).toContain('nonsense');
  });

  it.each([
    [['--publishers', '0'], 'from 1 to 256'],
    [['--viewers', '1e9'], 'from 0 to 2000'],
    [['--size', '99999x2'], 'even sides such as 640x360'],
    [['--codec', 'av1'], 'h264, vp8'],
    [['--seconds', 'soon'], 'from 1 to 86400'],
    [['--styles', 'wave,wave'], 'different names'],
    [['--style', '../etc'], 'name of a style'],
    [['--engine', 'identity'], 'for a server that is started here'],
    [['--start', 'http://127.0.0.1:1'], 'takes no address'],
    [['--style', 'wave', '--styles', 'wave,scream'], 'both say what to paint in'],
    [['--style', 'wave', '--switch-every', '5'], 'needs two styles or more'],
    [['ftp://host'], 'is no address of a server'],
  ])('refuses %j', async (args, told) => {
    const { code, stderr } = await livebrush('loadtest', ...args);
    expect(stderr).toContain(told);
    expect(code).toBe(2);
  });
});

describe('what loadtest is given', () => {
  it('may be the address of the panel, with its token', () => {
    expect(readAddress('http://host:8080/#token=abc.def')).toEqual({
      url: 'http://host:8080',
      token: 'abc.def',
    });
    expect(readAddress('https://paint.example/?stream=demo')).toMatchObject({ token: undefined });
    for (const text of ['', 'host:8080', 'ftp://host', 'http://user:pass@host'])
      expect(() => readAddress(text)).toThrow('is no address of a server');
  });

  it('is styles by name or number, and sizes that the mark fits into', () => {
    expect(styleList('4')).toBe(4);
    expect(styleList('wave, scream')).toEqual(['wave', 'scream']);
    for (const text of ['0', '65', '', 'wave,,scream', 'Wave', '-1'])
      expect(() => styleList(text)).toThrow('It takes different names');
    expect(pictureSize('1280x720')).toEqual({ width: 1280, height: 720 });
    for (const text of ['640', '641x360', '640x100', '158x120', '640x2162', 'x'])
      expect(() => pictureSize(text)).toThrow('It takes even sides');
  });
});
