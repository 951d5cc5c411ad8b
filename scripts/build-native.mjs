// Builds native/<platform>-<arch>.node, the painter's kernels, with the C compiler of this machine:
//   npm run build:native [-- --out FILE]
// What it makes is committed, so that nobody else needs a compiler. CC names another compiler.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const folder = fileURLToPath(new URL('../native', import.meta.url));
const compiler = process.env.CC ?? 'cc';
const common = ['-O3', '-std=gnu11', '-Wall', '-Wextra', '-fPIC', '-fvisibility=hidden'];
const avx512 = ['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mfma'];

/** What is compiled: for each object the source and what it is compiled with besides. */
const objects = {
  avx2: ['painter.c', '-DWAY_AVX2=1', '-mavx2', '-mfma'],
  avx512: ['painter.c', '-DWAY_AVX512=1', ...avx512],
  amx: ['painter.c', '-DWAY_AMX=1', ...avx512, '-mavx512bf16', '-mamx-tile', '-mamx-bf16'],
  steady: ['steady.c', '-mavx2'],
  threads: ['threads.c'],
  addon: ['addon.c'],
};

/** Digest of the sources, which the addon tells as `sources`. */
export function sourcesDigest() {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder)
    .filter((file) => /\.[ch]$/.test(file))
    .sort())
    hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest('hex').slice(0, 16);
}

/** Builds the addon as `out`. */
export function buildNative(out = join(folder, `${process.platform}-${process.arch}.node`)) {
  const headers = join(
    dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json')),
    'include',
  );
  const temporary = mkdtempSync(join(tmpdir(), 'livebrush-native-'));
  const run = (...args) =>
    execFileSync(compiler, args, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] });
  try {
    const made = Object.entries(objects).map(([name, args]) => {
      const object = join(temporary, `${name}.o`);
      run(...common, `-I${headers}`, `-DSOURCES="${sourcesDigest()}"`, '-c', ...args, '-o', object);
      return object;
    });
    run('-shared', '-s', ...made, '-lm', '-pthread', '-o', out);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return out;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { out: { type: 'string' } } });
  console.log(buildNative(values.out));
}
