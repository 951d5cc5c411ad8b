/** A function of many numbers at a point: its value and its gradient there. */
export interface Evaluation {
  readonly x: Float32Array;
  readonly loss: number;
  readonly gradient: Float32Array;
}

/** Sum of products, in double precision. */
export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** What a step must reach: the weak Wolfe conditions. */
export interface Wolfe {
  /** The share of the fall that the slope promises. */
  readonly fall: number;
  /** The share of the slope that may be left. */
  readonly slope: number;
  /** Most evaluations of one search. */
  readonly tries: number;
}

/** As Lewis and Overton advise. A step that is too short teaches nothing of curvature, hence the second condition. */
export const wolfe: Wolfe = { fall: 1e-4, slope: 0.9, tries: 20 };

/** g(from) · (to - from): what the slope promises for a step that may have been cut at bounds. */
function promise(from: Evaluation, to: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < to.length; i++) sum += from.gradient[i]! * (to[i]! - from.x[i]!);
  return sum;
}

/**
 * Looks along a path for a step that lowers the loss enough and leaves a flatter slope, by halving and doubling
 * (Lewis and Overton 2013, "Nonsmooth optimization via quasi-Newton methods": it needs no smoothness, and networks
 * with ReLU and max pooling are not smooth). A loss that is not finite counts as too high. Yields the best point that
 * fell enough when the tries run out, undefined when there is none.
 */
export async function lineSearch(
  from: Evaluation,
  at: (length: number) => Float32Array,
  evaluate: (x: Float32Array) => Promise<Evaluation>,
  first: number,
  { fall, slope, tries }: Wolfe = wolfe,
): Promise<Evaluation | undefined> {
  let [low, high, length] = [0, Number.POSITIVE_INFINITY, first];
  let best: Evaluation | undefined;
  for (let i = 0; i < tries; i++) {
    const point = await evaluate(at(length));
    const promised = promise(from, point.x);
    if (!(promised < 0) || !(point.loss <= from.loss + fall * promised)) high = length;
    else {
      if (!best || point.loss < best.loss) best = point;
      let left = 0;
      for (let k = 0; k < point.x.length; k++) left += point.gradient[k]! * (point.x[k]! - from.x[k]!);
      if (!(left < slope * promised)) return point;
      low = length;
    }
    length = Number.isFinite(high) ? (low + high) / 2 : 2 * length;
  }
  return best;
}
