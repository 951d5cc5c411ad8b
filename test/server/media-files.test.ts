import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { NotFound } from '../../src/errors.js';
import { MediaFiles } from '../../src/server/media-files.js';
import { Uploads } from '../../src/server/uploads.js';
import { folder } from './app-doubles.js';

const root = folder();
const uploads = () => new Uploads(join(root, 'uploads'), { maxBytes: 1e6, totalBytes: 1e7 });

it('lets who runs the server name any file, and clients those of one folder', async () => {
  await mkdir(join(root, 'media'));
  await writeFile(join(root, 'media', 'inside.mp4'), 'x');
  await writeFile(join(root, 'outside.mp4'), 'x');
  const media = new MediaFiles(join(root, 'media'), uploads());
  const outside = join(root, 'outside.mp4');
  expect(await media.findTrusted(outside)).toMatchObject({ path: outside, name: 'outside.mp4' });
  expect(await media.findTrusted('inside.mp4')).toMatchObject({ name: 'inside.mp4', trusted: true });
  await expect(media.find(outside)).rejects.toThrow(NotFound);
  await expect(media.findTrusted('nowhere.mp4')).rejects.toMatchObject({
    message: 'There is no video "nowhere.mp4".',
    hint: expect.stringContaining('and below the media folder'),
  });
});
