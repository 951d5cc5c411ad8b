import * as tf from '@tensorflow/tfjs';
import type { Tensors } from '../engines/tfjs-forward.js';
import { toTensor } from './batches.js';
import { numbersOf } from './course.js';
import type { CourseOptions } from './course-options.js';
import { type Crop, type Pictures, spread } from './images.js';
import { contentTargets, type Losses, type LossNetwork, lossOf, styleTargets } from './losses.js';
import { sheet, type Tile } from './sheet.js';
import type { EventImage } from './tensorboard.js';

/**
 * Paints photos [N, S, S, 3] (0 to 255), photo i in the style `which[i]` of an evaluation's; yields floats in [0, 1].
 */
export type PaintIn = (photos: tf.Tensor4D, which: readonly number[]) => tf.Tensor4D;

/** Style targets of the styles `which[i]` of an evaluation's. */
export type TargetsIn = (which: readonly number[]) => Tensors;

/** Photos and styles that are looked at again and again in a training, always the same. */
export interface Specimens {
  readonly content: readonly Crop[];
  readonly style: readonly Crop[];
}

/** Held-out photos and styles enough for the evaluations and sheets that the options ask for. */
export async function specimensOf(
  pictures: { readonly content: Pictures; readonly style: Pictures },
  { evaluatePairs, sheetSide }: Pick<CourseOptions, 'evaluatePairs' | 'sheetSide'>,
): Promise<Specimens> {
  const count = Math.max(evaluatePairs, sheetSide);
  return { content: await spread(pictures.content, count), style: await spread(pictures.style, count) };
}

/** Looks at what a training has reached: losses of pairs of specimens, and a sheet of them painted. */
export class Evaluation {
  /** Loss of the photos as they are: what a net that does nothing scores. */
  #unchanged: Record<string, number> | undefined;

  /** Pair i is photo i in style i; styles repeat where they are fewer. */
  constructor(
    readonly networks: readonly LossNetwork[],
    readonly specimens: Specimens,
    readonly options: CourseOptions,
    readonly paint: PaintIn,
    /** Those of the styles among the specimens unless told. */
    readonly target?: TargetsIn,
  ) {}

  /** Mean losses over the pairs: total and parts, and the total of the unchanged photos. */
  async run(): Promise<Record<string, number>> {
    this.#unchanged ??= await this.#losses((photos) => tf.mul(photos, 1 / 255));
    return { ...(await this.#losses(this.paint)), unchanged: this.#unchanged.total! };
  }

  async #losses(paint: PaintIn): Promise<Record<string, number>> {
    const { content, style } = this.specimens;
    const { batch, size } = this.options;
    const pairs = Math.min(this.options.evaluatePairs, content.length);
    const sums: Record<string, number> = {};
    for (let at = 0; at < pairs; at += batch) {
      const photos = content.slice(at, Math.min(at + batch, pairs));
      const which = photos.map((_, i) => (at + i) % style.length);
      const losses = tf.tidy(() => {
        const x = toTensor(photos, size);
        const targets = {
          style: this.target?.(which) ?? this.#targets(which),
          content: contentTargets(this.networks, tf.mul(x, 1 / 255) as tf.Tensor4D, this.options),
        };
        return lossOf(this.networks, paint(x, which), targets, this.options) as Losses &
          Record<string, tf.Scalar>;
      });
      for (const [name, value] of Object.entries(await numbersOf(losses)))
        sums[name] = (sums[name] ?? 0) + (photos.length / pairs) * value;
      tf.dispose(losses);
    }
    return sums;
  }

  #targets(which: readonly number[]): Tensors {
    const paintings = toTensor(
      which.map((i) => this.specimens.style[i]!),
      this.options.size,
    );
    return styleTargets(this.networks, tf.mul(paintings, 1 / 255) as tf.Tensor4D, this.options);
  }

  /** Styles in the top row, photos in the left column, each photo painted in each style. */
  async sheet(): Promise<EventImage> {
    const { size, sheetSide } = this.options;
    const contents = this.specimens.content.slice(0, sheetSide);
    const styles = this.specimens.style.slice(0, sheetSide);
    const rows: (Tile | undefined)[][] = [[undefined, ...styles.map(({ data }) => data)]];
    for (const photo of contents) {
      const row: Tile[] = [photo.data];
      for (const which of styles.keys()) {
        const painted = tf.tidy(() =>
          tf.clipByValue(tf.round(tf.mul(this.paint(toTensor([photo], size), [which]), 255)), 0, 255),
        );
        row.push(Uint8Array.from(await painted.data()));
        painted.dispose();
      }
      rows.push(row);
    }
    const side = (n: number) => 4 + n * (size + 4);
    return {
      png: await sheet(rows, size),
      width: side(styles.length + 1),
      height: side(contents.length + 1),
    };
  }
}
