import type { Engine } from '../../src/models/engine.js';
import {
  asMeta,
  isStyled,
  type MetaModel,
  type Model,
  readModel,
  type StyledModel,
  writeModel,
  writeStyledModel,
} from '../../src/models/model.js';
import { type NetSpec, sizeOf } from '../../src/models/net.js';
import { metaNet } from '../../src/models/nets/metanet.js';
import { transformNet } from '../../src/models/nets/transform.js';
import type { Pixels } from '../../src/models/pixels.js';
import { paramsFrom, type Tensor, type Weights } from '../../src/models/weights.js';

/** Numbers in [-1, 1) that are the same in every run. Mulberry32 by Tommy Ettinger, public domain. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

/** Small random weights for one side of a net. */
export function randomWeights(net: NetSpec, from: 'net' | 'style', seed: number): Map<string, Tensor> {
  const next = randomNumbers(seed);
  return new Map(
    Object.entries(paramsFrom(net.params, from)).map(([name, { shape }]) => [
      name,
      { shape, data: Float32Array.from({ length: sizeOf(shape) }, () => 0.2 * next()) },
    ]),
  );
}

/** The file of an untrained model that is as small as nets get. */
export function tinyModelFile(name = 'tiny', seed = 1): Uint8Array {
  const transform = {
    base: 2,
    residuals: 1,
    generated: 'inner',
    affine: 'style',
    output: 'sigmoid',
  } as const;
  const meta = { encoder: 'own', hidden: 8, group: 4 } as const;
  const net = transformNet(transform);
  return writeModel(
    { name, transform, meta, training: {}, data: [], date: '2026-01-01', licence: 'MIT' },
    {
      base: randomWeights(net, 'net', seed),
      metaWeights: randomWeights(metaNet(net, meta), 'net', seed + 1),
    },
  );
}

export const tinyModel = (name = 'tiny', seed = 1): MetaModel => asMeta(readModel(tinyModelFile(name, seed)));

/** The file of a model of its own styles; `affine: 'net'` is a net of one style. */
export function tinyStyledFile(
  names: readonly string[] = ['wave', 'scream'],
  { name = 'own', affine = 'style' as 'style' | 'net', seed = 1 } = {},
): Uint8Array {
  const transform = { base: 2, residuals: 1, generated: 'none', affine, output: 'tanh' } as const;
  const net = transformNet(transform);
  const styles = names.map((style) => ({ name: style, title: `The ${style}` }));
  return writeStyledModel(
    { name, transform, styles, training: {}, data: [], date: '2026-01-01', licence: 'MIT' },
    {
      base: randomWeights(net, 'net', seed),
      styles: new Map(names.map((style, i) => [style, randomWeights(net, 'style', seed + i + 1)])),
    },
  );
}

export function tinyStyled(...given: Parameters<typeof tinyStyledFile>): StyledModel {
  const model = readModel(tinyStyledFile(...given));
  if (!isStyled(model)) throw new Error('it has a MetaNet');
  return model;
}

/** An engine whose MetaNet makes weights of the picture's first bytes, and counts how often it is asked to. */
export class CountingEngine implements Engine {
  readonly name = 'counting';
  readonly lanes = 1;
  stylers = 0;
  runs = 0;
  closed = 0;
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
  }

  painter(): never {
    throw new Error('no painter here');
  }

  async styler() {
    this.stylers++;
    return {
      weights: async (picture: Pixels): Promise<Weights> => {
        this.runs++;
        return randomWeights(this.#model.transform, 'style', picture.data[0]! * 256 + picture.data.at(-1)!);
      },
      [Symbol.asyncDispose]: async () => {
        this.closed++;
      },
    };
  }

  async [Symbol.asyncDispose]() {}
}
