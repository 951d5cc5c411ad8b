import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const program = fileURLToPath(new URL('../../../bin/livebrush.cjs', import.meta.url));

it('leaves nothing of ONNX Runtime in the home folder, and lets it tell nobody', () => {
  const home = mkdtempSync(join(tmpdir(), 'livebrush-test-'));
  try {
    const { ORT_DISABLE_TELEMETRY: _, ...env } = process.env;
    const out = execFileSync(process.execPath, [program, 'doctor', '--json'], {
      env: { ...env, HOME: home, XDG_CACHE_HOME: join(home, 'cache'), XDG_DATA_HOME: join(home, 'data') },
    });
    expect(out.toString()).toContain('onnx/cpu');
    expect(readdirSync(home, { recursive: true }).filter((path) => /microsoft/i.test(`${path}`))).toEqual([]);
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
});
