import { type Command, Option } from 'commander';
import { Usage } from '../errors.js';
import { print, tell } from '../log.js';
import { hardwareChoices } from '../pipeline/codec/hardware/kinds.js';
import { opponentNames } from './bench/contenders.js';
import { inALine, machineOf } from './bench/machine.js';
import { parseBase, parseSeconds, parseSize, several } from './bench/options.js';
import type { Bench, BenchOptions, Part } from './bench/part.js';
import { markdown, plain, type Table } from './bench/table.js';
import { inRange } from './options.js';

interface PartEntry {
  readonly about: string;
  readonly load: () => Promise<Part>;
}

/** What can be measured. A new part is a line here. */
const parts: Readonly<Record<string, PartEntry>> = {
  compare: {
    about:
      'our engines, ONNX Runtime, TensorFlow.js and PyTorch on the same nets, and the dense product as ceiling',
    load: async () => (await import('./bench/compare.js')).compare,
  },
  nets: {
    about: 'the speed test of the papers: TransformNet alone, MetaNet alone, both for every frame',
    load: async () => (await import('./bench/nets.js')).nets,
  },
  sizes: {
    about: 'one engine at picture sizes from 256x256 up',
    load: async () => (await import('./bench/sizes.js')).sizes,
  },
  streams: {
    about: '1, 2, 4 and 8 streams at once, of one style and of a style each',
    load: async () => (await import('./bench/streams.js')).streams,
  },
  styles: {
    about: 'one style, and 4 and 16 that change with every frame',
    load: async () => (await import('./bench/styles.js')).styles,
  },
  start: {
    about:
      'from the start of the process to the first painted picture, and from a new style picture to its use',
    load: async () => (await import('./bench/start.js')).start,
  },
  transcode: {
    about: 'a video file from end to end, by stage: the one that is named, or one that is drawn for it',
    load: async () => (await import('./bench/transcode.js')).transcode,
  },
};
const partNames = Object.keys(parts);

/** What two words after `bench` mean: a part, a part and a video, or a video alone. @throws Usage */
async function partOf(
  word: string | undefined,
  file: string | undefined,
): Promise<{ readonly name: string; readonly file: string | undefined }> {
  if (word === undefined) return { name: 'compare', file };
  if (Object.hasOwn(parts, word)) {
    if (file !== undefined && word !== 'transcode')
      throw new Usage(`bench ${word} takes no file.`, { hint: `Write: livebrush bench transcode ${file}.` });
    return { name: word, file };
  }
  if (file === undefined && /[./\\]/.test(word)) return { name: 'transcode', file: word };
  const { suggest } = await import('../models/closest.js');
  throw new Usage(`There is no benchmark ${JSON.stringify(word)}.`, {
    hint: suggest(word, partNames, 'benchmarks'),
  });
}

/** The command that does it again, to stand beside the figures. */
const commandOf = (argv: readonly string[]) =>
  ['livebrush', ...argv.filter((word) => word !== '--markdown' && word !== '--json')].join(' ');

async function measure(
  { name, file }: Awaited<ReturnType<typeof partOf>>,
  options: BenchOptions,
  signal: AbortSignal,
): Promise<void> {
  const { json } = options;
  const [machine, date] = [machineOf(), new Date().toISOString()];
  const command = commandOf(process.argv.slice(2));
  const head = `${inALine(machine)}, ${date.slice(0, 16).replace('T', ' ')} UTC`;
  if (options.markdown) print(`\`${command}\` · ${head}`);
  else tell(head);
  const show = (table: Table) => {
    if (json) return;
    print();
    for (const line of (options.markdown ? markdown : plain)(table)) print(line);
  };
  const bench: Bench = { options, file, signal, show, note: tell };
  const part = await parts[name]!.load();
  const figures = await part(bench).catch((error: unknown) => {
    // What an interruption breaks on its way is no news.
    signal.throwIfAborted();
    throw error;
  });
  if (json) print(JSON.stringify({ part: name, date, command, machine, ...figures }));
}

const help = `
Parts:
${Object.entries(parts)
  .map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`)
  .join('\n')}

Contenders take turns, round by round, and what is told is the median, so that whatever else the machine does hits all
alike; read the ratios first. Weights are random except in start and transcode. The ceiling is the rate at which this
machine multiplies dense float32 matrices, and GFLOP/s count the net as it is written, whatever an engine does to it.

In a checkout \`npm run bench -- live\`, \`-- overload\`, \`-- endurance\`, \`-- train\` and \`-- steady\` measure the live server,
training and the stage that steadies.

Examples:
  livebrush bench
  livebrush bench --full --markdown
  livebrush bench compare --engine onnx/cpu --base 8 --size 640x360 --against pytorch
  livebrush bench streams --json
  livebrush bench transcode holiday.mp4`;

/** `livebrush bench [part]`: speed on this machine, side by side with others. */
export const bench = (parent: Command, signal: AbortSignal): void => {
  parent
    .command('bench')
    .summary('measure speed on this machine')
    .description('Measure speed on this machine. Without a part it compares; a few minutes, or --full.')
    .argument('[part]', `${partNames.join(', ')}; or a video, for transcode`)
    .argument('[file]', 'a video, for transcode')
    .addOption(
      new Option('--engine <name...>', 'engines (default: all that are present and no toys; or the fastest)'),
    )
    .addOption(new Option('--base <number...>', 'widths of the TransformNet').argParser(several(parseBase)))
    .addOption(new Option('--size <WxH...>', 'picture sizes').argParser(several(parseSize)))
    .addOption(
      new Option('--against <name...>', 'what to compare with (default: all that is here)').choices([
        ...opponentNames,
        'none',
      ]),
    )
    .option('--python <program>', 'a Python that has PyTorch')
    .addOption(new Option('--seconds <number>', 'time for each table or line').argParser(parseSeconds))
    .addOption(
      new Option('--runs <number>', 'how often, for start and transcode').argParser(inRange(1, 1000)),
    )
    .option('--full', 'all bases and sizes, and longer')
    .option('--model <name>', 'model, for start and transcode', 'fast')
    .option('--style <style>', 'style, for transcode', 'wave')
    .addOption(
      new Option('--hardware <name>', 'codecs in hardware, for transcode')
        .choices(hardwareChoices)
        .default('off'),
    )
    .addOption(
      new Option('--markdown', 'print tables for a page, with machine, date and command').conflicts('json'),
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', help)
    .action(async (word: string | undefined, file: string | undefined, options: BenchOptions) =>
      measure(await partOf(word, file), options, signal),
    );
};
