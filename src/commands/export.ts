import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { folders } from '../config.js';
import { NotFound, Unsupported } from '../errors.js';
import { print, tell } from '../log.js';
import type { Difference } from '../models/export/compare.js';
import { inWords } from '../models/files.js';
import type { Model } from '../models/model.js';
import type { Pixels, Size } from '../models/pixels.js';
import { checkFolder, writeFolder } from './export-folder.js';
import { type ExportOptions, type Format, formats, sizeOf, subjectOf } from './export-options.js';
import { comparedSize, type TrialPictures, trialPictures } from './export-pictures.js';
import { type BakedStyle, bakeStyle, modelFacts } from './export-style.js';
import { gather, size } from './options.js';
import { checkFree } from './paths.js';

/** What `livebrush export --json` prints at the end. */
export interface ExportResult {
  readonly out: string;
  readonly format: Format;
  readonly model: string;
  readonly style?: string;
  /** Of all files together. */
  readonly bytes: number;
  /** Between paintings of the file and of this program, in steps of 255, where both could be made. */
  readonly difference?: Difference & { readonly pictures: number; readonly what: string };
}

const precisions = { onnx: 'float', 'onnx-fp16': 'half', 'onnx-int8': 'byte' } as const;

const version = (): string => JSON.parse(readFileSync(join(folders.package, 'package.json'), 'utf8')).version;

const about = (docString: string, metadata: Readonly<Record<string, string>>) => ({
  producerVersion: version(),
  docString,
  metadata,
});

/** Paintings by the engine that everything else here uses. */
async function paintHere(
  model: Model,
  { weights }: BakedStyle,
  pictures: readonly Pixels[],
  signal: AbortSignal,
): Promise<Pixels[]> {
  const { openOnnx } = await import('../models/engines/onnx.js');
  const of = (names: Iterable<string>) => new Map([...names].map((name) => [name, weights.get(name)!]));
  await using engine = await openOnnx();
  await using painter = await engine.painter(model.transform, model.base, pictures[0]!);
  const names = Object.keys(model.transform.params).filter((name) => !model.base.has(name));
  using style = await painter.bind(of(names));
  const painted: Pixels[] = [];
  for (const pixels of pictures) {
    signal.throwIfAborted();
    painted.push(...(await painter.paint([{ pixels, style }])));
  }
  return painted;
}

/** How far the file's paintings are from ours; undefined on a machine that cannot tell. */
async function compare(
  file: Uint8Array,
  {
    model,
    style,
    trial,
    floats,
    signal,
  }: {
    model: Model;
    style: BakedStyle;
    trial: TrialPictures;
    floats: boolean;
    signal: AbortSignal;
  },
): Promise<ExportResult['difference']> {
  const { difference, paintExported } = await import('../models/export/compare.js');
  const { heldOut, what } = trial;
  try {
    const ours = await paintHere(model, style, heldOut, signal);
    const theirs = await paintExported(file, heldOut, { floats, signal });
    return { ...difference(ours, theirs), pictures: heldOut.length, what };
  } catch (error) {
    if (error instanceof Unsupported) return undefined;
    throw error;
  }
}

type Made = Pick<ExportResult, 'style' | 'difference'> & { readonly file: Uint8Array };

async function styleFile(model: Model, options: ExportOptions, signal: AbortSignal): Promise<Made> {
  const { exportTransform } = await import('../models/export/onnx.js');
  const [wanted, floats] = [sizeOf(options), options.io === 'float'];
  const style = await bakeStyle(options.style!, model);
  signal.throwIfAborted();
  const compared = wanted && comparedSize(wanted, model.transform.stride);
  const trial = await trialPictures(options.calibrate, compared, signal);
  const precision = precisions[options.format as keyof typeof precisions];
  if (precision === 'byte') tell(`Calibrating with ${trial.calibration.length} ${trial.what} …`);
  const given = {
    weights: style.weights,
    precision,
    about: about(`Paints pictures in the style ${style.name}.`, { ...style.facts, ...modelFacts(model) }),
    pictures: floats ? ('floats' as const) : ('bytes' as const),
    fast: options.fast ?? false,
    calibration: trial.calibration,
    signal,
  };
  const sized = (size: Size | undefined) =>
    exportTransform(model.transform, { ...given, ...(size ? { size } : {}) });
  const file = await sized(wanted);
  signal.throwIfAborted();
  const tried = compared === wanted ? file : await sized(compared);
  const difference = await compare(tried, { model, style, trial, floats, signal });
  return { file, style: style.name, ...(difference ? { difference } : {}) };
}

async function netFile(model: Model, options: ExportOptions): Promise<Made> {
  const { exportMetaNet, exportTransform } = await import('../models/export/onnx.js');
  const precision = options.format === 'onnx-fp16' ? 'half' : 'float';
  const facts = modelFacts(model);
  if (options.metanet) {
    if (!('meta' in model))
      throw new NotFound('This model has no MetaNet: it paints its own styles alone.', {
        hint: 'Export one of them with --style.',
      });
    const words =
      'Makes of a style picture all weights that the TransformNet of the same model takes as inputs.';
    return { file: exportMetaNet(model, { precision, about: about(words, facts) }) };
  }
  const wanted = sizeOf(options);
  const file = await exportTransform(model.transform, {
    weights: model.base,
    precision,
    about: about('Paints pictures with weights that the MetaNet of the same model makes.', facts),
    pictures: options.io === 'float' ? 'floats' : 'bytes',
    ...(wanted ? { size: wanted } : {}),
  });
  return { file };
}

async function exportFolder(model: Model, options: ExportOptions): Promise<ExportResult> {
  const { exportTfjs } = await import('../models/export/tfjs.js');
  const { out, io, overwrite = false } = options;
  const wanted = sizeOf(options);
  await checkFolder(out, overwrite);
  const style = await bakeStyle(options.style!, model);
  const files = exportTfjs(model.transform, {
    weights: style.weights,
    pictures: io === 'float' ? 'floats' : 'bytes',
    version: version(),
    metadata: { ...style.facts, ...modelFacts(model) },
    ...(wanted ? { size: wanted } : {}),
  });
  await writeFolder(out, files);
  const bytes = [...files.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
  return { out, format: options.format, model: model.card.name, style: style.name, bytes };
}

/** Exports what the options ask for. @throws whatever stands in the way; nothing is written then. */
export async function runExport(options: ExportOptions, signal: AbortSignal): Promise<ExportResult> {
  const subject = subjectOf(options);
  const { out, format, overwrite = false } = options;
  const [{ openModel }, { writeWhole }, { checkSize }] = await Promise.all([
    import('../models/models.js'),
    import('../models/files.js'),
    import('../models/engines/checks.js'),
  ]);
  if (format !== 'tfjs') await checkFree(out, overwrite);
  const model = await openModel(options.model);
  const wanted = sizeOf(options);
  if (wanted) checkSize(model.transform, wanted);
  signal.throwIfAborted();
  if (format === 'tfjs') return exportFolder(model, options);
  const { file, ...more } = await (subject === 'style'
    ? styleFile(model, options, signal)
    : netFile(model, options));
  signal.throwIfAborted();
  await writeWhole(out, file, { overwrite });
  return { out, format, model: model.card.name, bytes: file.byteLength, ...more };
}

function report({ out, format, bytes, difference }: ExportResult): void {
  print(out);
  tell(`${inWords(bytes)}, ${formats[format]}.`);
  if (!difference) return;
  const { mean, max, pictures, what } = difference;
  tell(
    `Differs from livebrush by ${mean.toFixed(2)} of 255 in the mean, ${max} at most (${pictures} ${what}, held out).`,
  );
}

const examples = `
A style is a name, a picture or a style file; several are mixed by their weights. The file holds one plain network:
input "content", output "picture", uint8 [1, 3, height, width] in ONNX, int32 [1, height, width, 3] in TensorFlow.js,
or floats from 0 to 1 with --io float. Sides are multiples of 4.

onnx-int8 measures the ranges of its numbers on the pictures of --calibrate, or on pictures that livebrush draws, and
says how far its paintings are from the 32-bit ones on pictures that it did not measure on. For sizes of more than a
million pixels that is told of the same net at a smaller size.

--metanet and --transform together paint in any style: the outputs of the first are inputs of the second.

Examples:
  livebrush export --style wave -o wave.onnx
  livebrush export --style any-painting.jpg --format onnx-int8 --calibrate photos/ -o painting.int8.onnx
  livebrush export --style wave --size 640x360 --fast -o wave-360p.onnx
  livebrush export --style wave:0.7 --style scream:0.3 --format tfjs -o web/model
  livebrush export --metanet -o metanet.onnx && livebrush export --transform -o transform.onnx`;

/** `livebrush export`: a style as a network that other programs run. */
export const exports = (parent: Command, signal: AbortSignal): void => {
  parent
    .command('export')
    .description('write a style as a network for other programs: ONNX, TensorFlow.js')
    .requiredOption(
      '-o, --out <file|folder>',
      'the ONNX file, or the folder of a GraphModel (made if it is not there)',
    )
    .option(
      '--style <style[:weight]>',
      'name or picture; several are mixed by their weights (repeatable)',
      gather,
    )
    .option('--metanet', "the model's MetaNet instead: style picture in, weights of the TransformNet out")
    .option('--transform', "the model's TransformNet instead, a style's weights as inputs")
    .addOption(new Option('--format <name>', 'kind of file').choices(Object.keys(formats)).default('onnx'))
    .option('--size <WxH>', 'for pictures of this size alone (default: any size)', size)
    .addOption(
      new Option('--io <type>', 'pictures as whole numbers from 0 to 255, or as floats from 0 to 1')
        .choices(['uint8', 'float'])
        .default('uint8'),
    )
    .option('--fast', 'full-size layers at half resolution, exactly: faster on processors (onnx with --size)')
    .option('--calibrate <dir>', 'pictures to measure ranges and differences on')
    .option('--model <name>', 'a model by name or file', 'fast')
    .option('--overwrite', 'replace a file that exists')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', examples)
    .action(async (options: ExportOptions) => {
      const result = await runExport(options, signal);
      if (options.json) print(JSON.stringify(result));
      else report(result);
    });
};
