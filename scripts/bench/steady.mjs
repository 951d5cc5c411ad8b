/**
 * `npm run bench -- steady`: how long the `steady` stage takes for a frame whose source stands still, moves in strips or
 * moves everywhere, in turn, in one run. Still is noise of a camera: 4 steps of 255.
 */
import { parseArgs } from 'node:util';
import { giveBack } from '../../dist/pipeline/recycle.js';
import { Steady } from '../../dist/pipeline/stages/steady.js';
import { machine, quantile, table, tell } from './figures.mjs';

const HELP = 'npm run bench -- steady [--sizes 640x360,1280x720] [--frames 120] [--json]';
/** Pixels of a strip; every second one moves. */
const STRIP = 32;
const MOVES = {
  still: () => false,
  strips: (x) => Math.floor(x / STRIP) % 2 === 1,
  everywhere: () => true,
};
/** Frames that come in turn: any two differ. */
const TURNS = 3;
const STYLE = new Map();

/** A frame of a source, noise where nothing moves. */
function draw({ width, height }, turn, moves) {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < data.length; i++)
    data[i] = moves(i % width) ? ((i * 131 + turn * 977) >> 3) & 255 : 100 + ((i * 7 + turn * 13) % 5);
  return { data, width, height };
}

/** A steady stage that is fed one kind of source; `step` gives the milliseconds of the next frame. */
function feed(kind, size) {
  const frames = Array.from({ length: TURNS }, (_, turn) => draw(size, turn, MOVES[kind]));
  const paintings = Array.from({ length: TURNS }, (_, turn) => draw(size, turn + TURNS, MOVES.still));
  const steady = new Steady();
  let at = 0;
  const step = () => {
    const painting = paintings[at % TURNS];
    const began = performance.now();
    const shown = steady.run(frames[at++ % TURNS], painting, STYLE, 1);
    const ms = performance.now() - began;
    if (shown !== painting) giveBack(shown);
    return ms;
  };
  return { kind, size, step, spent: [] };
}

/** Runs the whole of it. @returns the exit code. */
export async function measure(args) {
  const { values: options } = parseArgs({
    args,
    options: {
      sizes: { type: 'string', default: '640x360,1280x720' },
      frames: { type: 'string', default: '120' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const about = machine();
  const sizes = options.sizes.split(',').map((text) => text.split('x').map(Number));
  const frames = Number(options.frames);
  if (
    !(frames >= 1) ||
    !sizes.flat().every((side) => side >= 1) ||
    sizes.some(({ length }) => length !== 2)
  ) {
    console.error(`That cannot be measured: ${HELP}`);
    return 2;
  }
  const all = sizes.flatMap(([width, height]) =>
    Object.keys(MOVES).map((kind) => feed(kind, { width, height })),
  );
  for (let i = 0; i < frames; i++) for (const { step, spent } of all) spent.push(step());
  const results = all.map(({ kind, size, spent }) => ({
    ...{ source: kind, size: `${size.width}x${size.height}` },
    ...{ median: quantile(spent, 0.5), p10: quantile(spent, 0.1), p90: quantile(spent, 0.9) },
  }));
  const head = ['source moves', 'size', 'ms a frame (median)', 'p10', 'p90'];
  const rows = results.map(({ source, size, median, p10, p90 }) => [source, size, median, p10, p90]);
  tell({ machine: about, frames, results }, { json: options.json, tables: [table(head, rows)] });
  return 0;
}
