/**
 * `npm run bench -- apart`: how far the paintings of each engine are from those of ONNX Runtime, in steps of 255, for
 * every preset of a model, on photos or on a drawn picture.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { drawing } from '../../dist/commands/bench/picture.js';
import { openEngine } from '../../dist/models/engines/index.js';
import { openModel } from '../../dist/models/models.js';
import { coverCrop, readPicture } from '../../dist/models/picture.js';
import { listPresets } from '../../dist/models/presets.js';
import { readStyleFile } from '../../dist/models/style.js';
import { machine, table, tell } from './figures.mjs';

const HELP =
  'npm run bench -- apart [--engines native/bf16,native/cpu] [--model fast] [--photos DIR] [--pictures 5] [--json]';
const REFERENCE = 'onnx/cpu';
const SIZE = { width: 640, height: 360 };

/** Pictures of a folder, evenly chosen, or drawn ones. */
async function picturesOf(folder, count) {
  if (!folder) return Array.from({ length: count }, (_, seed) => drawing(SIZE, seed));
  const names = readdirSync(folder)
    .filter((name) => /\.(jpe?g|png|webp)$/i.test(name))
    .sort();
  const chosen = names
    .filter((_, i) => i % Math.max(1, Math.floor(names.length / count)) === 0)
    .slice(0, count);
  return Promise.all(
    chosen.map(async (name) => {
      const picture = await readPicture(join(folder, name));
      return coverCrop(picture.pixels ?? picture, SIZE);
    }),
  );
}

/** One engine's paintings of all presets. */
async function paintAll(name, model, presets, pictures) {
  const engine = await openEngine(name);
  try {
    const painter = await engine.painter(model.transform, model.base, SIZE);
    const paintings = [];
    for (const { path } of presets) {
      const style = await painter.bind((await readStyleFile(path, model)).weights);
      for (const pixels of pictures) paintings.push((await painter.paint([{ pixels, style }]))[0].data);
      style[Symbol.dispose]();
    }
    return paintings;
  } finally {
    await engine[Symbol.asyncDispose]();
  }
}

/** Mean over each preset's pictures, and the largest of all. */
function compare(expected, actual, each) {
  let largest = 0;
  const means = [];
  for (let at = 0; at < expected.length; at += each) {
    let [sum, count] = [0, 0];
    for (let k = at; k < at + each; k++)
      for (let i = 0; i < expected[k].length; i++, count++) {
        const gap = Math.abs(expected[k][i] - actual[k][i]);
        sum += gap;
        if (gap > largest) largest = gap;
      }
    means.push(sum / count);
  }
  means.sort((a, b) => a - b);
  const mean = means.reduce((a, b) => a + b, 0) / means.length;
  return { mean, least: means[0], most: means.at(-1), largest };
}

export async function measure(args) {
  const { values: options } = parseArgs({
    args,
    options: {
      engines: { type: 'string', default: 'native/bf16,native/cpu' },
      model: { type: 'string' },
      photos: { type: 'string' },
      pictures: { type: 'string', default: '5' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const count = Number(options.pictures);
  if (!(count >= 1)) {
    console.error(`That cannot be measured: ${HELP}`);
    return 2;
  }
  const about = machine();
  const model = await openModel(options.model);
  const presets = (await listPresets()).filter(({ card }) => card.modelId === model.id);
  const pictures = await picturesOf(options.photos, count);
  const expected = await paintAll(REFERENCE, model, presets, pictures);
  const results = [];
  for (const engine of options.engines.split(','))
    results.push({
      engine,
      ...compare(expected, await paintAll(engine, model, presets, pictures), pictures.length),
    });
  const head = ['engine', 'mean', 'least of a preset', 'most of a preset', 'largest of a byte'];
  const rows = results.map(({ engine, mean, least, most, largest }) => [
    engine,
    ...[mean, least, most].map((value) => value.toFixed(4)),
    largest,
  ]);
  const measured = { model: model.card.name, presets: presets.length, pictures: pictures.length };
  tell({ machine: about, ...measured, results }, { json: options.json, tables: [table(head, rows)] });
  return 0;
}
