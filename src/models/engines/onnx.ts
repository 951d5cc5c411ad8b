import { cpus } from 'node:os';
import { Unsupported } from '../../errors.js';
import type { Engine, Painter, PainterOptions } from '../engine.js';
import type { NetSpec } from '../net.js';
import type { Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import { checkPainter } from './checks.js';
import { blockSize } from './onnx-block-size.js';
import { OnnxEngine, tryDevice } from './onnx-engine.js';
import { OnnxPainter } from './onnx-painter.js';
import { laneCount, loadRuntime, type Runtime, threads } from './onnx-session.js';
import type { EngineProbe } from './probe.js';

class OnnxCpuEngine extends OnnxEngine {
  constructor(
    runtime: Runtime,
    readonly block: number | undefined,
  ) {
    super('cpu', runtime, 'onnx/cpu');
  }

  async painter(
    net: NetSpec,
    base: Weights,
    size: Size,
    { lanes = 1 }: PainterOptions = {},
  ): Promise<Painter> {
    checkPainter(net, base, size);
    const open = (graph: Uint8Array) => this.open('painter', graph, threads(lanes));
    return OnnxPainter.open({ net, base, size, open, block: this.block });
  }
}

/** ONNX Runtime on the processor. @throws Unsupported when it is not installed or does not run here. */
export async function openOnnx(): Promise<Engine> {
  const runtime = await loadRuntime('cpu');
  try {
    await tryDevice(runtime, 'cpu');
  } catch (cause) {
    throw new Unsupported('ONNX Runtime does not run on this processor.', { cause });
  }
  return new OnnxCpuEngine(runtime, await blockSize(runtime));
}

/** Whether `openOnnx` would succeed, and on what processor. */
export async function probeOnnx(): Promise<EngineProbe> {
  const name = 'onnx/cpu';
  try {
    await (await openOnnx())[Symbol.asyncDispose]();
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error;
    return { name, present: false, why: error.message, hint: error.hint };
  }
  const model = cpus()[0]?.model.trim() || process.arch;
  const lanes = laneCount() > 1 ? `, ${laneCount()} pictures side by side` : '';
  return { name, present: true, device: `${model}, ${threads()} threads${lanes}` };
}
