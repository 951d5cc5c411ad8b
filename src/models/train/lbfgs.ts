import { dot, type Evaluation, lineSearch } from './line-search.js';

/** How `lbfgs` goes about it. */
export interface LbfgsOptions {
  /** Most steps. */
  readonly steps: number;
  /** Pairs of steps and changes of gradient that are remembered; each takes 8 bytes a number. */
  readonly memory: number;
  /** Largest change of any number in the very first trial step: later ones know the curvature. */
  readonly firstStep: number;
  /** Every number stays within. */
  readonly bounds?: readonly [least: number, most: number];
  /** Ends when no free number's slope is larger than this share of the first step's largest. */
  readonly tolerance: number;
}

export const lbfgsDefaults: LbfgsOptions = { steps: 300, memory: 20, firstStep: 0.1, tolerance: 1e-9 };

/** Where it ended, and why: all steps made, nothing left to gain, or told to stop. */
export interface Minimum extends Evaluation {
  readonly steps: number;
  readonly evaluations: number;
  readonly end: 'steps' | 'converged' | 'stopped';
}

/** A step s, the change y of the gradient over it, and 1 / (s · y). */
interface Pair {
  readonly s: Float32Array;
  readonly y: Float32Array;
  readonly rho: number;
}

/** The gradient times the remembered inverse curvature, in place: the two-loop recursion (Nocedal 1980). */
function applyCurvature(pairs: readonly Pair[], q: Float32Array): void {
  const add = (factor: number, v: Float32Array) => {
    for (let i = 0; i < q.length; i++) q[i]! += factor * v[i]!;
  };
  const alphas = [...pairs].reverse().map(({ s, y, rho }) => {
    const alpha = rho * dot(s, q);
    add(-alpha, y);
    return alpha;
  });
  const last = pairs.at(-1);
  if (last) {
    const scale = 1 / (last.rho * dot(last.y, last.y));
    for (let i = 0; i < q.length; i++) q[i]! *= scale;
  }
  for (const { s, y, rho } of pairs) add(alphas.pop()! - rho * dot(y, q), s);
}

/** What is not pressed against a bound by its slope; the others rest. */
function freeOf({ x, gradient }: Evaluation, [least, most]: readonly [number, number]): Float32Array {
  return gradient.map((slope, i) =>
    (x[i]! <= least && slope > 0) || (x[i]! >= most && slope < 0) ? 0 : slope,
  );
}

const difference = (a: Float32Array, b: Float32Array): Float32Array => a.map((value, i) => value - b[i]!);

const largest = (values: Float32Array): number => {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
};

/** Down the hill: minus the free slopes bent by what is known of curvature. Bounded numbers that rest stay at rest. */
function directionOf(free: Float32Array, pairs: readonly Pair[]): Float32Array {
  const direction = Float32Array.from(free);
  applyCurvature(pairs, direction);
  for (let i = 0; i < direction.length; i++) direction[i] = free[i] === 0 ? 0 : -direction[i]!;
  return direction;
}

/**
 * Minimises a function of many numbers from its gradients (Liu and Nocedal 1989, L-BFGS), within bounds by projection.
 * A step is one line search, mostly of one evaluation. Vectors are on the host in single precision, sums in double.
 * `onStep` is awaited after each step. An aborted signal ends it with the point reached, also within a line search.
 */
export async function lbfgs(
  compute: (x: Float32Array) => Promise<Omit<Evaluation, 'x'>>,
  start: Float32Array,
  given: Partial<LbfgsOptions> = {},
  about: {
    readonly signal?: AbortSignal;
    readonly onStep?: (step: number, point: Evaluation) => unknown;
  } = {},
): Promise<Minimum> {
  const options = { ...lbfgsDefaults, ...given };
  const [least, most] = options.bounds ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
  const stopped = Symbol('stopped');
  let evaluations = 0;
  const evaluate = async (x: Float32Array): Promise<Evaluation> => {
    if (about.signal?.aborted) throw stopped;
    evaluations++;
    return { x, ...(await compute(x)) };
  };
  const clip = (value: number) => Math.min(most, Math.max(least, value));
  let point: Evaluation = { x: start.map(clip), loss: Number.NaN, gradient: new Float32Array(start.length) };
  const pairs: Pair[] = [];
  let first = 0;
  let steps = 0;
  const end = (why: Minimum['end']): Minimum => ({ ...point, steps, evaluations, end: why });
  try {
    point = await evaluate(point.x);
    while (steps < options.steps) {
      const free = freeOf(point, [least, most]);
      first ||= largest(free);
      if (!(largest(free) > options.tolerance * first)) return end('converged');
      let direction = directionOf(free, pairs);
      // Rounding can turn it uphill; the slope itself always leads down.
      if (!(dot(direction, free) < 0)) {
        pairs.length = 0;
        direction = directionOf(free, pairs);
      }
      const from = point;
      const at = (length: number) => from.x.map((value, i) => clip(value + length * direction[i]!));
      const trial = pairs.length > 0 ? 1 : options.firstStep / largest(direction);
      const next = await lineSearch(from, at, evaluate, trial);
      if (!next && pairs.length === 0) return end('converged');
      if (!next) {
        pairs.length = 0;
        continue;
      }
      const [s, y] = [difference(next.x, from.x), difference(next.gradient, from.gradient)];
      const curvature = dot(s, y);
      if (curvature > 1e-10 * dot(y, y)) pairs.push({ s, y, rho: 1 / curvature });
      if (pairs.length > options.memory) pairs.shift();
      point = next;
      steps++;
      await about.onStep?.(steps, point);
    }
    return end('steps');
  } catch (error) {
    if (error === stopped) return end('stopped');
    throw error;
  }
}
