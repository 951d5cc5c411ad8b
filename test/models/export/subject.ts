import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { openOnnx } from '../../../src/models/engines/onnx.js';
import { openModel } from '../../../src/models/models.js';
import { type NetSpec, styleParams } from '../../../src/models/net.js';
import type { Pixels } from '../../../src/models/pixels.js';
import { readStyle } from '../../../src/models/style.js';
import type { Weights } from '../../../src/models/weights.js';
import { seededWeights } from '../../suites/weights.js';

/** A net and the weights of one look of it. */
export interface Subject {
  readonly net: NetSpec;
  readonly weights: Weights;
}

export const seededSubject = (net: NetSpec): Subject => ({
  net,
  weights: new Map([...seededWeights(net, 'net', 3), ...seededWeights(net, 'style', 4)]),
});

/** A preset of the model that ships. */
export async function shipped(preset: string): Promise<Subject> {
  const path = (name: string) =>
    fileURLToPath(new URL(`../../../models/${name}.safetensors`, import.meta.url));
  const model = await openModel(path('fast'));
  const { weights } = readStyle(await readFile(path(`fast/${preset}`)), model);
  return { net: model.transform, weights: new Map([...model.base, ...weights]) };
}

/** Paintings by the engine that everything else is held against. */
export async function byEngine({ net, weights }: Subject, pictures: readonly Pixels[]): Promise<Pixels[]> {
  const styled = new Set(styleParams(net));
  const part = (of: boolean) => new Map([...weights].filter(([name]) => styled.has(name) === of));
  await using engine = await openOnnx();
  await using painter = await engine.painter(net, part(false), pictures[0]!);
  using style = await painter.bind(part(true));
  const painted: Pixels[] = [];
  for (const pixels of pictures) painted.push(...(await painter.paint([{ pixels, style }])));
  return painted;
}
