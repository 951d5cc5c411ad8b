import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { env as environment } from 'node:process';
import { folders } from '../../config.js';
import { Unsupported } from '../../errors.js';
import { writeWeights } from '../../models/weights.js';
import { productFlops } from './arithmetic.js';
import type { Painting, Rival, Task } from './contenders.js';
import { LineProcess } from './line-process.js';

/** The program that holds the net in PyTorch: it comes with the source, not with the installed package. */
const program = () => join(folders.package, 'scripts', 'bench', 'torch-painter.py');
/** Loading PyTorch from a slow disk may take this long. */
const START_MS = 120_000;
/**
 * How often a thread of PyTorch looks for work before it sleeps. OpenMP's own 300,000 make a picture no faster on a
 * machine of its own (46 ms either way) and up to ten times as slow where other programs run.
 */
const SPINS = '10000';
/** Opening a net tries each of its ways a few times. */
const ANSWER_MS = 600_000;

type Device = 'cpu' | 'cuda';
/** Graphics processors are busy with large matrices only. */
const PRODUCT_SIDES = { cpu: 1024, cuda: 4096 } as const;

interface Hello {
  readonly version: string;
  readonly devices: readonly Device[];
}

const hint =
  'On Debian: apt install --no-install-recommends python3-torch libopenblas0-pthread; elsewhere name a Python that has it with --python.';

/** Starts the program with the first Python that has PyTorch. @throws Unsupported */
async function start(pythons: readonly string[]): Promise<{ process: LineProcess; hello: Hello }> {
  let why = '';
  for (const python of pythons) {
    const process = new LineProcess(python, [program()], { GOMP_SPINCOUNT: SPINS, ...environment });
    try {
      return { process, hello: (await process.ask({ do: 'hello', threads }, START_MS)) as unknown as Hello };
    } catch (error) {
      why ||= error instanceof Error ? error.message : String(error);
      await process[Symbol.asyncDispose]();
    }
  }
  throw new Unsupported(`There is no Python with PyTorch here: ${why}`, { hint });
}

const threads = Math.min(16, availableParallelism());

/** PyTorch, on the processor and, where it can, on a graphics processor. @throws Unsupported */
export async function openTorch(options: {
  readonly python?: string;
  readonly signal: AbortSignal;
}): Promise<Rival[]> {
  if (!existsSync(program()))
    throw new Unsupported('The net for PyTorch is not in this package.', { hint: 'It is in the source.' });
  const { process, hello } = await start(options.python ? [options.python] : ['python3', '/usr/bin/python3']);
  const stop = () => void process[Symbol.asyncDispose]();
  options.signal.addEventListener('abort', stop, { once: true });
  const folder = await mkdtemp(join(tmpdir(), 'livebrush-torch-'));
  // As our own engines do on a processor: a picture in each thread, and one in all of them.
  const runs = hello.devices.flatMap((device) => [
    ...(device === 'cpu' && threads > 1 ? [{ device, together: threads }] : []),
    { device, together: 0 },
  ]);
  let left = runs.length;
  const close = async () => {
    if (--left > 0) return;
    options.signal.removeEventListener('abort', stop);
    await process[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  };
  const about = { folder, version: hello.version, close };
  return runs.map((run) => rival(process, { ...about, ...run }));
}

/** Milliseconds by the program's own clock: what passes between the processes does not count. */
const timed = async (process: LineProcess, question: Record<string, unknown>) =>
  Number((await process.ask(question, ANSWER_MS)).ms);

interface About {
  /** For what is handed over as files. */
  readonly folder: string;
  readonly device: Device;
  /** How many pictures it paints side by side; 0: one in all threads. */
  readonly together: number;
  readonly version: string;
  close(): Promise<void>;
}

function rival(process: LineProcess, about: About): Rival {
  const { device, version, together } = about;
  const how = together ? `, ${together} pictures side by side` : '';
  const name = `PyTorch ${version} ${device}${how}`;
  return {
    name,
    kind: 'opponent',
    device: device === 'cpu' ? 'processor' : 'graphics processor',
    open: (task) => open(process, about, name, task),
    product: together
      ? undefined
      : async () => {
          const side = PRODUCT_SIDES[device];
          const question = { do: 'product', device, side };
          await process.ask(question, ANSWER_MS);
          return {
            name: `dense product ${side}³, ${name}`,
            flops: productFlops(side),
            run: () => timed(process, question),
            async [Symbol.asyncDispose]() {},
          };
        },
    [Symbol.asyncDispose]: about.close,
  };
}

async function open(
  process: LineProcess,
  { folder, device, together }: About,
  name: string,
  { net, weights, pixels }: Task,
): Promise<Painting> {
  const files = { weights: join(folder, 'weights'), picture: join(folder, 'picture') };
  await writeFile(files.weights, writeWeights(weights, { net: net.name }, 'F32'));
  await writeFile(files.picture, pixels.data);
  const { width, height } = pixels;
  const key = `${device} ${net.name} ${width}x${height} ${together}`;
  const opened = await process.ask(
    { do: 'open', key, device, width, height, together: together > 0, ...files },
    ANSWER_MS,
  );
  return {
    name: `${name}, ${opened.way}`,
    run: () => timed(process, { do: 'paint', key }),
    async picture() {
      const to = join(folder, 'painted');
      await process.ask({ do: 'picture', key, to }, ANSWER_MS);
      return readFile(to);
    },
    async [Symbol.asyncDispose]() {
      await process.ask({ do: 'close', key }, ANSWER_MS).catch(() => undefined);
    },
  };
}
