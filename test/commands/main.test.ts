import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { livebrush, start, workshop } from './cli.js';

let folder: string;
beforeAll(async () => {
  ({ folder } = await workshop());
});

const version = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;

describe('livebrush', () => {
  it('prints its version', async () => {
    expect(await livebrush('--version')).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('prints its help with --help and with help', async () => {
    for (const args of [['--help'], ['help']]) {
      const { code, stdout } = await livebrush(...args);
      expect(code).toBe(0);
      for (const command of [
        'serve',
        'transcode',
        'image',
        'styles',
        'config',
        'bench',
        'doctor',
        'setup',
        'train',
      ])
        expect(stdout).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
      expect(stdout).toContain('Examples:');
    }
  });

  it('has help with examples for commands', async () => {
    for (const command of ['transcode', 'image']) {
      const { code, stdout } = await livebrush(command, '--help');
      expect(code).toBe(0);
      expect(stdout).toContain(`livebrush ${command} `);
      expect(stdout).toContain('Examples:');
    }
  });

  it('names every preset of a training', async () => {
    expect((await livebrush('train', 'style', '--help')).stdout).toMatch(
      /recipe to start from: house, or live/,
    );
  });

  it('loads no native library before a command needs it', async () => {
    const preload = join(folder, 'report.cjs');
    const text = `process.on('exit', () => process.stderr.write(process.report.getReport().sharedObjects.join('\\n')));`;
    writeFileSync(preload, text);
    const { stderr } = await start(['--help'], { env: { NODE_OPTIONS: `--require ${preload}` } }).ended;
    expect(stderr).not.toBe('');
    expect(stderr).not.toMatch(/onnxruntime|node-av|sharp|vips|tensorflow|dawn/);
  });

  it('says what was meant by an unknown command or option, and exits with 2', async () => {
    expect(await livebrush('transcod')).toMatchObject({
      code: 2,
      stdout: '',
      stderr: "livebrush: Unknown command 'transcod'.\n  Did you mean transcode?\n",
    });
    const { code, stderr } = await livebrush('image', 'a.png', '--out', 'b.png', '--stile', 'x');
    expect(code).toBe(2);
    expect(stderr).toContain("Unknown option '--stile'");
    expect(stderr).toContain('Did you mean --style?');
  });

  it.skipIf(process.platform === 'win32')('refuses names that are not in UTF-8', async () => {
    // No argument of a child process in Node holds such bytes, so a shell makes them.
    const script = 'exec "$0" "$1" image "$(printf "gr\\374n.png")" --out painted.png --style wave';
    const program = fileURLToPath(new URL('../../bin/livebrush.cjs', import.meta.url));
    const ended = spawnSync('sh', ['-c', script, process.execPath, program], { encoding: 'utf8' });
    expect(ended).toMatchObject({ status: 2, stdout: '' });
    expect(ended.stderr).toContain('livebrush: gr\ufffdn.png is not in UTF-8.');
  });

  it('says what is wrong with a command of commands, and with help for a command that there is not', async () => {
    for (const [args, message] of [
      [['train'], 'A command is missing.'],
      [['config'], 'A command is missing.'],
      [['help', 'transcod'], "Unknown command 'transcod'.\n  Did you mean transcode?"],
      [['train', 'help', 'nosuch'], "Unknown command 'nosuch'."],
    ] as const) {
      const { code, stdout, stderr } = await livebrush(...args);
      expect([args, code, stdout]).toEqual([args, 2, '']);
      expect(stderr).toContain(`livebrush: ${message}`);
      expect(stderr).not.toContain('outputHelp');
    }
    for (const args of [
      ['help', 'transcode'],
      ['train', 'help', 'meta'],
      ['train', 'help'],
    ])
      expect(await livebrush(...args)).toMatchObject({ code: 0, stderr: '' });
  });

  it('exits with 2 for missing and for wrong arguments', async () => {
    for (const args of [
      ['transcode'],
      ['transcode', 'a.mp4', 'b.mp4', '--strength', '2'],
      ['transcode', 'a.mp4', 'b.mp4', '--size', 'large'],
      ['transcode', 'a.mp4', 'b.mp4', '--codec', 'mpeg1'],
      ['transcode', 'a.mp4', 'b.mp4', '--from', '-3'],
      ['image', 'a.png', '--style', 'x'],
    ]) {
      const { code, stderr } = await livebrush(...args);
      expect([args, code]).toEqual([args, 2]);
      expect(stderr).toMatch(/^livebrush: .+\n/);
    }
  });

  it('tells failures in one sentence without a stack, and the stack with --verbose', async () => {
    const missing = join(folder, 'missing.mp4');
    const args = ['transcode', missing, join(folder, 'out.mp4'), '--style', 'wave'];
    const plain = await livebrush(...args);
    expect(plain).toMatchObject({ code: 1, stdout: '' });
    expect(plain.stderr.split('\n')[0]).toMatch(/^livebrush: .*missing\.mp4.*\.$/);
    expect(plain.stderr).not.toContain('    at ');
    const verbose = await livebrush(...args, '--verbose');
    expect(verbose.code).toBe(1);
    expect(verbose.stderr).toContain('    at ');
  });

  it('ends with one JSON object that holds the error when --json is given', async () => {
    const args = [join(folder, 'missing.mp4'), join(folder, 'out.mp4'), '--style', 'wave', '--json'];
    const failed = await livebrush('transcode', ...args);
    expect(failed.code).toBe(1);
    expect(failed.json()).toMatchObject({ error: { name: 'NotFound', message: expect.any(String) } });
    const misused = await livebrush('transcode', '--json');
    expect(misused.code).toBe(2);
    expect(misused.json()).toMatchObject({ error: { name: 'Usage' } });
  });

  it.skipIf(process.platform === 'win32')(
    'ends at the second interrupt, even when a thread of a native library hangs',
    async () => {
      const pipe = join(folder, 'nobody-writes');
      execFileSync('mkfifo', [pipe]);
      const preload = join(folder, 'hang.cjs');
      writeFileSync(preload, `require('node:fs').open(${JSON.stringify(pipe)}, 'r', () => {});`);
      const env = { NODE_OPTIONS: `--require ${preload}` };
      const { process: child, ended } = start(['--version'], { env });
      let over = false;
      void ended.then(() => {
        over = true;
      });
      await once(child.stdout!, 'data');
      // One that comes too soon after another, as two may on a busy machine, is taken for the same.
      for (let i = 0; i < 20 && !over; i++) {
        await sleep(700);
        child.kill('SIGTERM');
      }
      // A shell would see 130. Without this it would hang for good.
      child.kill('SIGKILL');
      expect(await ended).toMatchObject({ code: null, signal: 'SIGINT' });
    },
  );

  it('does not mind a reader that goes away', async () => {
    const { process: child, ended } = start(['transcode', '--help']);
    child.stdout!.destroy();
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  });
});
