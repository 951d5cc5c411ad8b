import * as tf from '@tensorflow/tfjs';
import type { Tensors } from '../engines/tfjs-forward.js';
import { toTensor } from './batches.js';
import type { Specimens } from './evaluate.js';
import { features, type LossNetwork } from './losses.js';
import { sheet, type Tile } from './sheet.js';
import type { EventImage } from './tensorboard.js';

/** The channel of a layer [1, H, W, C] that varies most; [1]. It stays on the device: WebGPU cannot be read at once. */
const liveliestChannel = (layer: tf.Tensor4D): tf.Tensor1D =>
  tf.reshape(tf.argMax(tf.moments(layer, [0, 1, 2]).variance), [1]);

/** One channel of a layer in greys, white where the teacher's is at its highest; [size, size, 3]. */
function greys(layer: tf.Tensor4D, channel: tf.Tensor1D, most: tf.Tensor, size: number): tf.Tensor {
  const map = tf.div(tf.gather(layer, channel, 3), tf.maximum(most, 1e-8));
  const shown = tf.image.resizeNearestNeighbor(tf.clipByValue(map, 0, 1) as tf.Tensor4D, [size, size]);
  return tf.tile(tf.round(tf.mul(tf.squeeze(shown, [0]), 255)), [1, 1, 3]);
}

/**
 * A row for each of some photos and paintings: the picture, then of each layer the liveliest channel as the teachers
 * have it, and beside it as the student has it.
 */
export async function featureSheet(
  student: (picture: tf.Tensor4D) => Tensors,
  teachers: readonly LossNetwork[],
  { content, style }: Specimens,
  { side, sheetSide }: { readonly side: number; readonly sheetSide: number },
): Promise<EventImage> {
  const rows: Tile[][] = [];
  for (const crop of Array.from({ length: sheetSide }, (_, i) => (i % 2 ? style : content)[i >> 1]!)) {
    const tiles = tf.tidy(() => {
      const picture = tf.mul(toTensor([crop], side), 1 / 255) as tf.Tensor4D;
      const [mine, wanted] = [student(picture), features(teachers, picture)];
      return Object.keys(wanted)
        .sort()
        .flatMap((layer) => {
          const theirs = wanted[layer] as tf.Tensor4D;
          const channel = liveliestChannel(theirs);
          const most = tf.max(tf.gather(theirs, channel, 3));
          return [theirs, mine[layer] as tf.Tensor4D].map((x) => greys(x, channel, most, side));
        });
    });
    const bytes = await Promise.all(tiles.map(async (tile) => Uint8Array.from(await tile.data())));
    tf.dispose(tiles);
    rows.push([crop.data, ...bytes]);
  }
  const pixels = (n: number) => 4 + n * (side + 4);
  return { png: await sheet(rows, side), width: pixels(rows[0]!.length), height: pixels(rows.length) };
}
