import { createSocket } from 'node:dgram';
import { Bundle, Client } from 'node-osc';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BadInput, CannotWrite, Usage } from '../../src/errors.js';
import { addresses, openOsc, readOsc } from '../../src/server/osc.js';
import { Sessions } from '../../src/server/sessions.js';
import { parts, until } from './doubles.js';
import { bundled, double, float, long, packed } from './osc-doubles.js';

describe('OSC messages', () => {
  it('become changes of a stream', () => {
    const read = (...message: unknown[]) => readOsc(message);
    expect(read('/livebrush/live/style', 'wave', 500)).toEqual({
      stream: 'live',
      change: { style: 'wave', fadeMs: 500 },
    });
    expect(read('/livebrush/live/mix', 'wave', 0.25, 'scream', 0.75, 'none', 0).change.style).toEqual([
      { style: 'wave', weight: 0.25 },
      { style: 'scream', weight: 0.75 },
    ]);
    expect(read('/livebrush/a/cycle', 1, 'wave', 'scream').change.cycle).toEqual({
      everyFrames: 1,
      styles: ['wave', 'scream'],
    });
    expect(read('/livebrush/a/strength', 0.5).change.strength).toBe(0.5);
    expect(read('/livebrush/a/color', 1).change.keepColor).toBe(1);
    expect(read('/livebrush/a/steady', 0.2).change.steady).toBe(0.2);
    expect(read('/livebrush/a/show', 'blackout').change.show).toBe('blackout');
  });

  it('say what is wrong with them', () => {
    for (const address of ['/', '/livebrush', '/livebrush/live/nothing', '/other/live/style', 7, undefined])
      expect(() => readOsc([address, 1])).toThrow(Usage);
    for (const { name } of addresses) {
      expect(() => readOsc([`/livebrush/live/${name}`])).toThrow(BadInput);
      expect(() => readOsc([`/livebrush/live/${name}`, { nonsense: true }, -1])).toThrow(BadInput);
    }
  });
});

describe('the OSC port', () => {
  let sessions: Sessions;
  beforeEach(async () => {
    const made = parts();
    await made.ready();
    sessions = new Sessions(made.parts, { streams: 2, viewers: 2 });
  });
  afterEach(() => sessions[Symbol.asyncDispose]());

  it('plays a stream by messages and bundles, and survives garbage', async () => {
    const session = sessions.open('live');
    await using osc = await openOsc({ host: '127.0.0.1', port: 0 }, sessions);
    const garbage = createSocket('udp4');
    for (let i = 0; i < 50; i++) {
      const bytes = Uint8Array.from({ length: 1 + i }, (_, j) => (i * 31 + j * 17) % 256);
      await new Promise<void>((resolve) => garbage.send(bytes, osc.port, '127.0.0.1', () => resolve()));
    }
    garbage.close();
    const client = new Client('127.0.0.1', osc.port);
    await client.send(['/livebrush/live/style', 'p40']);
    await client.send(['/livebrush/nobody/style', 'p40']);
    await client.send(new Bundle(['/livebrush/live/strength', 0.25]));
    await until(() => session.look.strength === 0.25 && session.look.mix[0]?.style === 'p40', 'the change');
    await client.close();
  });

  it('takes doubles, long numbers and bundles in bundles, as some senders write them', async () => {
    const session = sessions.open('live');
    await using osc = await openOsc({ host: '127.0.0.1', port: 0 }, sessions);
    const socket = createSocket('udp4');
    const send = (packet: Buffer) =>
      new Promise<void>((resolve) => socket.send(packet, osc.port, '127.0.0.1', () => resolve()));
    await send(packed('/livebrush/live/color', 'd', double(0.75)));
    await send(packed('/livebrush/live/steady', 'h', long(1)));
    await send(bundled(bundled(packed('/livebrush/live/strength', 'f', float(0.25)))));
    const wanted = { keepColor: 0.75, steady: 1, strength: 0.25 };
    await until(
      () => Object.entries(wanted).every(([name, value]) => session.look[name as 'steady'] === value),
      'it',
    );
    socket.close();
  });

  it('says when its port is taken', async () => {
    await using first = await openOsc({ host: '127.0.0.1', port: 0 }, sessions);
    await expect(openOsc({ host: '127.0.0.1', port: first.port }, sessions)).rejects.toThrow(CannotWrite);
  });
});
