import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { openOpponents, ourRival, type Rival, type Task } from '../../../src/commands/bench/contenders.js';
import { LineProcess } from '../../../src/commands/bench/line-process.js';
import { openOnnxRuntime } from '../../../src/commands/bench/onnxruntime.js';
import { differenceOf } from '../../../src/commands/bench/picture.js';
import { taskOf } from '../../../src/commands/bench/task.js';
import { openEngine } from '../../../src/models/engines/index.js';

const signal = new AbortController().signal;

const task = (base: number, width: number, height: number): Task => {
  const plain = taskOf(base, { width, height });
  const weights = new Map(plain.weights);
  // Scales and shifts that are not 1 and 0, so that leaving them out would show.
  for (const [name, { shape, data }] of weights)
    if (/\.(scale|shift|bias)$/.test(name))
      weights.set(name, { shape, data: data.map((value, i) => value + 0.1 * Math.sin(i + name.length)) });
  return { ...plain, weights };
};

async function painted(rival: Rival, what: Task): Promise<Uint8Array> {
  await using painting = await rival.open(what);
  const ms = await painting.run();
  if (ms !== undefined) expect(ms).toBeGreaterThan(0);
  return Uint8Array.from(await painting.picture());
}

/** The first Python that has PyTorch. */
const python = ['python3', '/usr/bin/python3'].find((name) => {
  try {
    execFileSync(name, ['-c', 'import torch'], { stdio: 'ignore', timeout: 60_000 });
    return true;
  } catch {
    return false;
  }
});

describe('an engine of ours', () => {
  it('paints with the weights of a style bound what ONNX Runtime paints with all weights its own', async () => {
    await using ours = await ourRival(await openEngine('onnx/cpu'));
    await using reference = await openOnnxRuntime();
    const apart = differenceOf(
      await painted(ours, task(4, 32, 48)),
      await painted(reference, task(4, 32, 48)),
    );
    expect(apart.max).toBeLessThanOrEqual(1);
  });
});

describe('PyTorch', () => {
  it.skipIf(!python)(
    `paints what ONNX Runtime paints${python ? '' : ' (skipped: no Python with PyTorch)'}`,
    async () => {
      const rivals = await openOpponents(['pytorch'], { python, signal, note: () => {} });
      await using reference = await openOnnxRuntime();
      for (const rival of rivals)
        for (const what of [task(2, 36, 24), task(5, 32, 48)]) {
          const apart = differenceOf(await painted(rival, what), await painted(reference, what));
          expect(apart.max).toBeLessThanOrEqual(1);
          expect(apart.mean).toBeLessThan(0.02);
        }
      const product = await rivals.find(({ product }) => product)!.product!();
      expect(await product.run()).toBeGreaterThan(0);
      for (const rival of rivals) await rival[Symbol.asyncDispose]();
    },
  );

  it('is left out with a word on how to get it, or refused where it was asked for', async () => {
    const notes: string[] = [];
    const options = { python: process.execPath, signal, note: (line: string) => void notes.push(line) };
    const rivals = await openOpponents(undefined, options);
    expect(rivals.map(({ name }) => name)).toEqual(['onnxruntime-node, net as written']);
    expect(notes.join()).toMatch(/left out: pytorch .*--python/);
    await expect(openOpponents(['pytorch'], options)).rejects.toThrow('no Python with PyTorch');
    for (const rival of rivals) await rival[Symbol.asyncDispose]();
  });
});

describe('a program that answers line by line', () => {
  const node = (script: string) => new LineProcess(process.execPath, ['-e', script]);

  it('answers questions in order, whatever else it prints', async () => {
    await using program = node(`
      console.log('hello');
      require('readline').createInterface({ input: process.stdin })
        .on('line', (line) => console.log(JSON.stringify({ twice: 2 * JSON.parse(line).n })));`);
    const answers = await Promise.all([1, 2, 3].map((n) => program.ask({ n }, 20_000)));
    expect(answers).toEqual([{ twice: 2 }, { twice: 4 }, { twice: 6 }]);
  });

  it('fails with what the program says: an error, its last words, or nothing in time', async () => {
    await using wrong = node(`process.stdin.once('data', () => console.log('{"error":"no such net"}'))`);
    await expect(wrong.ask({}, 20_000)).rejects.toThrow('no such net');
    await using ends = node(`console.error('a line'); console.error('last words'); process.exitCode = 3`);
    await expect(ends.ask({}, 20_000)).rejects.toThrow('last words');
    await expect(ends.ask({}, 20_000)).rejects.toThrow('last words');
    await using silent = node('setInterval(() => {}, 1000)');
    await expect(silent.ask({}, 50)).rejects.toThrow('no answer');
    await using missing = new LineProcess('/nowhere/python', []);
    await expect(missing.ask({}, 20_000)).rejects.toThrow('ENOENT');
  });
});
