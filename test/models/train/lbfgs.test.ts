import { describe, expect, it } from 'vitest';
import { lbfgs } from '../../../src/models/train/lbfgs.js';

/** Rosenbrock's valley in n numbers: minimum 0 at (1, …, 1). */
const rosenbrock = async (x: Float32Array) => {
  const gradient = new Float32Array(x.length);
  let loss = 0;
  for (let i = 0; i + 1 < x.length; i++) {
    const [a, b] = [1 - x[i]!, x[i + 1]! - x[i]! ** 2];
    loss += a * a + 100 * b * b;
    gradient[i]! += -2 * a - 400 * x[i]! * b;
    gradient[i + 1]! += 200 * b;
  }
  return { loss, gradient };
};

/** Sum of w (x - c)^2 with weights from 1 to 1000. */
const bowl = (centre: readonly number[]) => async (x: Float32Array) => {
  const weight = (i: number) => 1000 ** (i / Math.max(1, centre.length - 1));
  const gradient = x.map((value, i) => 2 * weight(i) * (value - centre[i]!));
  return { loss: centre.reduce((sum, c, i) => sum + weight(i) * (x[i]! - c) ** 2, 0), gradient };
};

describe('L-BFGS', () => {
  it("finds the end of Rosenbrock's valley", async () => {
    const { x, loss, steps } = await lbfgs(rosenbrock, Float32Array.of(-1.2, 1), { steps: 100 });
    expect(loss).toBeLessThan(1e-7);
    for (const value of x) expect(value).toBeCloseTo(1, 3);
    expect(steps).toBeLessThan(60);
    const many = await lbfgs(rosenbrock, new Float32Array(20), { steps: 300 });
    for (const value of many.x) expect(value).toBeCloseTo(1, 2);
  });

  it('finds the bottom of a narrow bowl, and says when there is nothing left to gain', async () => {
    const centre = [3, -2, 0.5, 7, -1];
    const found = await lbfgs(bowl(centre), new Float32Array(5), { steps: 200 });
    expect(found.end).toBe('converged');
    expect(found.steps).toBeLessThan(60);
    for (const [i, value] of found.x.entries()) expect(value).toBeCloseTo(centre[i]!, 3);
  });

  it('stays within bounds, and finds the best point there', async () => {
    const seen: number[] = [];
    const watched = (x: Float32Array) => {
      seen.push(...x);
      return bowl([2, 0.25, -3, 0.75])(x);
    };
    const { x } = await lbfgs(watched, Float32Array.of(0.5, 0.9, 0.5, 0.1), { bounds: [0, 1], steps: 50 });
    for (const [i, value] of [1, 0.25, 0, 0.75].entries()) expect(x[i]).toBeCloseTo(value, 4);
    expect(Math.min(...seen)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...seen)).toBeLessThanOrEqual(1);
  });

  it('gets round a place where the loss is no number', async () => {
    // The first trial step of 8 leads past 5, where there is nothing.
    const cliff = async (x: Float32Array) =>
      x[0]! > 5 ? { loss: Number.NaN, gradient: Float32Array.of(Number.NaN) } : bowl([4])(x);
    const { x } = await lbfgs(cliff, Float32Array.of(0), { firstStep: 8, steps: 30 });
    expect(x[0]).toBeCloseTo(4, 3);
  });

  it('copes with kinks', async () => {
    const kinked = async (x: Float32Array) => ({
      loss: x.reduce((sum, value, i) => sum + (i + 1) * Math.abs(value - 1), 0),
      gradient: x.map((value, i) => (i + 1) * Math.sign(value - 1)),
    });
    const { loss } = await lbfgs(kinked, Float32Array.of(-2, 5, 3), { steps: 100 });
    expect(loss).toBeLessThan(0.01);
  });

  it('never goes up, counts steps and evaluations, and takes no more steps than told', async () => {
    const losses: number[] = [];
    const onStep = (_: number, { loss }: { loss: number }) => losses.push(loss);
    const end = await lbfgs(rosenbrock, Float32Array.of(-1.2, 1), { steps: 7 }, { onStep });
    expect(end).toMatchObject({ steps: 7, end: 'steps', loss: losses.at(-1)! });
    expect(end.evaluations).toBeGreaterThan(7);
    expect(losses).toEqual([...losses].sort((a, b) => b - a));
  });

  it('stops when told, with the point it had reached', async () => {
    const control = new AbortController();
    const reached: Float32Array[] = [];
    const onStep = (step: number, { x }: { x: Float32Array }) => {
      reached.push(x);
      if (step === 3) control.abort();
    };
    const end = await lbfgs(rosenbrock, Float32Array.of(-1.2, 1), {}, { signal: control.signal, onStep });
    expect(end).toMatchObject({ steps: 3, end: 'stopped', x: reached[2]! });
  });

  it('leaves a point alone that is the best one', async () => {
    expect(await lbfgs(bowl([1, 2]), Float32Array.of(1, 2))).toMatchObject({
      steps: 0,
      end: 'converged',
      loss: 0,
    });
  });
});
