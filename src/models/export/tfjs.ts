import { checkSize } from '../engines/checks.js';
import { shapesOf } from '../engines/shapes.js';
import { apply, type NetSpec, nodesFor } from '../net.js';
import type { Size } from '../pixels.js';
import type { Weights } from '../weights.js';
import { withFloatPictures } from './float-pictures.js';
import { shape, TfWriter, type } from './tfjs-graph.js';
import { tfjsOps } from './tfjs-ops.js';

/** How a net is written for TensorFlow.js. */
export interface TfjsExport {
  /** Every param of the net. */
  readonly weights: Weights;
  /** For pictures of this size alone; of any size unless given. */
  readonly size?: Size;
  /** Pictures as int32 from 0 to 255, as `tf.browser.fromPixels` yields them, or as floats in [0, 1]. */
  readonly pictures?: 'bytes' | 'floats';
  /** Version of Livebrush. */
  readonly version?: string;
  /** Facts about the style and the model by name. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The files of a GraphModel by name, `model.json` last. */
export type TfjsFiles = ReadonlyMap<string, Uint8Array>;

/** Servers and caches like files of this size: what TensorFlow's own converter makes. */
const SHARD_BYTES = 4 * 1024 * 1024;

function shards(blocks: readonly Uint8Array[]): Map<string, Uint8Array> {
  const whole = Buffer.concat(blocks);
  const count = Math.max(1, Math.ceil(whole.byteLength / SHARD_BYTES));
  return new Map(
    Array.from({ length: count }, (_, i) => [
      `group1-shard${i + 1}of${count}.bin`,
      Uint8Array.from(whole.subarray(i * SHARD_BYTES, (i + 1) * SHARD_BYTES)),
    ]),
  );
}

/**
 * A TransformNet as a GraphModel that `tf.loadGraphModel` reads: input `content`, output `picture`, both
 * [1, height, width, 3] with sides that are multiples of the net's stride.
 * @throws BadInput when the size does not fit the net, or a param has no numbers.
 */
export function exportTfjs(net: NetSpec, options: TfjsExport): TfjsFiles {
  const { weights, size, pictures = 'bytes', version, metadata = {} } = options;
  if (size) checkSize(net, size);
  const floats = pictures === 'floats';
  const spec = floats ? withFloatPictures(net) : net;
  const shapes = size && shapesOf(spec, size);
  const graph = new TfWriter(weights);
  const [input] = spec.inputs as [string];
  const kind = type(floats ? 'DT_FLOAT' : 'DT_INT32');
  const sides = [1, size?.height ?? -1, size?.width ?? -1, 3];
  graph.node('Placeholder', [], input, { dtype: kind, ...{ shape: shape(sides) } });
  const scope = {
    graph,
    sides: shapes && ((name: string) => shapes.get(name)!.slice(1) as unknown as readonly [number, number]),
  };
  for (const node of nodesFor(spec, ['picture'])) apply(tfjsOps, node, scope);
  graph.node('Identity', [spec.outputs.picture!], 'picture', { T: kind });

  const entries = [...graph.entries.values()];
  const data = shards(entries.map(({ bytes }) => bytes));
  const tensor = (name: string) => ({
    name: `${name}:0`,
    dtype: kind.type,
    tensorShape: (shape(sides) as { shape: unknown }).shape,
  });
  const model = {
    format: 'graph-model',
    generatedBy: `livebrush${version ? ` ${version}` : ''}`,
    convertedBy: null,
    signature: { inputs: { [input]: tensor(input) }, outputs: { picture: tensor('picture') } },
    userDefinedMetadata: metadata,
    modelTopology: { node: graph.nodes, library: {}, versions: { producer: 1087 } },
    weightsManifest: [{ paths: [...data.keys()], weights: entries.map(({ entry }) => entry) }],
  };
  return new Map([...data, ['model.json', new TextEncoder().encode(JSON.stringify(model))]]);
}
