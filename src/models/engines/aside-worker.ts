import { setPriority } from 'node:os';
import { parentPort, type Transferable } from 'node:worker_threads';
import type { Bound, Engine, Painter, Styler } from '../engine.js';
import {
  type Answered,
  type Asked,
  ENGINE,
  flatten,
  type Method,
  type Reply,
  type Request,
} from './aside-protocol.js';
import { openHere } from './index.js';

/**
 * Painting gives way to what takes little and is waited for: decoding, encoding, packets. Linux does this for a thread;
 * elsewhere it would hold for the whole process.
 */
const NICENESS = 5;
if (process.platform === 'linux')
  try {
    setPriority(NICENESS);
  } catch {
    // A sandbox that forbids it: it paints as it is.
  }

/** Engines, painters, stylers and bound styles of this thread, by number. */
const things = new Map<number, AsyncDisposable | Disposable>();
let count = 0;

function keep(thing: AsyncDisposable | Disposable): number {
  things.set(++count, thing);
  return count;
}

const engine = () => things.get(ENGINE) as Engine;

const methods: { readonly [M in Method]: (args: Asked[M]) => Promise<Answered[M]> } = {
  open: async ({ name }) => {
    const opened = await openHere(name);
    keep(opened);
    return { name: opened.name, batch: opened.batch };
  },
  painter: async ({ net, base, size, options }) => {
    const painter = await engine().painter(net, base, size, options);
    return { id: keep(painter), batch: painter.batch };
  },
  styler: async ({ net, base }) => keep(await engine().styler(net, base)),
  bind: async ({ painter, style }) => keep(await (things.get(painter) as Painter).bind(style)),
  paint: ({ painter, batch }) =>
    (things.get(painter) as Painter).paint(
      batch.map(({ pixels, style }) => ({ pixels, style: things.get(style) as Bound })),
    ),
  weights: ({ styler, picture }) => (things.get(styler) as Styler).weights(picture),
  dispose: async ({ what }) => {
    const thing = things.get(what);
    things.delete(what);
    if (thing && Symbol.asyncDispose in thing) await thing[Symbol.asyncDispose]();
    else thing?.[Symbol.dispose]();
    return undefined;
  },
};

/** Painted pictures are handed over rather than copied: nobody here holds them. */
const handedOver = (method: Method, value: Answered[Method]): Transferable[] =>
  method === 'paint' ? (value as Answered['paint']).map(({ data }) => data.buffer as ArrayBuffer) : [];

parentPort?.on('message', async ({ id, method, args }: Request) => {
  const post = (reply: Reply, transfer: Transferable[] = []) => parentPort?.postMessage(reply, transfer);
  try {
    const value = await (methods[method] as (args: Asked[Method]) => Promise<Answered[Method]>)(args);
    post({ id, value }, handedOver(method, value));
  } catch (error) {
    post({ id, error: flatten(error) });
  }
});
