// Builds native/<platform>-<arch>.node, the painter's kernels, with the C compiler of this machine:
//   npm run build:native [-- --target linux-x64|linux-arm64|darwin-arm64|win32-x64] [--out FILE]
// What it makes is committed, so that nobody else needs a compiler. CC names another compiler. Those for other systems are
// made on Linux: on Debian, apt install --no-install-recommends gcc-mingw-w64-x86-64-posix gcc-aarch64-linux-gnu
// libc6-dev-arm64-cross, and zig for macOS (pip install ziglang has it).
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const folder = fileURLToPath(new URL('../native', import.meta.url));
const common = ['-O3', '-std=gnu11', '-Wall', '-Wextra', '-fvisibility=hidden'];
const avx512 = ['-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mfma'];

/** What is compiled: for each object the source and what it is compiled with besides. */
const objects = {
  avx2: ['painter.c', '-DWAY_AVX2=1', '-mavx2', '-mfma'],
  avx512: ['painter.c', '-DWAY_AVX512=1', ...avx512],
  steady: ['steady.c', '-mavx2'],
  threads: ['threads.c'],
  addon: ['addon.c'],
};
const onArm = {
  neon: ['painter.c', '-DWAY_NEON=1'],
  steady: ['steady.c'],
  threads: objects.threads,
  addon: objects.addon,
};
const amx = ['painter.c', '-DWAY_AMX=1', ...avx512, '-mavx512bf16', '-mamx-tile', '-mamx-bf16'];

/** How the addon is made for a system: by which compiler, of which objects, with what besides. */
const targets = {
  'linux-x64': {
    compiler: 'cc',
    objects: { ...objects, amx },
    compile: ['-fPIC'],
    link: ['-lm', '-pthread'],
  },
  'linux-arm64': {
    compiler: process.arch === 'arm64' ? 'cc' : 'aarch64-linux-gnu-gcc',
    objects: onArm,
    compile: ['-fPIC'],
    link: ['-lm', '-pthread'],
  },
  'darwin-arm64': {
    ...(process.platform === 'darwin'
      ? { compiler: 'cc', always: ['-arch', 'arm64', '-mmacosx-version-min=11.0'] }
      : { compiler: 'zig', always: ['cc', '-target', 'aarch64-macos.11.0'] }),
    objects: onArm,
    compile: ['-fPIC'],
    // Node's functions are found when it loads; without a name it would tell the folder that it was built in.
    link: ['-undefined', 'dynamic_lookup', '-install_name', '@rpath/livebrush.node'],
  },
  'win32-x64': {
    compiler: 'x86_64-w64-mingw32-gcc-posix',
    objects,
    // The stack is aligned to 16 bytes there, which GCC forgets of vectors that it puts on it (GCC bug 54412).
    compile: ['-Wa,-muse-unaligned-vector-move', '-fno-asynchronous-unwind-tables'],
    link: ['-static', '-lpthread', '-Wl,--no-insert-timestamp'],
  },
};
const here = `${process.platform}-${process.arch}`;

/** A library that says which functions `node.exe` has, as Windows wants it to link. */
function importsOfNode(headers, folder) {
  const library = join(folder, 'libnode.a');
  const def = join(folder, 'node.def');
  const names = ['js_native_api.def', 'node_api.def'].map((file) =>
    readFileSync(join(headers, 'def', file), 'utf8').replace(/^(NAME|EXPORTS).*$/gm, ''),
  );
  writeFileSync(def, `NAME node.exe\nEXPORTS\n${names.join('\n')}`);
  execFileSync('x86_64-w64-mingw32-dlltool', ['--input-def', def, '--output-lib', library]);
  return library;
}

/** Digest of the sources, which the addon tells as `sources`. */
export function sourcesDigest() {
  const hash = createHash('sha256');
  for (const name of readdirSync(folder)
    .filter((file) => /\.[ch]$/.test(file))
    .sort())
    hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest('hex').slice(0, 16);
}

/** Builds the addon for a system as `out`. */
export function buildNative(out, target = here) {
  const { objects, compile, link, compiler, always = [] } = targets[target];
  const made = out ?? join(folder, `${target}.node`);
  const headers = dirname(createRequire(import.meta.url).resolve('node-api-headers/package.json'));
  const temporary = mkdtempSync(join(tmpdir(), 'livebrush-native-'));
  const run = (...args) =>
    execFileSync(process.env.CC ?? compiler, [...always, ...args], {
      cwd: folder,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
  try {
    const linked = Object.entries(objects).map(([name, args]) => {
      const object = join(temporary, `${name}.o`);
      run(
        ...common,
        ...compile,
        `-I${join(headers, 'include')}`,
        `-DSOURCES="${sourcesDigest()}"`,
        '-c',
        ...args,
        '-o',
        object,
      );
      return object;
    });
    if (target.startsWith('win32')) linked.push(importsOfNode(headers, temporary));
    run('-shared', '-s', ...linked, ...link, '-o', made);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return made;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: { out: { type: 'string' }, target: { type: 'string', default: here } },
  });
  if (!Object.hasOwn(targets, values.target)) {
    console.error(`There is no target ${values.target}: there are ${Object.keys(targets).join(' and ')}.`);
    process.exit(2);
  }
  console.log(buildNative(values.out, values.target));
}
