import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { capture } from '../../../src/pipeline/ffmpeg/capture.js';
import { IsolatedProcess } from '../../../src/pipeline/ffmpeg/process.js';
import { clip, scratch } from '../../fixtures/clips.js';
import { hasFfmpeg } from '../../fixtures/ffmpeg.js';
import { childrenOf, eventually, hasProc, isAlive } from '../../fixtures/processes.js';

const posix = process.platform !== 'win32';
const shell = (script: string) => ['-c', script] as const;

/** The first line that a process writes. */
async function firstLine(child: IsolatedProcess): Promise<string> {
  for await (const line of createInterface(child.stdout)) return line;
  return '';
}

describe.skipIf(!posix)('an isolated process (skipped on Windows)', () => {
  it('stands in an empty folder that goes with it', async () => {
    const { text, ended } = await capture('/bin/sh', shell('pwd; ls -A | wc -l; touch left-behind'));
    const [folder, count] = text.trim().split('\n');
    expect(ended.code).toBe(0);
    expect(Number(count)).toBe(0);
    expect(folder).toMatch(/livebrush-/);
    expect(existsSync(folder!)).toBe(false);
  });

  it('does not see our secrets, nor FFREPORT, which would write files', async () => {
    process.env.LIVEBRUSH_TEST_TOKEN = 'secret';
    process.env.FFREPORT = 'file=report.log';
    try {
      const { text } = await capture('/bin/sh', shell('env'));
      expect(text).toContain('PATH=');
      expect(text).not.toMatch(/secret|FFREPORT/);
    } finally {
      delete process.env.LIVEBRUSH_TEST_TOKEN;
      delete process.env.FFREPORT;
    }
  });

  it('may write no files when it is confined', async () => {
    const { text } = await capture('/bin/sh', shell('(echo x > file) 2>/dev/null; wc -c < file; ulimit -c'));
    expect(text.trim().split(/\s+/)).toEqual(['0', '0']);
  });

  it('takes its arguments as they are', async () => {
    const odd = ['a b', '$(echo no)', '`no`', ';no', "'", '"', '*', ''];
    const { text } = await capture('/bin/sh', ['-c', 'for a; do echo "[$a]"; done', 'sh', ...odd]);
    expect(text.trimEnd().split('\n')).toEqual(odd.map((text) => `[${text}]`));
  });

  it('that cannot be started says so when it ends', async () => {
    await using child = await IsolatedProcess.start(join(scratch(), 'no-such-program'), []);
    const { failure, code } = await child.ended;
    expect(failure).toMatchObject({ code: 'ENOENT' });
    expect(code).toBeUndefined();
  });

  it('is ended when its time is over', async () => {
    const { ended } = await capture('/bin/sh', shell('sleep 1000'), { limitMs: 100 });
    expect(ended).toMatchObject({ overtime: true, code: undefined });
  });

  it('is ended by a signal, also one that has aborted before', async () => {
    const { ended } = await capture('/bin/sh', shell('sleep 1000'), { signal: AbortSignal.abort() });
    expect(ended.code).not.toBe(0);
  });

  it('cannot flood us with answers', async () => {
    const { text } = await capture('/bin/sh', shell('yes'));
    expect(text.length).toBeLessThan(20 << 20);
  });

  it('keeps a few first and last lines of what it complains of', async () => {
    const { ended } = await capture(
      '/bin/sh',
      shell('seq 1 5000 >&2; head -c 100000 /dev/zero | tr "\\\\0" x >&2'),
    );
    const { lines } = ended.errors;
    expect(lines.length).toBeLessThan(50);
    expect(lines[0]).toBe('1');
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(1000);
  });

  it.skipIf(!hasProc)('takes what it started along when it is disposed (skipped without /proc)', async () => {
    // Deaf to SIGTERM: it has to be killed.
    const child = await IsolatedProcess.start(
      '/bin/sh',
      shell('trap "" TERM; sleep 1000 & echo $!; wait; wait'),
    );
    const grandchild = Number(await firstLine(child));
    expect(isAlive(grandchild)).toBe(true);
    await child[Symbol.asyncDispose]();
    expect(await eventually(() => !isAlive(child.pid!) && !isAlive(grandchild))).toBe(true);
  });
});

const endings = {
  'is killed': 'process.kill(process.pid, "SIGKILL")',
  exits: 'process.exit(0)',
} as const;

describe.skipIf(!hasFfmpeg || !hasProc)('ffmpeg (skipped where there is none, or no /proc)', () => {
  const from = (file: string) => JSON.stringify(pathToFileURL(join(process.cwd(), 'dist', file)).href);
  for (const [ending, statement] of Object.entries(endings)) {
    it(`does not outlive a reader that ${ending}`, async () => {
      const size = { width: 320, height: 180 };
      const path = await clip({ ...size, pts: Array.from({ length: 60 }, (_, i) => i * 512) });
      const script = join(scratch(), `reader-${ending.replace(' ', '-')}.mjs`);
      await writeFile(
        script,
        `import { openFfmpegSource } from ${from('pipeline/sources/ffmpeg.js')};
         const source = await openFfmpegSource(${JSON.stringify(path)});
         for await (const frame of source.frames(new AbortController().signal)) {
           console.log('reading');
           process.stdin.once('data', () => ${statement});
           await new Promise(() => {});
         }`,
      );
      // A killed program cannot clear its temporary folders away: they go with ours.
      const env = { ...process.env, TMPDIR: scratch() };
      const reader = spawn(process.execPath, [script], { env, stdio: ['pipe', 'pipe', 'inherit'] });
      for await (const line of createInterface(reader.stdout)) if (line === 'reading') break;
      const children = childrenOf(reader.pid!);
      expect(children).toHaveLength(1);
      reader.stdin.write('\n');
      expect(await eventually(() => !children.some(isAlive))).toBe(true);
    });
  }
});
