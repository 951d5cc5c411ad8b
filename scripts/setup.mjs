/**
 * Makes a checkout ready to run: installs the locked packages and compiles, each only when something changed.
 * Uses nothing but Node itself, since on the first run nothing else is there.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
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

/** The files whose change makes a part of dist stale. */
const stampOf = (files) => hashOf(...files.flatMap((file) => [file.slice(root.length), readFileSync(file)]));

/** Runs a program of node_modules that builds something; stops with a sentence when it fails. */
function make(script, args, fresh, what) {
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules', ...script), ...args], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status === 0) return;
  rmSync(fresh, { recursive: true, force: true });
  stop(`${what} does not build; what was said about it stands above.`);
}

/** Puts a fresh folder in the place of a stale one. */
function swap(fresh, place, wanted) {
  writeFileSync(join(fresh, '.stamp'), wanted);
  try {
    rmSync(place, { recursive: true, force: true });
    renameSync(fresh, place);
  } catch (error) {
    // Another build of the same sources may have been faster.
    rmSync(fresh, { recursive: true, force: true });
    if (readOr(join(place, '.stamp')) !== wanted) throw error;
  }
}

/** Compiles src to dist when a source changed since the last time; a dist that works stays until its successor does. */
function compile() {
  const dist = join(root, 'dist');
  const wanted = stampOf([...filesBelow(join(root, 'src')), join(root, 'tsconfig.json')]);
  if (readOr(join(dist, '.stamp')) === wanted) return;
  say('compiling …');
  const fresh = join(root, `dist.${process.pid}`);
  make(['typescript', 'bin', 'tsc'], ['--project', root, '--outDir', fresh], fresh, 'The source');
  // The panel and the page of the API have sources of their own and stay as they are.
  for (const part of ['web', 'docs'])
    if (existsSync(join(dist, part))) cpSync(join(dist, part), join(fresh, part), { recursive: true });
  swap(fresh, dist, wanted);
}

/** Builds web to dist/web when a source of the panel changed since the last time. */
function buildPanel() {
  const place = join(root, 'dist', 'web');
  const wanted = stampOf([...filesBelow(join(root, 'web')), join(root, 'package-lock.json')]);
  if (readOr(join(place, '.stamp')) === wanted) return;
  say('building the panel …');
  const fresh = join(root, `dist.web.${process.pid}`);
  const args = ['build', 'web', '--outDir', fresh, '--emptyOutDir', '--logLevel', 'warn'];
  make(['vite', 'bin', 'vite.js'], args, fresh, 'The panel');
  swap(fresh, place, wanted);
}

/** Files of swagger-ui-dist that the page of the API needs. */
const SWAGGER = ['swagger-ui-bundle.js', 'swagger-ui.css', 'LICENSE', 'NOTICE'];

/** Puts the page of the API together in dist/docs, from scripts/docs and swagger-ui-dist. */
function buildDocs() {
  const place = join(root, 'dist', 'docs');
  const pages = filesBelow(join(root, 'scripts', 'docs'));
  const wanted = stampOf([...pages, join(root, 'node_modules', 'swagger-ui-dist', 'package.json')]);
  if (readOr(join(place, '.stamp')) === wanted) return;
  const fresh = join(root, `dist.docs.${process.pid}`);
  cpSync(join(root, 'scripts', 'docs'), fresh, { recursive: true });
  for (const file of SWAGGER) cpSync(join(root, 'node_modules', 'swagger-ui-dist', file), join(fresh, file));
  swap(fresh, place, wanted);
}

/** All of dist, each part only when its sources changed. */
export function build() {
  compile();
  buildPanel();
  buildDocs();
}

/** Everything that is needed to run, as `npm start` and `npm test` do first. */
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
