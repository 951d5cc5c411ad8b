import { describe, expect, it } from 'vitest';
import { BadInput, Denied } from '../../src/errors.js';
import { settings } from '../../src/server/settings.js';
import { isPublic, UrlRules } from '../../src/server/urls.js';

/** What names lead to, as a resolver that reads odd notations tells it. */
const names: Readonly<Record<string, readonly string[]>> = {
  'media.example': ['93.184.215.14'],
  'inside.example': ['10.0.0.7'],
  'both.example': ['93.184.215.14', '127.0.0.1'],
  '127.0.0.1.nip.io': ['127.0.0.1'],
  localhost: ['127.0.0.1', '::1'],
  'six.example': ['2606:4700::1'],
};
const resolve = async (host: string) => {
  const found = names[host];
  if (!found) throw new Error(`no ${host}`);
  return found;
};
const rules = (urls: object) => new UrlRules(settings.parse({ urls }).urls, resolve);
const open = rules({ allow: true, schemes: ['rtmp', 'rtsp', 'srt', 'http', 'https'] });

describe('addresses as inputs and outputs', () => {
  it('are not allowed unless the settings say so', async () => {
    await expect(rules({}).check('rtmp://media.example/live')).rejects.toThrow(Denied);
  });

  it.each([
    'rtmp://media.example/live/key',
    'https://media.example/index.m3u8',
    'srt://six.example:9000',
    'rtsp://93.184.215.14/x',
  ])('may lead to the public internet: %s', async (address) => {
    expect((await open.check(address)).every(isPublic)).toBe(true);
  });

  it.each([
    'http://127.0.0.1/',
    'http://localhost:8080/api',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://[fd00::1]/',
    'http://[fe80::1]/',
    'http://[2002:7f00:1::]/',
    'http://169.254.169.254/latest/meta-data/',
    'http://10.1.2.3/',
    'http://172.16.5.4/',
    'http://192.168.1.1/',
    'http://100.64.0.1/',
    'http://0.0.0.0/',
    'http://127.0.0.1.nip.io/',
    'http://inside.example/',
    'http://both.example/',
    'rtmp://2130706433/live',
    'rtmp://0x7f.1/live',
    'rtsp://localhost./x',
    'srt://224.0.0.1:9000',
    'http://user:pass@127.0.0.1/',
    'http://media.example@127.0.0.1/',
  ])('may not lead inside: %s', async (address) => {
    await expect(open.check(address)).rejects.toThrow(Denied);
  });

  it.each([
    'file:///etc/passwd',
    'concat:a|b',
    'ftp://media.example/',
    'gopher://media.example/',
    'data:,x',
    'pipe:0',
  ])('have a scheme that is allowed, which this has not: %s', async (address) => {
    await expect(open.check(address)).rejects.toThrow(Denied);
  });

  it.each([
    '',
    'media.example/x',
    'http://',
    'http://media.example/\n',
    'http://nowhere.example/',
    'http://ⓛocal/',
  ])('are addresses, which this is not: %j', async (address) => {
    await expect(open.check(address)).rejects.toThrow(BadInput);
  });

  it('may lead inside where the settings say so', async () => {
    const inside = rules({ allow: true, private: true });
    expect(await inside.check('rtmp://inside.example/live')).toEqual(['10.0.0.7']);
  });

  it('may be held to a list of hosts', async () => {
    const listed = rules({ allow: true, hosts: ['media.example', '*.live.example'] });
    names_with('a.live.example');
    await expect(listed.check('rtmp://media.example/x')).resolves.toBeDefined();
    await expect(listed.check('rtmp://A.live.example/x')).resolves.toBeDefined();
    for (const host of ['live.example', 'six.example', 'media.example.evil.example', 'evil-live.example'])
      await expect(listed.check(`rtmp://${host}/x`)).rejects.toThrow(Denied);
  });

  it('are told without what could be a key', async () => {
    await expect(open.check('rtmp://user:pass@10.0.0.7/app/secret-key')).rejects.toThrow(
      expect.objectContaining({ message: expect.not.stringMatching(/secret-key|pass/) }),
    );
  });
});

function names_with(host: string): void {
  (names as Record<string, readonly string[]>)[host] = ['93.184.215.14'];
}
