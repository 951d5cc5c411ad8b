import { cpus } from 'node:os';
import { Usage } from '../../errors.js';
import { type Addon, loadAddon } from '../../native.js';
import type { Engine, Painter, PainterOptions, Styler } from '../engine.js';
import type { NetSpec } from '../net.js';
import type { Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import { checkPainter, refuseClosed } from './checks.js';
import { NativePainter } from './native-painter.js';
import { nativeProgram } from './native-program.js';
import { proveKernels } from './native-proof.js';
import { chooseWay, type WayName, ways } from './native-ways.js';
import { openOnnx } from './onnx.js';
import { laneCount, threads } from './onnx-session.js';
import type { EngineProbe } from './probe.js';

/** What numbers are multiplied: float32 as the net says, or bfloat16, which is faster where the processor has AMX. */
export type NativePrecision = 'cpu' | 'bf16';

const waysFor: Readonly<Record<NativePrecision, readonly WayName[]>> = {
  cpu: ['AVX2', 'AVX-512', 'NEON'],
  bf16: ['AMX'],
};

/**
 * TransformNets on kernels of our own (`native/painter.c`). MetaNets, which run once for each style, and nets that the
 * kernels do not know are ONNX Runtime's.
 */
class NativeEngine implements Engine {
  readonly lanes = 1;
  readonly #painters = new Set<NativePainter>();
  #runtime: Promise<Engine> | undefined;
  #closed = false;

  constructor(
    readonly name: string,
    readonly addon: Addon,
    readonly way: number,
  ) {}

  /** ONNX Runtime, which takes a tenth of a second to load, once something needs it. */
  #onnx(): Promise<Engine> {
    if (this.#closed) refuseClosed('engine');
    this.#runtime ??= openOnnx();
    return this.#runtime;
  }

  async painter(
    net: NetSpec,
    base: Weights,
    size: Size,
    { lanes = 1 }: PainterOptions = {},
  ): Promise<Painter> {
    if (this.#closed) refuseClosed('engine');
    checkPainter(net, base, size);
    const { addon, way } = this;
    const program = nativeProgram(net, size, ways[way]!);
    if (!program) return (await this.#onnx()).painter(net, base, size, { lanes });
    const onClose = (closed: NativePainter) => this.#painters.delete(closed);
    const made = { addon, way, program, net, base, size, threads: threads(lanes), onClose };
    const painter = new NativePainter(made);
    this.#painters.add(painter);
    return painter;
  }

  async styler(net: NetSpec, base: Weights): Promise<Styler> {
    return (await this.#onnx()).styler(net, base);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const painter of [...this.#painters]) await painter[Symbol.asyncDispose]();
    await (await this.#runtime?.catch(() => undefined))?.[Symbol.asyncDispose]();
  }
}

/** How a way to multiply is written behind an engine's name. */
const optionOf = (way: WayName): string => way.replace('-', '').toLowerCase();

/**
 * @param only - this way, such as `avx2`; left out: the fastest that the processor has.
 * @throws Usage when there is no such way, Unsupported when there are no kernels for this machine or its processor
 * does not have the instructions.
 */
export async function openNative(precision: NativePrecision, only?: string): Promise<Engine> {
  const known = waysFor[precision];
  const wanted = known.filter((way) => only === undefined || optionOf(way) === only);
  if (wanted.length === 0)
    throw new Usage(`native/${precision} does not multiply by ${JSON.stringify(only?.slice(0, 80))}.`, {
      hint: `It does by ${known.map(optionOf).join(' or ')}; left out, by the fastest that the processor has.`,
    });
  await proveKernels();
  const addon = loadAddon();
  return new NativeEngine(`native/${precision}${only ? `:${only}` : ''}`, addon, chooseWay(addon, wanted));
}

/** How `openNative` would multiply. @throws as it does. */
export async function probeNative(precision: NativePrecision): Promise<EngineProbe> {
  await proveKernels();
  const way = ways[chooseWay(loadAddon(), waysFor[precision])]!;
  const model = cpus()[0]?.model.trim() || process.arch;
  const lanes = laneCount() > 1 ? `, ${laneCount()} pictures side by side` : '';
  const device = `${model} by ${way.name}, ${threads()} threads${lanes}`;
  return { name: `native/${precision}`, present: true, device };
}
