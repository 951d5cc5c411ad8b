import { createInterface } from 'node:readline/promises';
import { Argument, type Command } from 'commander';
import { Interrupted, LivebrushError, Unsupported, Usage } from '../errors.js';
import { print, tell } from '../log.js';
import type { EngineProbe } from '../models/engines/probe.js';
import { onnxruntimeFolder, ownCudaWay, wheelCudaWay } from './cuda.js';
import { orAsBefore, run, type Way } from './fetching.js';
import { ownWay, type WheelOptions, wheelWay } from './tensorflow.js';

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

/** How something is fetched, and what tells whether it works. */
interface Plan {
  readonly way: Way;
  readonly probe: () => Promise<EngineProbe>;
}

async function planTensorflow(options: Options): Promise<Plan> {
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
  return { way, probe: () => probeTfjs('tensorflow') };
}

async function planCuda({ fromWheel, gpu }: Options): Promise<Plan> {
  if (gpu)
    throw new Usage('--gpu goes with tensorflow only.', { hint: 'Leave it out: livebrush setup cuda' });
  if (typeof fromWheel === 'string')
    throw new Usage('The version for CUDA is that of the installed onnxruntime-node.', {
      hint: 'Leave it out: livebrush setup cuda --from-wheel',
    });
  const { probeOnnxGpu } = await import('../models/engines/onnx-gpu.js');
  const folder = onnxruntimeFolder();
  const way = fromWheel ? wheelCudaWay(folder) : ownCudaWay(folder);
  return { way, probe: () => probeOnnxGpu('cuda') };
}

const plans = { tensorflow: planTensorflow, cuda: planCuda };

async function setUp({ way, probe }: Plan, options: Options, signal: AbortSignal): Promise<EngineProbe> {
  const found = await probe();
  if (found.present && !options.force) {
    tell(`${way.what} is here already and works; --force fetches it again.`);
    return found;
  }
  for (const line of way.plan) tell(line);
  if (!options.yes && !(await agreed(signal))) throw new LivebrushError('Nothing was fetched.');
  return orAsBefore(way, async () => {
    await run(way, signal);
    const now = await probe();
    if (now.present) return now;
    throw new Unsupported(`What was fetched does not work, so it was taken away again: ${now.why}`, {
      hint: way.hint,
    });
  });
}

/** `livebrush setup <what>`: fetches what installing Livebrush does not. */
export const setup = (parent: Command, signal: AbortSignal): void => {
  parent
    .command('setup')
    .summary('fetch what installing leaves out: TensorFlow, CUDA')
    .description(
      'Fetches native libraries that installing Livebrush does not: they are large and come from outside the npm ' +
        'registry. `tensorflow` makes the engine tfjs/tensorflow, and with it training, many times faster. `cuda` ' +
        'lets ONNX Runtime paint on NVIDIA graphics processors by CUDA (the engine onnx/cuda, Linux x64). What will ' +
        'be fetched is said first, and nothing happens without your yes.',
    )
    .addArgument(new Argument('<what>', 'what to fetch').choices(Object.keys(plans)))
    .option('-y, --yes', 'go on without asking')
    .option('--from-wheel [version]', 'take the library out of a Python package from PyPI instead (Linux)')
    .option('--gpu', 'tensorflow --from-wheel: the Python package with CUDA support')
    .option('--force', 'fetch it again although it works')
    .option('--json', 'print one JSON object')
    .addHelpText(
      'after',
      `
Examples:
  livebrush setup tensorflow
  livebrush setup tensorflow --from-wheel --yes
  livebrush setup tensorflow --from-wheel 2.16.2 --gpu
  livebrush setup cuda
  livebrush setup cuda --from-wheel`,
    )
    .action(async (what: keyof typeof plans, options: Options) => {
      const probe = await setUp(await plans[what](options), options, signal);
      if (options.json) print(JSON.stringify(probe));
      else print(`The engine ${probe.name} is ready: ${probe.device}.`);
    });
};
