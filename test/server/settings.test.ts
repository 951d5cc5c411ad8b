import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { settings } from '../../src/server/settings.js';
import { envName, fields } from '../../src/server/settings-fields.js';
import { loadSettings, type SettingsSources } from '../../src/server/settings-load.js';
import { strayEnv } from '../../src/server/settings-read.js';
import { printSettings, settingsSchema, writeSettingsFile } from '../../src/server/settings-write.js';

const folder = mkdtempSync(join(tmpdir(), 'livebrush-settings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
function file(text: string): string {
  const path = join(folder, `${count++}.yaml`);
  writeFileSync(path, text);
  return path;
}

const load = async (sources: SettingsSources) =>
  (await loadSettings({ files: [file('')], ...sources })).settings;

const failing = async (sources: SettingsSources) => {
  const error = await load(sources).then(
    () => undefined,
    (thrown: Error & { hint?: string }) => thrown,
  );
  return `${error?.name}: ${error?.message.replaceAll(folder, '')} ${error?.hint ?? ''}`;
};

describe('settings', () => {
  it('bind to this machine alone, allow no addresses and know no tokens unless told otherwise', async () => {
    expect(await load({})).toMatchObject({
      listen: { host: '127.0.0.1', port: 8080 },
      tokens: { admin: [], publish: [], read: [], anonymous: 'none' },
      urls: { allow: false },
      osc: { enabled: false },
    });
  });

  it('take flags before -c, -c before the environment, that before files, and later files before earlier ones', async () => {
    const files = [file('listen: {port: 1, host: one}\nshutdownGraceMs: 1'), file('listen: {port: 2}')];
    const env = { LIVEBRUSH_LISTEN_PORT: '3' };
    const inline = ['listen.port=4'];
    const flags = [{ path: ['listen', 'port'], value: 5, origin: '--port' }];
    const port = async (sources: SettingsSources) => (await load(sources)).listen.port;
    expect(await port({ files })).toBe(2);
    expect(await port({ files, env })).toBe(3);
    expect(await port({ files, env, inline })).toBe(4);
    expect(await port({ files, env, inline, flags })).toBe(5);
    expect(await load({ files })).toMatchObject({ listen: { host: 'one' }, shutdownGraceMs: 1 });
  });

  it('say where each came from', async () => {
    const path = file('\nlisten:\n  port: 9\n');
    const { settings: whole, origins } = await loadSettings({
      files: [path],
      env: { LIVEBRUSH_TOKENS_READ: 'secret-token' },
    });
    expect(origins.get('listen.port')).toBe(`${path}:3:3`);
    expect(origins.get('tokens.read')).toBe('LIVEBRUSH_TOKENS_READ');
    expect(origins.get('demo')).toBe('default');
    const shown = printSettings(whole, origins);
    expect(shown).toContain(`# ${path}:3:3`);
    expect(shown).not.toContain('secret-token');
  });

  it('can each be set by the environment, lists and maps too', async () => {
    for (const { path, standard } of fields) {
      const text = typeof standard === 'string' ? standard : JSON.stringify(standard);
      await expect(load({ env: { [envName(path)]: text } }), envName(path)).resolves.toEqual(await load({}));
    }
    const env = {
      LIVEBRUSH_WEBRTC_UDP_PORTS: '9000,9010',
      LIVEBRUSH_TOKENS_ADMIN: '12345678, abcdefgh',
      LIVEBRUSH_STREAMS: '{stage: {input: {kind: demo}}}',
      LIVEBRUSH_DEMO: 'false',
      LIVEBRUSH_URLS_HOSTS: '',
    };
    expect(await load({ env })).toMatchObject({
      webrtc: { udpPorts: [9000, 9010] },
      tokens: { admin: ['12345678', 'abcdefgh'] },
      streams: { stage: { input: { kind: 'demo' } } },
      demo: false,
      urls: { hosts: [] },
    });
  });

  it('hold how old live frames may be, for all and for one stream, within bounds', async () => {
    expect((await load({})).paint.maxAge).toBe(250);
    const set = await load({ files: [file('paint: {maxAge: 100}\nstreams: {stage: {maxAge: 60}}')] });
    expect([set.paint.maxAge, set.streams.stage?.maxAge]).toEqual([100, 60]);
    await expect(load({ inline: ['paint.maxAge=5'] })).rejects.toThrow(/paint\.maxAge/);
  });

  it('merge streams of several files by name', async () => {
    const files = [file('streams: {a: {style: wave}, b: {}}'), file('streams: {b: {strength: 0.5}}')];
    expect((await load({ files })).streams).toEqual({ a: { style: 'wave' }, b: { strength: 0.5 } });
  });

  it('hold values of the environment, with another one where it has none', async () => {
    const env = { LB_HOST: 'box: {}', LB_TOKEN: '12345678' };
    const text = 'listen:\n  port: @{LB_PORT:7000}\n  host: "@{LB_HOST}"\ntokens: {admin: ["@{LB_TOKEN}"]}';
    const files = [file(text.replaceAll('@', '$'))];
    expect(await load({ files, env })).toMatchObject({
      listen: { port: 7000, host: 'box: {}' },
      tokens: { admin: ['12345678'] },
    });
    expect((await load({ files, env: { ...env, LB_PORT: '7001' } })).listen.port).toBe(7001);
    expect(await failing({ files, env: { LB_HOST: 'x' } })).toMatch(
      /:4:\d+: the environment variable LB_TOKEN is not set/,
    );
  });

  it.each([
    [
      'listen:\n  prot: 1',
      /BadInput: \S+:2:3: there is no setting listen\.prot\. Did you mean listen\.port\?/,
    ],
    ['port: 1', /:1:1: there is no setting port\. Did you mean listen\.port\?/],
    ['listen:\n  port: 99999', /BadInput: \S+:2:9: listen\.port: too big/],
    [
      'streams:\n  a:\n    input:\n      kind: demo\n      lop: 1',
      /:5:12: streams\.a\.input: unrecognized key/,
    ],
    ['streams: {"a b": {}}', /streams\.a b: is 1 to 64 letters, digits, _ and -\./],
    ['tokens:\n  admin:\n    - good-token\n    - bad', /:4:7: tokens\.admin\.1: a token has at least 8/],
    ['a: [', /BadInput: \S+:1:\d+: /],
    ['listen: 3', /:1:1: listen is a group of settings/],
    ['- 1', /:1:1: settings are written as/],
    ['listen: {port: 1}\nlisten: {port: 2}', /:2:1: .*unique/],
    ['demo: *nowhere', /:1:1: .*nowhere/],
  ])('refuse a file with line and column: %j', async (text, said) => {
    expect(await failing({ files: [file(text)] })).toMatch(said);
  });

  it.each([
    ['listen.prot=1', /Usage: -c: there is no setting listen\.prot\. Did you mean listen\.port\?/],
    ['listen=1', /Usage: -c: there is no setting listen\./],
    ['listen.port=x', /Usage: -c: listen\.port: .*TCP port/],
    ['nothing', /Usage: -c nothing is no setting/],
    ['webrtc.udpPorts=[2,1]', /the first port is not above the last/],
    ['__proto__.x=1', /Usage: -c: there is no setting/],
  ])('refuse -c %s', async (text, said) => {
    expect(await failing({ inline: [text] })).toMatch(said);
  });

  it('tell a file that is not there and a wrong variable of the environment', async () => {
    expect(await failing({ files: [join(folder, 'none.yaml')] })).toMatch(/^NotFound/);
    expect(await failing({ env: { LIVEBRUSH_LISTEN_PORT: 'tcp://1' } })).toMatch(
      /^Usage: LIVEBRUSH_LISTEN_PORT: /,
    );
  });

  it('notice variables that were meant to be settings, and no others', () => {
    expect(strayEnv({ LIVEBRUSH_LISTEN_PROT: '1', LIVEBRUSH_HOME: 'x', PATH: '' })).toEqual([
      { name: 'LIVEBRUSH_LISTEN_PROT', meant: 'LIVEBRUSH_LISTEN_PORT' },
    ]);
  });

  it('are written as a commented file that reads as the defaults', async () => {
    const text = writeSettingsFile();
    expect(await load({ files: [file(text)] })).toEqual(await load({}));
    for (const { path } of fields) expect(text).toMatch(new RegExp(`^ *${path.at(-1)}:`, 'm'));
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThan(200);
  });

  it('are described by a JSON Schema', () => {
    const schema = settingsSchema();
    expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
    expect(schema.properties).toHaveProperty('listen');
    expect(settings.safeParse({}).success).toBe(true);
  });
});
