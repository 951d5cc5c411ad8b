import { createHash } from 'node:crypto';
import { access, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { folders } from '../../config.js';
import { Unsupported } from '../../errors.js';
import { addonPath, believeAddon, isAddonBelieved } from '../../native.js';
import { tryOut } from '../../try-out.js';
import { writeWhole } from '../files.js';
import { transformNet } from '../nets/transform.js';
import type { Pixels } from '../pixels.js';
import { randomWeights } from '../random-weights.js';
import { type Gap, gapOf, provingPicture } from './proof.js';

const script = new URL('./native-proof.js', import.meta.url);

/** Mean and largest difference, of 255, that kernels may have from ONNX Runtime, which rounds elsewhere. */
const MEAN = 0.1;
const LARGEST = 3;

/** Paints a small picture by the kernels and by ONNX Runtime. Kernels may crash: call it in a process of its own. */
export async function paintTwice(): Promise<Gap> {
  believeAddon();
  const [{ openNative }, { openOnnx }] = await Promise.all([import('./native.js'), import('./onnx.js')]);
  const net = transformNet({ base: 8, residuals: 2, generated: 'inner' });
  const size = { width: 92, height: 68 };
  const picture = provingPicture(size);
  const painted: Pixels[] = [];
  for (const open of [() => openNative('cpu'), () => openOnnx()]) {
    await using engine = await open();
    await using painter = await engine.painter(net, randomWeights(net, 'net'), size);
    using style = await painter.bind(randomWeights(net, 'style'));
    painted.push(...(await painter.paint([{ pixels: picture, style }])));
  }
  const [own, other] = painted as [Pixels, Pixels];
  return gapOf(own, other);
}

/** How kernels prove themselves; tests bring their own. */
export interface ProofOptions {
  /** Whether they need not. */
  readonly believed?: boolean;
  /** The compiled module that is run. */
  readonly program?: URL;
  /** Where it is remembered that kernels have proven themselves. */
  readonly folder?: string;
}

/**
 * Has kernels that none of us could run on this system prove themselves, once: in a process of their own they paint
 * what ONNX Runtime paints.
 * @throws Unsupported when they do not.
 */
export async function proveKernels({
  believed = isAddonBelieved(),
  program = script,
  folder = folders.cache,
}: ProofOptions = {}): Promise<void> {
  if (believed) return;
  const kernels = await readFile(addonPath()).catch(() => Buffer.alloc(0));
  const mark = join(folder, `kernels-${createHash('sha256').update(kernels).digest('hex').slice(0, 16)}`);
  const known = await access(mark).then(
    () => true,
    () => false,
  );
  if (!known) {
    const code = `const { paintTwice } = await import(${JSON.stringify(program.href)});
      console.log(JSON.stringify(await paintTwice()));`;
    const { mean, largest } = (await tryOut(code, 'The native engine')) as Partial<Gap>;
    if (!((mean ?? LARGEST) <= MEAN && (largest ?? 255) <= LARGEST))
      throw new Unsupported('The native engine does not work here: it paints other pictures than it shall.');
    await mkdir(folder, { recursive: true });
    await writeWhole(mark, '', { overwrite: true });
  }
  believeAddon();
}
