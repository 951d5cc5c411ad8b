/** The table of docs/architecture.md, "who may import whom", as a check over every import of src. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { root } from './setup.mjs';

const SHARED = ['config', 'log', 'errors', 'native', 'try-out', 'turns'];
const PIPELINE_MAY_USE = ['pixels', 'engine', 'style', 'weights'].map((name) => `models/${name}`);
/** What a client of the server shares with it: WebRTC, and the words of the API. */
const LOADTEST_MAY_USE = /^(models\/pixels|server\/(peer-(werift|dtls|sockets|settings)|protocol))$/;

const layers = {
  models: (to) => to.startsWith('models/'),
  pipeline: (to) => to.startsWith('pipeline/') || PIPELINE_MAY_USE.includes(to),
  server: (to) => /^(models|pipeline|server)\//.test(to),
  loadtest: (to) => /^(loadtest|pipeline)\//.test(to) || LOADTEST_MAY_USE.test(to),
  commands: () => true,
  main: () => true,
};

/** Each third party stands behind one door. */
const doors = {
  'node-av': /^pipeline\/(codec\/|(sources|sinks)\/(media|live))/,
  'fluent-ffmpeg': /^pipeline\/(sources|sinks)\/ffmpeg|^pipeline\/ffmpeg/,
  'onnxruntime-node': /^(models\/engines\/onnx|commands\/bench\/onnxruntime$)/,
  '@tensorflow/': /^models\/(engines\/tfjs|train\/)/,
  sharp: /^models\/(picture$|train\/)/,
  h5wasm: /^models\/import\/h5-tensors$/,
  pickleparser: /^models\/import\/pickle$/,
  fflate: /^models\/import\/torch$/,
  werift: /^(server\/peer|pipeline\/(sources|sinks)\/webrtc)/,
  hono: /^server\//,
  '@hono/': /^server\//,
  ws: /^server\//,
  'prom-client': /^server\/metrics/,
  yaml: /^config|^server\//,
  commander: /^(main$|commands\/)/,
};

const sources = () =>
  readdirSync(join(root, 'src'), { recursive: true })
    .map((file) => file.split(sep).join('/'))
    .filter((file) => file.endsWith('.ts'));

/** Everything a file imports, statically, dynamically or as a type. */
const importsOf = (text) =>
  [...text.matchAll(/(?:from|import)\s*\(?\s*['"]([^'"]+)['"]/g)].map((match) => match[1]);

function fault(file, from, specifier) {
  if (!specifier.startsWith('.')) {
    const [, door] = Object.entries(doors).find(([name]) => specifier.startsWith(name)) ?? [];
    return door && !door.test(from)
      ? `${file} imports ${specifier}, whose door is elsewhere (${door.source})`
      : undefined;
  }
  const to = relative(join(root, 'src'), resolve(root, 'src', dirname(file), specifier))
    .split(sep)
    .join('/')
    .replace(/\.js$/, '');
  if (to.startsWith('..')) return `${file} imports ${specifier}, which is outside src`;
  const layer = from.includes('/') ? from.split('/')[0] : from;
  if (SHARED.includes(layer))
    return SHARED.includes(to) ? undefined : `${file} imports ${to}, but imports nothing of ours`;
  if (SHARED.includes(to)) return undefined;
  const may = layers[layer];
  if (!may) return `${file} is in no known layer`;
  return may(to) ? undefined : `${file} imports ${to}, which ${layer} may not`;
}

/** The panel may import types of the protocol, and nothing else of src. */
function panelFaults() {
  const folder = join(root, 'web', 'src');
  return readdirSync(folder, { recursive: true })
    .filter((file) => /\.tsx?$/.test(file))
    .flatMap((file) =>
      readFileSync(join(folder, file), 'utf8')
        .split(';')
        .map((statement) => [statement, statement.match(/['"](?:\.\.\/)+src\/([^'"]+)['"]/)?.[1]])
        .filter(([statement, to]) => to && (to !== 'server/protocol.js' || !/import type\b/.test(statement)))
        .map(
          ([, to]) => `web/src/${file} imports ${to}; of src it may import types of server/protocol alone`,
        ),
    );
}

/** Every breach, one sentence each. */
export function checkLayers() {
  return [...panelFaults(), ...sourceFaults()];
}

function sourceFaults() {
  return sources().flatMap((file) => {
    const from = file.replace(/\.ts$/, '');
    const text = readFileSync(join(root, 'src', file), 'utf8');
    return importsOf(text).flatMap((specifier) => fault(file, from, specifier) ?? []);
  });
}
