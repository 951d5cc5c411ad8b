/**
 * `npm run bench -- overload`: a stream whose engine is too slow by a factor. Frames come from memory and viewers are
 * made up, so that only what lies between is measured: latency must not grow, and no frame may be unaccounted for.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { machine, note, round, table, tell, timing } from './figures.mjs';

const USAGE = `npm run bench -- overload [options]
  --seconds <n>   time that is measured (default: 60), told in slices of ten
  --fps <n>       of the publisher (default: 25), --size <WxH> (default: 640x360)
  --factor <n>    how many frame intervals the engine takes for a frame (default: 4)
  --codec <name>  of the viewer: h264 (default) or vp8
  --no-adapt      keeps the size that is painted at, whatever the load
  --json          prints one JSON object`;
const SLICE_S = 10;
/** What the pipeline around the engine may add, in milliseconds. */
const AROUND = 50;
/** Nothing comes for so long, before and after, that all frames are accounted for: less than what brings the card. */
const QUIET_MS = 900;

function optionsOf(args) {
  const string = (value) => ({ type: 'string', default: value });
  const { values } = parseArgs({
    args,
    options: {
      ...{ seconds: string('60'), fps: string('25'), size: string('640x360'), factor: string('4') },
      ...{ codec: string('h264'), json: { type: 'boolean', default: false } },
      ...{ 'no-adapt': { type: 'boolean', default: false }, help: { type: 'boolean' } },
    },
  });
  const [width, height] = values.size.split('x').map(Number);
  const [seconds, fps, factor] = [values.seconds, values.fps, values.factor].map(Number);
  return { ...values, width, height, seconds, fps, factor };
}

/** Some pictures that differ, as planar RGB. */
function pictures({ width, height }, count = 12) {
  return Array.from({ length: count }, (_, n) => {
    const data = new Uint8Array(3 * width * height);
    for (let i = 0; i < data.length; i++) data[i] = (i % width) + Math.floor(i / width) + 20 * n;
    return { data, width, height };
  });
}

/** A publisher at a steady pace that can be held. */
class Source {
  live = true;
  sent = 0;
  held = true;
  #pictures;

  constructor(options, { frame, liveNow }) {
    this.info = { kind: 'pattern', ...options, bitrate: 0 };
    this.#pictures = pictures(options);
    this.frame = frame;
    this.liveNow = liveNow;
  }

  async *frames(signal) {
    const began = performance.now();
    for (let n = 1; !signal.aborted; n++) {
      const wait = began + (n * 1000) / this.info.fps - performance.now();
      if (wait > 0) await sleep(wait, undefined, { signal }).catch(() => {});
      if (this.held || signal.aborted) continue;
      this.sent++;
      yield this.frame(this.#pictures[n % this.#pictures.length], this.liveNow());
    }
  }

  onSound() {
    return { [Symbol.dispose]() {} };
  }

  async [Symbol.asyncDispose]() {}
}

/** A viewer that notes how old each picture is when it would leave. */
function viewerOf(liveNow) {
  const seen = [];
  return {
    ...{ seen, backlog: 0, estimate: 0, sound() {} },
    picture: ({ timestamp }) => {
      const now = liveNow();
      seen.push({ at: now, ms: (now - timestamp) / 1000 });
    },
    onKeyRequest: () => ({ [Symbol.dispose]() {} }),
  };
}

/** The streams of a server, put together as the server does it. */
async function open({ width, height, codec, ...options }) {
  const [{ openServerStudio, openStreams }, { settings: schema }, { Metrics }] = await Promise.all([
    import('../../dist/commands/streams.js'),
    import('../../dist/server/settings.js'),
    import('../../dist/server/metrics.js'),
  ]);
  const delay = (1000 * options.factor) / options.fps;
  const engine = `identity:delay=${delay}ms`;
  const settings = schema.parse({ paint: { engine, width, height, adapt: !options['no-adapt'] } });
  const studio = await openServerStudio(settings, new AbortController().signal);
  const need = { settings, metrics: new Metrics(), folders: { recordings: '', hls: '' } };
  const { sessions } = await openStreams(studio, need);
  return { session: sessions.open('overload'), delay, engine };
}

/** Frames by what became of them, while none is on its way. */
async function settled(session, source) {
  source.held = true;
  await sleep(QUIET_MS);
  const { frames } = session.stats();
  const dropped = Object.values(frames.dropped).reduce((sum, n) => sum + n, 0);
  return { sent: source.sent, in: frames.in, painted: frames.painted, dropped };
}

async function run(options) {
  const where = machine();
  const [live, { frame, framesAlive }] = await Promise.all([
    import('../../dist/pipeline/live.js'),
    import('../../dist/pipeline/frame.js'),
  ]);
  const { session, delay, engine } = await open(options);
  const source = new Source(options, { frame, liveNow: live.liveNow });
  const viewer = viewerOf(live.liveNow);
  session.publish(source);
  await session.watch(options.codec, viewer);
  source.held = false;
  note(`warming up for 5 s, then ${options.seconds} s …`);
  await sleep(5000);
  const before = await settled(session, source);
  viewer.seen.length = 0;
  source.held = false;
  const slices = [];
  for (let left = options.seconds; left > 0; left -= SLICE_S) {
    const seconds = Math.min(SLICE_S, left);
    await sleep(seconds * 1000);
    const { p50, p95, worst, count } = timing(viewer.seen.splice(0).map(({ ms }) => ms));
    const { width, height } = session.info().degraded;
    slices.push({
      ...{ seconds, p50, p95, worst, fps: round(count / seconds), work: `${width}x${height}` },
      ...{ rssMB: Math.round(process.memoryUsage.rss() / 1e6), frames: framesAlive() },
    });
  }
  const after = await settled(session, source);
  const frames = Object.fromEntries(Object.keys(after).map((name) => [name, after[name] - before[name]]));
  return { ...{ bench: 'overload', machine: where, options, engine, delay }, slices, frames };
}

function verdict({ delay, slices, frames }) {
  const bound = 2 * delay + AROUND;
  const worst = Math.max(...slices.map(({ p95 }) => p95 ?? Number.POSITIVE_INFINITY));
  const growth = round(slices.at(-1).p95 - slices[0].p95);
  return {
    ...{ bound, latency: worst <= bound, growth, flat: growth <= AROUND },
    accounted: frames.sent === frames.in && frames.in === frames.painted + frames.dropped,
  };
}

/** @returns the exit code: 1 when a bound is broken. */
export async function measure(args) {
  const options = optionsOf(args);
  if (options.help) return console.log(USAGE) ?? 0;
  const result = await run(options);
  const bounds = verdict(result);
  const head = ['seconds', 'ms p50', 'p95', 'worst', 'frames/s', 'painted at', 'RSS MB', 'frames held'];
  const rows = result.slices.map(({ seconds, p50, p95, worst, fps, work, rssMB, frames }) => [
    ...[seconds, p50, p95, worst, fps, work, rssMB, frames],
  ]);
  const { sent, in: came, painted, dropped } = result.frames;
  const checks = [
    [`latency p95 at most ${bounds.bound} ms (two engine periods + ${AROUND})`, bounds.latency],
    [`flat: p95 of the last slice is ${bounds.growth} ms above the first`, bounds.flat],
    [`frames: ${sent} sent, ${came} in = ${painted} painted + ${dropped} dropped`, bounds.accounted],
  ];
  const tables = [
    table(head, rows),
    table([`${result.engine}, ${options.fps} frames/s in`, 'holds'], checks),
  ];
  tell({ ...result, bounds }, { json: options.json, tables });
  return bounds.latency && bounds.flat && bounds.accounted ? 0 : 1;
}
