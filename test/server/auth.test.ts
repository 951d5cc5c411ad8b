import { describe, expect, it } from 'vitest';
import { Denied, TooMany } from '../../src/errors.js';
import { Auth, allows, newToken } from '../../src/server/auth.js';
import { Buckets, Holds, limitKey, plainAddress } from '../../src/server/limits.js';
import { authOf } from '../../src/server/serve.js';
import { settings } from '../../src/server/settings.js';

const tokens = {
  admin: ['admin-token'],
  publish: ['publish-token'],
  read: ['read-token'],
  anonymous: 'none',
} as const;
const open = (over: object = {}) =>
  new Auth({ tokens, open: false, failuresPerMinute: 3, delayMs: () => 0, ...over });
const request = (token?: string) =>
  new Request(
    'http://localhost/',
    token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } },
  );

describe('tokens', () => {
  it('allow what they are for', async () => {
    const auth = open();
    expect(await auth.check(request('admin-token'), '1.2.3.4')).toBe('admin');
    expect(await auth.check(request('publish-token'), '1.2.3.4')).toBe('publish');
    expect(await auth.check(request('read-token'), '1.2.3.4')).toBe('read');
    expect(await auth.check(request(), '1.2.3.4')).toBe('none');
    expect([allows('publish', 'read'), allows('admin', 'publish'), allows('none', 'none')]).toEqual([
      false,
      true,
      true,
    ]);
  });

  it('that are wrong are refused, and after some of them right ones too, for that address alone', async () => {
    const auth = open();
    for (let i = 0; i < 3; i++)
      await expect(auth.check(request(`wrong-${i}`), '1.2.3.4')).rejects.toThrow(Denied);
    await expect(auth.check(request('admin-token'), '1.2.3.4')).rejects.toThrow(TooMany);
    expect(() => auth.try('admin-token', '1.2.3.4')).toThrow(TooMany);
    expect(await auth.check(request('admin-token'), '1.2.3.5')).toBe('admin');
    expect(await auth.check(request(), '1.2.3.4')).toBe('none');
  });

  it('that are wrong are answered later and later', async () => {
    const waits: number[] = [];
    const auth = open({
      failuresPerMinute: 10,
      delayMs: (failures: number) => {
        waits.push(Math.round(failures));
        return 0;
      },
    });
    for (let i = 0; i < 4; i++) await auth.check(request('wrong'), '1.2.3.4').catch(() => {});
    expect(waits).toEqual([1, 2, 3, 4]);
  });

  it.each(['', 'admin-toke', 'admin-token2', 'x'.repeat(600), 'admin-token admin-token'])(
    'are whole: %j',
    async (token) => {
      await expect(open().check(request(token), '1.2.3.4')).rejects.toThrow(Denied);
    },
  );

  it('are needed as soon as others may reach the server', () => {
    const made = (over: object) => {
      const { auth, made: token } = authOf(settings.parse(over));
      return { open: auth.open, made: token !== undefined };
    };
    const own = { tokens: { admin: ['12345678'] } };
    expect(made({})).toEqual({ open: true, made: false });
    expect(made({ listen: { host: '::1' } })).toEqual({ open: true, made: false });
    expect(made({ publicUrl: 'http://localhost:9000' })).toEqual({ open: true, made: false });
    expect(made({ listen: { host: '0.0.0.0' } })).toEqual({ open: false, made: true });
    expect(made({ listen: { host: '0.0.0.0' }, ...own })).toEqual({ open: false, made: false });
    expect(made(own)).toEqual({ open: false, made: false });
    expect(made({ tokens: { read: ['12345678'] } })).toEqual({ open: false, made: true });
    // A proxy before it makes a server of this machine one of the world.
    expect(made({ publicUrl: 'https://paint.example' })).toEqual({ open: false, made: true });
    expect(made({ listen: { hosts: ['paint.example'] } })).toEqual({ open: false, made: true });
  });

  it.each([
    ['admin', { GET: 'admin', POST: 'none', upgrade: 'read' }],
    ['read', { GET: 'read', POST: 'none', upgrade: 'read' }],
    ['publish', { GET: 'publish', POST: 'none', upgrade: 'publish' }],
  ] as const)('become cookies that count for reading alone, on WebSockets too: %s', async (role, wanted) => {
    const auth = open();
    const cookie = auth.remember(role).split(';')[0]!;
    const check = (method: string, headers = {}) =>
      auth.check(new Request('http://localhost/', { method, headers: { cookie, ...headers } }), '1.2.3.4');
    expect({
      GET: await check('GET'),
      POST: await check('POST'),
      upgrade: await check('GET', { upgrade: 'websocket' }),
    }).toEqual(wanted);
  });

  it('that are made are long and all different', () => {
    const some = Array.from({ length: 50 }, newToken);
    expect(new Set(some).size).toBe(50);
    for (const token of some) expect(token).toMatch(/^[\w-]{32}$/);
  });
});

describe('limits', () => {
  it('let a burst through, then as many as flow in', () => {
    let now = 0;
    const buckets = new Buckets({ perSecond: 2, burst: 4 }, { now: () => now });
    const takes = (count: number) => Array.from({ length: count }, () => buckets.take('a') === 0);
    expect(takes(5)).toEqual([true, true, true, true, false]);
    expect(buckets.take('b')).toBe(0);
    expect(buckets.wait('a')).toBeCloseTo(0.5);
    now = 1000;
    expect(takes(3)).toEqual([true, true, false]);
    now = 1e6;
    expect(takes(5).filter(Boolean)).toHaveLength(4);
  });

  it('remember a bounded number of addresses', () => {
    const buckets = new Buckets({ perSecond: 1, burst: 1 }, { keys: 100 });
    for (let i = 0; i < 5000; i++) buckets.take(`10.0.${i >> 8}.${i & 255}`);
    expect(buckets.size).toBe(100);
  });

  it('let in debt what is known only afterwards', () => {
    let now = 0;
    const bytes = new Buckets({ perSecond: 100, burst: 1000 }, { now: () => now });
    bytes.spend('a', 1500);
    expect(bytes.wait('a')).toBeCloseTo(5.01);
    now = 6000;
    expect(bytes.wait('a')).toBe(0);
  });

  it('hold so many open for each, each once', () => {
    const holds = new Holds(2);
    const [one, two] = [holds.take('a'), holds.take('a')];
    expect(holds.take('a')).toBeUndefined();
    expect(holds.take('b')).toBeDefined();
    one![Symbol.dispose]();
    one![Symbol.dispose]();
    expect(holds.take('a')).toBeDefined();
    expect(holds.take('a')).toBeUndefined();
    two![Symbol.dispose]();
  });

  it('know an IPv6 customer by the network', () => {
    expect(limitKey('2001:db8:1:2:3:4:5:6')).toBe(limitKey('2001:db8:1:2::1'));
    expect(limitKey('2001:db8:1:3::1')).not.toBe(limitKey('2001:db8:1:2::1'));
    expect(limitKey('1.2.3.4')).toBe('1.2.3.4');
    expect(plainAddress('::ffff:1.2.3.4')).toBe('1.2.3.4');
  });
});
