/**
 * Makes the presets of a model: `models/<model>/<name>.safetensors`, what its MetaNet sees of paintings in the public
 * domain, a few hundred numbers each, and `<name>.webp`, our own demo picture painted with them. Also `docs/painted.webp`, the picture
 * of the README. The paintings themselves are read and never copied. The same model makes the same files again.
 * With `--tuned` presets that `tune-presets.mjs` has tuned hold their weights instead.
 *
 *   npm run build && node scripts/make-presets.mjs --model models/fast.safetensors --paintings DIR --tuned RUNS
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openEngine } from '../dist/models/engines/index.js';
import { featureNet, joinFeatures } from '../dist/models/features.js';
import { writeWhole } from '../dist/models/files.js';
import { styleInput } from '../dist/models/gallery.js';
import { openModel } from '../dist/models/models.js';
import { readPicture, writePicture } from '../dist/models/picture.js';
import { readStyle, writeFeatures, writeStyle } from '../dist/models/style.js';
import { demoPicture } from './demo-picture.mjs';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));
const { values: options } = parseArgs({
  options: {
    model: { type: 'string', default: 'fast' },
    paintings: { type: 'string' },
    /** Folder of what `tune-presets.mjs` made: `<name>/style.safetensors`. */
    tuned: { type: 'string' },
    list: { type: 'string', default: at('presets.json') },
    engine: { type: 'string', default: 'onnx/cpu' },
    /** Where the presets go; `models/<name of the model>` unless told otherwise. */
    out: { type: 'string' },
    /** Where the README's picture goes; left out, it stays as it is. */
    docs: { type: 'string' },
    /** Each pixel of the demo picture is the mean of this many points squared: 1 is quick and jagged. */
    samples: { type: 'string', default: '2' },
    /** The presets that the README's picture shows, beside the demo picture. */
    show: { type: 'string', default: 'wave,starry-night,scream,composition-vii,water-lilies' },
  },
});
if (!options.paintings)
  throw new Error('--paintings DIR is missing: the folder with the files of presets.json');

const samples = Number(options.samples);
const THUMBNAIL = { width: 256, height: 256 };
/** One tile of the README's picture. Sides are multiples of the net's stride, so nothing is padded. */
const TILE = { width: 480, height: 272 };
const COLUMNS = 3;
const GAP = 8;
/** Copyright has run out everywhere that counts life plus 70 years. */
const LATEST_DEATH = 1954;

/** The card of a preset. Dated by the model, so that a second run writes the same bytes. */
function cardOf({ name, title, artist, died, year }, model, made) {
  if (!(died <= LATEST_DEATH))
    throw new Error(`${name}: ${artist} died in ${died}, so it may not be free yet`);
  const provenance = `${made} a reproduction of the painting, which is in the public domain (its artist died by ${died}).`;
  return { name, title, artist, year, date: model.card.date, licence: model.card.licence, provenance };
}

/** What a tuned style holds; undefined when the preset was not tuned. */
async function tunedStyle({ name }, model) {
  const path = options.tuned && join(options.tuned, name, 'style.safetensors');
  return path && existsSync(path) ? readStyle(await readFile(path), model, path) : undefined;
}

async function bytesOf(preset, model, encoder) {
  const tuned = await tunedStyle(preset, model);
  if (tuned) {
    const steps = /tuned by (\d+ steps)/.exec(tuned.card.provenance)?.[1] ?? 'some steps';
    const made = `Weights of the model ${model.card.name}, tuned by ${steps} of training to`;
    return writeStyle(cardOf(preset, model, made), tuned.weights, model);
  }
  const { pixels } = await readPicture(join(options.paintings, preset.file));
  const features = joinFeatures(model.meta, await encoder.weights(await styleInput(pixels)));
  const made = `Features that the MetaNet of the model ${model.card.name} sees in`;
  return writeFeatures(cardOf(preset, model, made), features, model);
}

/** The style of a painting, written, and read back: what is painted is what the file says. */
async function makeStyle(preset, model, encoder, out) {
  const bytes = await bytesOf(preset, model, encoder);
  await writeWhole(join(out, `${preset.name}.safetensors`), bytes);
  return readStyle(bytes, model).weights;
}

/** Uses something and closes it, whatever happens. (`await using` wants Node 24 where nothing compiles it.) */
async function closing(opened, use) {
  const resource = await opened;
  try {
    return await use(resource);
  } finally {
    await resource[Symbol.asyncDispose]();
  }
}

const paintAll = (engine, model, picture, styles) =>
  closing(engine.painter(model.transform, model.base, picture), async (painter) => {
    const painted = new Map();
    for (const [name, weights] of styles) {
      const bound = await painter.bind(weights);
      painted.set(name, (await painter.paint([{ pixels: picture, style: bound }]))[0]);
      bound[Symbol.dispose]();
    }
    return painted;
  });

/** Pictures of one size put together row by row on white. */
function grid(pictures) {
  const { width, height } = pictures[0];
  const columns = Math.min(COLUMNS, pictures.length);
  const rows = Math.ceil(pictures.length / columns);
  const size = { width: columns * (width + GAP) - GAP, height: rows * (height + GAP) - GAP };
  const data = new Uint8Array(3 * size.width * size.height).fill(255);
  for (const [i, picture] of pictures.entries()) {
    const left = (i % columns) * (width + GAP);
    const top = Math.floor(i / columns) * (height + GAP);
    for (let row = 0; row < 3 * height; row++) {
      const [channel, y] = [Math.floor(row / height), row % height];
      const line = picture.data.subarray(row * width, (row + 1) * width);
      data.set(line, (channel * size.height + top + y) * size.width + left);
    }
  }
  return { data, ...size };
}

/** The README's picture: the demo picture, and the same in some styles. */
async function showSome(engine, model, styles) {
  const shown = new Map(options.show.split(',').map((name) => [name, styles.get(name)]));
  for (const [name, weights] of shown)
    if (!weights) throw new Error(`--show names ${name}, which is no preset`);
  const tile = demoPicture(TILE, samples);
  const painted = await paintAll(engine, model, tile, shown);
  const description = `The Livebrush demo picture, and the same painted in the style of ${[...shown.keys()].join(', ')}`;
  await writePicture(options.docs, grid([tile, ...painted.values()]), { quality: 88, description });
}

async function main(engine) {
  const presets = JSON.parse(await readFile(options.list, 'utf8'));
  const model = await openModel(options.model);
  const out = options.out ?? at(`../models/${model.card.name}`);
  await mkdir(out, { recursive: true });
  for (const file of await readdir(out)) if (/\.(safetensors|webp)$/.test(file)) await rm(join(out, file));

  const styles = new Map();
  await closing(engine.styler(featureNet(model.meta), model.metaWeights), async (encoder) => {
    for (const preset of presets) styles.set(preset.name, await makeStyle(preset, model, encoder, out));
  });

  for (const [name, picture] of await paintAll(engine, model, demoPicture(THUMBNAIL, samples), styles)) {
    const { title } = presets.find((preset) => preset.name === name);
    const description = `The Livebrush demo picture painted in the style of ${title}`;
    await writePicture(join(out, `${name}.webp`), picture, { quality: 85, description });
  }

  if (options.docs) await showSome(engine, model, styles);
  process.stdout.write(`${presets.length} presets of ${model.card.name} in ${out}\n`);
}

await closing(openEngine(options.engine), main);
