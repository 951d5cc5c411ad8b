/**
 * Makes a checkout ready to run: installs the locked packages and compiles, each only when something changed.
 * Uses nothing but Node itself, since on the first run nothing else is there.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const LEAST_NODE = [20, 19];

const say = (line) => process.stderr.write(`livebrush setup: ${line}\n`);

function stop(sentence) {
  say(sentence);
  process.exit(1);
}

const hashOf = (...parts) =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest('hex');

const readOr = (file, otherwise = '') => (existsSync(file) ? readFileSync(file, 'utf8') : otherwise);

function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1]))
    stop(`Node ${process.versions.node} is too old: Livebrush needs ${LEAST_NODE.join('.')} or newer.`);
}

/** Runs npm itself: the one that started us, or the one on the PATH. */
function npm(...args) {
  const own = process.env.npm_execpath;
  const options = { cwd: root, stdio: ['ignore', 2, 2], env: { ...process.env, NODE_ENV: '' } };
  return own?.endsWith('.js')
    ? spawnSync(process.execPath, [own, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
}

/** Installs the packages of package-lock.json, without running any of their scripts. */
export function install() {
  const stamp = join(root, 'node_modules', '.livebrush-setup');
  const lock = readFileSync(join(root, 'package-lock.json'));
  const wanted = hashOf(lock, process.platform, process.arch);
  if (readOr(stamp) === wanted) return;
  say('installing the packages of package-lock.json (about 1.1 GB on disk, once) …');
  const { status, error } = npm('ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund');
  if (status !== 0)
    stop(
      `npm could not install the packages${error ? ` (${error.message})` : ''}; what it said stands above.`,
    );
  writeFileSync(stamp, wanted);
}

/** Compiles src to dist when a source changed since the last time; a dist that works stays until its successor does. */
export function build() {
  const dist = join(root, 'dist');
  const sources = [...filesBelow(join(root, 'src')), join(root, 'tsconfig.json')];
  const wanted = hashOf(...sources.flatMap((file) => [file.slice(root.length), readFileSync(file)]));
  if (readOr(join(dist, '.stamp')) === wanted) return;
  say('compiling …');
  const fresh = join(root, `dist.${process.pid}`);
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const options = ['--project', root, '--outDir', fresh];
  const { status } = spawnSync(process.execPath, [compiler, ...options], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    stop('the sources do not compile; what the compiler said stands above.');
  }
  writeFileSync(join(fresh, '.stamp'), wanted);
  try {
    rmSync(dist, { recursive: true, force: true });
    renameSync(fresh, dist);
  } catch (error) {
    // Another build of the same sources may have been faster.
    rmSync(fresh, { recursive: true, force: true });
    if (readOr(join(dist, '.stamp')) !== wanted) throw error;
  }
}

/** Both, as `npm start` and `npm test` do first. */
export function setup() {
  checkNode();
  install();
  build();
}

/** Runs a program of node_modules with this Node and waits for it; resolves to its exit code. */
export function runBin(script, args, options = {}) {
  const { status, signal } = spawnSync(process.execPath, [join(root, 'node_modules', script), ...args], {
    cwd: root,
    stdio: 'inherit',
    ...options,
  });
  return status ?? (signal ? 1 : 0);
}
