import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chaptersWithin } from '../../../src/pipeline/chapters/chapter.js';
import { MARKER, roomForChapters, writeChapters } from '../../../src/pipeline/chapters/write.js';
import { clip, probe } from '../../fixtures/clips.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'livebrush-chapters-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const chapters = [
  { start: 0, end: 200_000, title: 'Eins' },
  { start: 200_000, end: 480_000, title: 'é絵'.repeat(100) },
];

describe('chapters', () => {
  for (const [extension, encoder] of [
    ['mp4', 'libx264'],
    ['mov', 'libx264'],
    ['mkv', 'libx264'],
    ['webm', 'libvpx-vp9'],
  ] as const) {
    it(`take the place of a tag in .${extension}, among other tags, and every packet stays`, async () => {
      const tags = { title: 'T', genre: 'G', comment: 'C' };
      const given = {
        extension,
        encoder,
        // Threads that race may code the same pictures otherwise.
        encoderOptions: { threads: '1' },
        tags,
        audio: [extension === 'webm' ? 'libopus' : 'aac'],
      };
      const plain = await probe(await clip(given));
      const found = await probe(await clip({ ...given, chapters }));
      expect(found.chapters.map(({ start }) => start)).toEqual([0, 200_000]);
      expect(found.chapters[0]!.title).toBe('Eins');
      expect(chapters[1]!.title.startsWith(found.chapters[1]!.title)).toBe(true);
      expect(found.chapters[1]!.title.length).toBeGreaterThan(90);
      expect(JSON.stringify(found)).not.toContain(MARKER);
      expect(found.tags).toMatchObject(
        Object.fromEntries(Object.entries(plain.tags).filter(([key]) => key !== 'minor_version')),
      );
      expect(found.streams.map(({ packets }) => packets.map(({ hash }) => hash))).toEqual(
        plain.streams.map(({ packets }) => packets.map(({ hash }) => hash)),
      );
    });
  }

  it('need a container that knows them, and a tag that is free', () => {
    expect(roomForChapters('mpegts', chapters, {})).toBeUndefined();
    expect(roomForChapters('mp4', [], {})).toBeUndefined();
    expect(Object.keys(roomForChapters('mp4', chapters, { Keywords: 'x' })!)).toEqual(['network']);
    expect(roomForChapters('mp4', chapters, { keywords: '', network: '', grouping: '' })).toBeUndefined();
  });

  it('are not written into a file without room, which stays as it is', async () => {
    for (const [extension, format] of [
      ['mp4', 'mp4'],
      ['mkv', 'matroska'],
    ] as const) {
      const path = join(folder, `no-room.${extension}`);
      const bytes = await readFile(await clip({ extension, tags: { title: 'T' } }));
      await writeFile(path, bytes);
      expect(await writeChapters(path, format, chapters)).toBe(false);
      expect((await readFile(path)).equals(bytes)).toBe(true);
    }
  });

  it('meet damaged files without a crash or a hang', async () => {
    const whole = {
      mp4: await readFile(
        await clip({ extension: 'mp4', chapters: [], tags: { keywords: MARKER.padEnd(300, '.') } }),
      ),
      matroska: await readFile(await clip({ extension: 'mkv', tags: { keywords: MARKER.padEnd(300, '.') } })),
    };
    const path = join(folder, 'damaged');
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('mp4' as const, 'matroska' as const),
        fc.array(fc.tuple(fc.nat({ max: 1400 }), fc.nat({ max: 255 })), { maxLength: 8 }),
        fc.nat({ max: 4000 }),
        async (format, flips, length) => {
          const bytes = Buffer.from(whole[format].subarray(0, Math.max(64, length)));
          for (const [at, value] of flips) if (at < bytes.length) bytes[at] = value;
          await writeFile(path, bytes);
          expect(typeof (await writeChapters(path, format, chapters))).toBe('boolean');
          expect((await readFile(path)).length).toBe(bytes.length);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('of a part move to its clock; those outside are gone', () => {
    expect(chaptersWithin(chapters, 100_000, 300_000)).toEqual([
      { start: 0, end: 100_000, title: 'Eins' },
      { start: 100_000, end: 200_000, title: chapters[1]!.title },
    ]);
    expect(chaptersWithin(chapters, 250_000, Number.POSITIVE_INFINITY)).toHaveLength(1);
    expect(chaptersWithin(chapters, 0, 100_000)).toHaveLength(1);
  });
});
