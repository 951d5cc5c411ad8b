import * as tf from '@tensorflow/tfjs';
import type { Tensors } from '../engines/tfjs-forward.js';
import { toTensor } from './batches.js';
import { type Crop, type Pictures, spread } from './images.js';
import { type LossNetwork, lossOf, targetsOf } from './losses.js';
import { generate, type Nets, paintEach } from './nets.js';
import type { TrainOptions } from './options.js';
import { sheet, type Tile } from './sheet.js';
import type { EventImage } from './tensorboard.js';

/** Held-out styles and photos, the same at every evaluation of a training. */
export class Evaluation {
  /** Loss of the photos as they are: what a net that does nothing scores. */
  #unchanged: Record<string, number> | undefined;

  private constructor(
    readonly nets: Nets,
    readonly networks: readonly LossNetwork[],
    readonly content: readonly Crop[],
    readonly style: readonly Crop[],
    readonly options: TrainOptions,
  ) {}

  static async open(
    nets: Nets,
    networks: readonly LossNetwork[],
    pictures: { readonly content: Pictures; readonly style: Pictures },
    options: TrainOptions,
  ): Promise<Evaluation> {
    const count = Math.max(options.evaluatePairs, options.sheetSide);
    return new Evaluation(
      nets,
      networks,
      await spread(pictures.content, count),
      await spread(pictures.style, count),
      options,
    );
  }

  /** Mean losses over the pairs: total, style, content, and the total of the unchanged photos. */
  async run(params: Tensors): Promise<Record<string, number>> {
    this.#unchanged ??= await this.#losses((content) => tf.mul(content, 1 / 255));
    const painted = await this.#losses((content, style) =>
      paintEach(this.nets, params, generate(this.nets, params, style), content),
    );
    return { ...painted, unchanged: this.#unchanged.total! };
  }

  async #losses(
    paint: (content: tf.Tensor4D, style: tf.Tensor4D) => tf.Tensor4D,
  ): Promise<Record<string, number>> {
    const { batch, evaluatePairs, size } = this.options;
    const sums = { total: 0, style: 0, content: 0 };
    for (let at = 0; at < evaluatePairs; at += batch) {
      const end = Math.min(at + batch, evaluatePairs);
      const parts = tf.tidy(() => {
        const content = toTensor(this.content.slice(at, end), size);
        const style = toTensor(this.style.slice(at, end), size);
        const targets = targetsOf(
          this.networks,
          tf.mul(style, 1 / 255),
          tf.mul(content, 1 / 255),
          this.options,
        );
        const losses = lossOf(this.networks, paint(content, style), targets, this.options);
        return tf.stack([losses.total, losses.style, losses.content]);
      });
      const [total, style, content] = await parts.data();
      parts.dispose();
      const share = (end - at) / evaluatePairs;
      sums.total += share * total!;
      sums.style += share * style!;
      sums.content += share * content!;
    }
    return sums;
  }

  /** Styles in the top row, photos in the left column, each photo painted in each style. */
  async sheet(params: Tensors): Promise<EventImage> {
    const { size, sheetSide } = this.options;
    const contents = this.content.slice(0, sheetSide);
    const styles = this.style.slice(0, sheetSide);
    const rows: (Tile | undefined)[][] = [[undefined, ...styles.map(({ data }) => data)]];
    for (const content of contents) {
      const row: Tile[] = [content.data];
      for (const style of styles) {
        const painted = tf.tidy(() => {
          const generated = generate(this.nets, params, toTensor([style], size));
          const picture = paintEach(this.nets, params, generated, toTensor([content], size));
          return tf.clipByValue(tf.round(tf.mul(picture, 255)), 0, 255);
        });
        row.push(Uint8Array.from(await painted.data()));
        painted.dispose();
      }
      rows.push(row);
    }
    const side = (n: number) => 4 + n * (size + 4);
    return { png: await sheet(rows, size), width: side(sheetSide + 1), height: side(sheetSide + 1) };
  }
}
