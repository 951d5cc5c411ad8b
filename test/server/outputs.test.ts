import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CannotWrite, NotFound } from '../../src/errors.js';
import { framesAlive } from '../../src/pipeline/frame.js';
import { OWNER } from '../../src/pipeline/sinks/owner.js';
import type { Session } from '../../src/server/session.js';
import { Sessions } from '../../src/server/sessions.js';
import { parts, until } from './doubles.js';

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'livebrush-outputs-'));
});
afterEach(async () => {
  expect(framesAlive()).toBe(0);
  await rm(folder, { recursive: true, force: true });
});

/** Streams whose recordings and HLS lie in the folder of the test. */
async function opened(recordings = join(folder, 'recordings')) {
  const made = parts({ folders: { recordings, hls: join(folder, 'hls') } });
  await made.ready();
  return new Sessions(made.parts, { streams: 4, viewers: 4 });
}

/** A stream that is fed with pictures. */
async function fed(sessions: Sessions, name = 'stage'): Promise<Session> {
  const session = sessions.open(name);
  await session.setInput({ kind: 'demo' });
  return session;
}

const hls = { kind: 'hls' } as const;
const record = { kind: 'record', what: 'painted', container: 'mkv' } as const;
const runs = (session: Session, id: string) =>
  until(() => session.info().outputs.some((one) => one.id === id && one.state === 'running'), 'the output');

describe('HLS', () => {
  it('is one output, however many ask for it at once', async () => {
    await using sessions = await opened();
    const session = await fed(sessions);
    const [one, two] = await Promise.all([session.addOutput(hls), session.addOutput(hls)]);
    expect(two.id).toBe(one.id);
    expect(session.info().outputs).toHaveLength(1);
    await runs(session, one.id);
    expect((await session.addOutput(hls)).id).toBe(one.id);
    expect((await stat(session.hls!)).isDirectory()).toBe(true);
  });

  it('that is asked for while it stops is a new output, which stays', async () => {
    await using sessions = await opened();
    const session = await fed(sessions);
    const old = await session.addOutput(hls);
    await runs(session, old.id);
    const before = session.hls;
    const stopped = session.removeOutput(old.id);
    expect(session.hls).toBeUndefined();
    const fresh = await session.addOutput(hls);
    expect(fresh.id).not.toBe(old.id);
    await stopped;
    await runs(session, fresh.id);
    expect(session.info().outputs).toMatchObject([{ id: fresh.id, kind: 'hls', state: 'running' }]);
    expect(session.hls).not.toBe(before);
    expect(await readdir(join(folder, 'hls'))).toHaveLength(1);
  });

  it('of a stream that is ended and begun again at once is its own', async () => {
    await using sessions = await opened();
    const old = await fed(sessions);
    await runs(old, (await old.addOutput(hls)).id);
    const closed = sessions.close('stage');
    const session = await fed(sessions);
    const { id } = await session.addOutput(hls);
    await runs(session, id);
    await closed;
    expect(session.info().outputs).toMatchObject([{ id, state: 'running' }]);
    expect((await stat(session.hls!)).isDirectory()).toBe(true);
    await expect(old.addOutput(hls)).rejects.toThrow(NotFound);
  });

  it('leaves nothing when it ends', async () => {
    await using sessions = await opened();
    const session = await fed(sessions);
    const { id } = await session.addOutput(hls);
    await runs(session, id);
    await session.removeOutput(id);
    expect(session.hls).toBeUndefined();
    expect(await readdir(join(folder, 'hls'))).toEqual([]);
  });
});

describe('recording', () => {
  it('has a cue list from its first picture on, and its name at the end', async () => {
    await using sessions = await opened();
    const session = await fed(sessions);
    const { id } = await session.addOutput(record);
    const cues = join(folder, 'recordings', `${id}.cues.json`);
    await until(() => stat(cues).catch(() => undefined), 'a cue list');
    expect(JSON.parse(await readFile(cues, 'utf8'))).toMatchObject([
      { at: 0, style: [{ style: 'p10', weight: 1 }] },
    ]);
    const growing = (await readdir(join(folder, 'recordings'))).filter((name) => name.includes('.part-'));
    expect(growing).toEqual([expect.stringContaining(`.${id}.part-${OWNER}`)]);
    await session.change({ style: 'p60', fadeMs: 0 });
    await until(() => session.look.mix[0]?.style === 'p60', 'a change');
    await session.removeOutput(id);
    expect((await readdir(join(folder, 'recordings'))).sort()).toEqual([`${id}.cues.json`, `${id}.mkv`]);
    expect(JSON.parse(await readFile(cues, 'utf8'))).toHaveLength(2);
  });

  it('is one, however many ask for the same at once; the source is another', async () => {
    await using sessions = await opened();
    const session = await fed(sessions);
    const [one, two] = await Promise.all([session.addOutput(record), session.addOutput(record)]);
    expect(two.id).toBe(one.id);
    await runs(session, one.id);
    expect((await session.addOutput(record)).id).toBe(one.id);
    const others = [
      await session.addOutput({ ...record, what: 'source' }),
      await session.addOutput({ ...record, container: 'mp4' }),
    ];
    expect(session.info().outputs.map(({ id }) => id)).toEqual([one.id, ...others.map(({ id }) => id)]);
  });

  it('that is asked for while one stops is a new one', async () => {
    await using sessions = await opened();
    const session = await fed(sessions);
    const old = await session.addOutput(record);
    await runs(session, old.id);
    const stopped = session.removeOutput(old.id);
    const fresh = await session.addOutput(record);
    expect(fresh.id).not.toBe(old.id);
    await stopped;
    await runs(session, fresh.id);
  });

  it('says that its folder cannot be made, and not where that is', async () => {
    await writeFile(join(folder, 'file'), '');
    for (const place of ['file', 'file/recordings']) {
      await using sessions = await opened(join(folder, place));
      const refused = (await fed(sessions)).addOutput(record);
      await expect(refused).rejects.toThrow(CannotWrite);
      await expect(refused).rejects.toThrow(/^The folder of recordings cannot be made\.$/);
    }
  });

  it('that fails says why without paths of this machine', async () => {
    await using sessions = await opened();
    const session = await fed(sessions);
    const adding = session.addOutput(record);
    const { id } = await adding;
    // Files may come while it goes.
    await rm(join(folder, 'recordings'), { recursive: true, maxRetries: 20 });
    await until(() => session.info().outputs[0]?.state === 'failed', 'a failure');
    const { problem } = session.info().outputs[0]!;
    expect(problem).toContain(`${id}.mkv cannot be written: `);
    expect(problem).not.toContain(folder);
  });
});
