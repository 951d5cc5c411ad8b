import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Unsupported } from '../../../src/errors.js';
import { argumentsOf } from '../../../src/pipeline/ffmpeg/command.js';
import { findFfmpeg } from '../../../src/pipeline/ffmpeg/tool.js';
import { openFfmpegSource } from '../../../src/pipeline/sources/ffmpeg.js';
import { clip, scratch } from '../../fixtures/clips.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('fluent-ffmpeg', () => {
  it('puts a command together without asking ffmpeg for anything, which would fail on ffmpeg 7 and newer', async () => {
    vi.stubEnv('PATH', '');
    vi.stubEnv('FFMPEG_PATH', '');
    const args = await argumentsOf((command) =>
      command
        .input('pipe:0')
        .inputOptions('-f', 'a format it cannot know', '-probesize', '32')
        .input('file:/a b/c,d.mp4')
        .inputOptions('-ss', '1 2')
        .outputOptions('-c:v', 'an encoder it cannot know', '-metadata', 'title=two words', '-f', 'nonsense')
        .output('file:/out put.mp4'),
    );
    expect(args).toEqual([
      ...['-f', 'a format it cannot know', '-probesize', '32', '-i', 'pipe:0'],
      ...['-ss', '1 2', '-i', 'file:/a b/c,d.mp4'],
      ...['-c:v', 'an encoder it cannot know', '-metadata', 'title=two words', '-f', 'nonsense'],
      'file:/out put.mp4',
    ]);
  });
});

describe('finding ffmpeg', () => {
  it('says what is missing and what to do', async () => {
    vi.stubEnv('PATH', scratch());
    vi.stubEnv('FFMPEG_PATH', '');
    vi.stubEnv('FFPROBE_PATH', '');
    await expect(findFfmpeg()).rejects.toMatchObject({
      name: 'Unsupported',
      message: expect.stringMatching(/no ffmpeg and ffprobe/),
      hint: expect.stringMatching(/ffmpeg 5\.1/),
    });
    await expect(openFfmpegSource(await clip())).rejects.toBeInstanceOf(Unsupported);
  });

  const posix = process.platform !== 'win32';
  const fake = async (name: string, script: string) => {
    const path = join(scratch(), name);
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
    vi.stubEnv('FFMPEG_PATH', path);
    vi.stubEnv('FFPROBE_PATH', path);
    return path;
  };

  for (const [version, fits] of [
    ['4.4.2-0ubuntu0.22.04.1', false],
    ['5.0.1', false],
    ['5.1.9-0+deb12u1', true],
    ['n7.1', true],
    ['8.0', true],
    ['10.2', true],
    ['N-118543-gdeadbeef-20260101', true],
    ['git-2026-01-01-abcdef', true],
  ] as const) {
    it.skipIf(!posix)(`${fits ? 'takes' : 'refuses'} version ${version} (skipped on Windows)`, async () => {
      await fake(`ffmpeg-${version}`, `echo "ffmpeg version ${version} Copyright (c) the FFmpeg developers"`);
      const found = findFfmpeg();
      if (fits) expect(await found).toMatchObject({ version });
      else await expect(found).rejects.toMatchObject({ name: 'Unsupported', message: /too old/ });
    });
  }

  it.skipIf(!posix)('refuses what is no ffmpeg (skipped on Windows)', async () => {
    await fake('no-ffmpeg', 'exit 3');
    await expect(findFfmpeg()).rejects.toMatchObject({ name: 'Unsupported', message: /does not run/ });
  });
});
