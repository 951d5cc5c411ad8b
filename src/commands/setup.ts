import { createInterface } from 'node:readline/promises';
import { Argument, type Command } from 'commander';
import { Interrupted, LivebrushError, Unsupported, Usage } from '../errors.js';
import { print, tell } from '../log.js';
import type { EngineProbe } from '../models/engines/probe.js';
import { orAsBefore, ownWay, run, type WheelOptions, wheelWay } from './tensorflow.js';

interface Options extends WheelOptions {
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** @throws Usage when there is nobody to ask. */
async function agreed(signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new Usage('Nothing was fetched: there is no terminal to ask at.', {
      hint: 'Add --yes to agree beforehand.',
    });
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // A terminal in line mode keeps Ctrl-C and Ctrl-D for itself, and asking goes on for ever unless told.
  const ended = new Promise<string>((resolve, reject) => {
    terminal.once('SIGINT', () => reject(new Interrupted()));
    terminal.once('close', () => resolve(''));
  });
  try {
    const answer = await Promise.race([terminal.question('Go on? [y/N] ', { signal }), ended]);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

async function setUpTensorflow(options: Options, signal: AbortSignal): Promise<EngineProbe> {
  const { nativePackages } = await import('../models/engines/tfjs-native.js');
  const { probeTfjs } = await import('../models/engines/tfjs-probe.js');
  if (options.gpu && !options.fromWheel)
    throw new Usage('--gpu goes with --from-wheel only.', {
      hint: 'Without --from-wheel the library is for graphics processors anyway.',
    });
  const [target] = nativePackages();
  if (!target)
    throw new Unsupported('The package @tensorflow/tfjs-node-gpu is not installed.', {
      hint: 'Install it with: npm install --ignore-scripts @tensorflow/tfjs-node-gpu@4.22.0',
    });
  const way = options.fromWheel ? wheelWay(target, options) : ownWay(target);
  const found = await probeTfjs('tensorflow');
  if (found.present && !options.force) {
    tell('TensorFlow is here already and works; --force fetches it again.');
    return found;
  }
  for (const line of way.plan) tell(line);
  if (!options.yes && !(await agreed(signal))) throw new LivebrushError('Nothing was fetched.');
  return orAsBefore(target.folder, async () => {
    await run(way, target.folder, signal);
    const probe = await probeTfjs('tensorflow');
    if (probe.present) return probe;
    throw new Unsupported(`What was fetched does not work, so it was taken away again: ${probe.why}`, {
      hint: way.hint,
    });
  });
}

/** `livebrush setup <what>`: fetches what installing Livebrush does not. */
export const setup = (parent: Command, signal: AbortSignal): void => {
  parent
    .command('setup')
    .summary('fetch what installing leaves out: TensorFlow')
    .description(
      'Fetches the native TensorFlow library, which makes the engine tfjs/tensorflow, and with it training, many\n' +
        'times faster. Installing Livebrush never downloads it: it is large and comes from outside the npm registry.\n' +
        'What will be fetched is said first, and nothing happens without your yes.',
    )
    .addArgument(new Argument('<what>', 'what to fetch').choices(['tensorflow']))
    .option('-y, --yes', 'go on without asking')
    .option(
      '--from-wheel [version]',
      'build it with the library of a Python package from PyPI instead (Linux)',
    )
    .option('--gpu', 'with --from-wheel: the Python package with CUDA support')
    .option('--force', 'fetch it again although it works')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  livebrush setup tensorflow
  livebrush setup tensorflow --from-wheel --yes
  livebrush setup tensorflow --from-wheel 2.16.2 --gpu`,
    )
    .action(async (_what: string, options: Options) => {
      const probe = await setUpTensorflow(options, signal);
      if (options.json) print(JSON.stringify(probe));
      else print(`The engine ${probe.name} is ready: ${probe.device}.`);
    });
};
