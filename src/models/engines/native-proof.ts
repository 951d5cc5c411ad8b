import { createHash } from 'node:crypto';
import { access, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { folders } from '../../config.js';
import { Unsupported } from '../../errors.js';
import { addonPath, believeAddon, isAddonBelieved } from '../../native.js';
import { tryOut } from '../../try-out.js';
import { writeWhole } from '../files.js';
import { transformNet } from '../nets/transform.js';
import { randomWeights } from '../random-weights.js';

const script = new URL('./native-proof.js', import.meta.url);

/** Mean and largest difference, of 255, that kernels may have from ONNX Runtime, which rounds elsewhere. */
const MEAN = 0.1;
const LARGEST = 3;

/** How far the kernels are from ONNX Runtime on one small picture, of 255. */
export interface Gap {
  readonly mean: number;
  readonly largest: number;
}

/** Paints a small picture by the kernels and by ONNX Runtime. Kernels may crash: call it in a process of its own. */
export async function paintTwice(): Promise<Gap> {
  believeAddon();
  const [{ openNative }, { openOnnx }] = await Promise.all([import('./native.js'), import('./onnx.js')]);
  const net = transformNet({ base: 8, residuals: 2, generated: 'inner' });
  const size = { width: 92, height: 68 };
  const data = Uint8Array.from(
    { length: 3 * size.width * size.height },
    (_, i) => 128 + 120 * Math.sin(i / 7),
  );
  const painted: Uint8Array[] = [];
  for (const open of [() => openNative('cpu'), () => openOnnx()]) {
    await using engine = await open();
    await using painter = await engine.painter(net, randomWeights(net, 'net'), size);
    using style = await painter.bind(randomWeights(net, 'style'));
    const [picture] = await painter.paint([{ pixels: { ...size, data }, style }]);
    painted.push(picture!.data);
  }
  const [own, other] = painted as [Uint8Array, Uint8Array];
  const gaps = own.map((value, i) => Math.abs(value - other[i]!));
  return {
    mean: gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length,
    largest: gaps.reduce((one, other) => Math.max(one, other)),
  };
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
