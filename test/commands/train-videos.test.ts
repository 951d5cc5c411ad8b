import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { photosOf } from '../../src/commands/train-videos.js';
import { BadInput, Interrupted } from '../../src/errors.js';
import { readPicture } from '../../src/models/picture.js';
import { framesAlive } from '../../src/pipeline/frame.js';
import { clip } from '../fixtures/clips.js';

const never = new AbortController().signal;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'videos-'));
  onTestFinished(() => rm(folder, { recursive: true }));
});

describe('what a training learns on', () => {
  it('is folders as they are, and pictures of videos, spread over them and taken once', async () => {
    const [video, out] = [await clip(), join(folder, 'out')];
    const found = await photosOf(['photos', video], out, never);
    expect(found).toEqual(['photos', join(out, 'frames', '2')]);
    const files = (await readdir(found[1]!)).sort();
    // Of the twelve pictures that there are.
    expect(files.length).toBeGreaterThanOrEqual(11);
    const [first, last] = [files[0]!, files.at(-1)!].map((file) => join(found[1]!, file)) as [string, string];
    const pictures = await Promise.all([first, last].map((path) => readPicture(path)));
    expect(pictures[0]!.pixels.data).not.toEqual(pictures[1]!.pixels.data);
    const { mtimeMs } = await stat(first);
    await photosOf(['photos', video], out, never);
    expect((await stat(first)).mtimeMs).toBe(mtimeMs);
    expect(framesAlive()).toBe(0);
  });

  it('is no file that holds no video, and nothing after a stop', async () => {
    const path = join(folder, 'notes.mp4');
    await writeFile(path, 'no video at all');
    await expect(photosOf([path], folder, never)).rejects.toThrow(BadInput);
    await expect(photosOf([await clip()], folder, AbortSignal.abort())).rejects.toThrow(Interrupted);
  });
});
