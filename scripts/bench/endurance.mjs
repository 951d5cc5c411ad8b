/**
 * `npm run bench -- endurance`: a real server, and clients that come, go, vanish and send nonsense. In the end it has
 * to hold what it held at first.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { machine, note, quantile, round, table, tell } from './figures.mjs';
import { COUNTED, metricsOf, resourcesOf, send, startServer } from './server.mjs';

const USAGE = `npm run bench -- endurance [options]
  --cycles <n>     publishers with a viewer that come and go (default: 200), half by DELETE, half without a word
  --offers <n>     mutated offers (default: 1000)
  --messages <n>   malformed messages on control sockets (default: 1000)
  --datagrams <n>  garbage at the media ports of a stream that runs (default: 20000)
  --json           prints one JSON object
0 leaves a part out.`;
/** More names than publishers that have vanished and are not yet missed. */
const NAMES = 48;
const STREAM = 'stage';
const ANSWERED_MS = 6000;
const SETTLED_MS = 40_000;
/**
 * What the heap may have grown by, garbage that waits among it; and the whole process over the second half of the
 * cycles: what the allocator keeps for the next time is not given back, but is full after the first half.
 */
const [GROWN_MB, CREEP_MB] = [100, 50];

const SETTINGS = [
  ...[
    'paint.engine=identity',
    'paint.width=160',
    'paint.height=96',
    'demo=false',
    'webrtc.udpPorts=[43000, 43999]',
  ],
  ...['limits.streams=100', 'limits.viewers=500', 'limits.requestsPerSecond=100000'],
  ...['limits.signallingPerSecond=100000', 'limits.socketsPerAddress=64'],
];

function optionsOf(args) {
  const string = (value) => ({ type: 'string', default: value });
  const { values } = parseArgs({
    args,
    options: {
      ...{ cycles: string('200'), offers: string('1000'), messages: string('1000') },
      ...{ datagrams: string('20000'), json: { type: 'boolean', default: false }, help: { type: 'boolean' } },
    },
  });
  const [cycles, offers, messages, datagrams] = [
    ...[values.cycles, values.offers, values.messages, values.datagrams].map(Number),
  ];
  return { ...values, cycles, offers, messages, datagrams };
}

/** Waits until nothing is held that was not before. */
async function settle(server, baseline) {
  const began = performance.now();
  for (;;) {
    const now = await resourcesOf(server);
    const left = COUNTED.filter((name) => now[name] > baseline[name]);
    const seconds = round((performance.now() - began) / 1000);
    if (left.length === 0 || seconds * 1000 > SETTLED_MS)
      return {
        seconds,
        now,
        left: left.map((name) => `${name} ${baseline[name]} → ${now[name]}`),
        holds: left.length === 0,
      };
    await sleep(500);
  }
}

/** Ends all streams but the one that was there at first: each keeps its last picture. */
async function closeStreams(server) {
  const { streams } = JSON.parse((await send(`${server.url}/api/streams`)).text);
  for (const { name } of streams)
    if (name !== STREAM) await send(`${server.url}/api/streams/${name}`, { method: 'DELETE' });
}

/** One publisher and one viewer, who sees something; then both go. */
async function cycle(clients, server, name, pictures, politely) {
  const began = performance.now();
  const publisher = await clients.openPublisher(server, name, pictures);
  let viewer;
  try {
    viewer = await clients.openViewer(server, name);
    await clients.until(() => viewer.packets() > 0);
    const ms = performance.now() - began;
    if (!politely) return ms;
    const statuses = [await viewer.leave(), await publisher.leave()];
    if (statuses.some((status) => status !== 200)) throw new Error(`DELETE was answered ${statuses}`);
    return ms;
  } finally {
    if (!politely) await Promise.all([publisher.vanish(), viewer?.vanish()]);
  }
}

async function cycles(clients, server, pictures, count) {
  const times = [];
  const problems = [];
  const residentMB = [];
  for (let n = 0; n < count; n++) {
    const done = cycle(clients, server, `cycle${n % NAMES}`, pictures, n % 2 === 0);
    await done.then((ms) => times.push(ms)).catch((error) => problems.push(`${n}: ${error.message}`));
    if (n % 20 < 19) continue;
    residentMB.push((await resourcesOf(server)).rssMB);
    note(`  ${n + 1} of ${count}: ${residentMB.at(-1)} MB resident`);
  }
  const seen = { p50: quantile(times, 0.5), p95: quantile(times, 0.95), worst: quantile(times, 1) };
  return {
    count,
    firstPictureMs: seen,
    residentMB,
    problems: problems.slice(0, 5),
    holds: problems.length === 0,
  };
}

/** Garbage at the ports of a publisher and a viewer: both stay, and the picture goes on. */
async function datagrams(clients, hostile, server, pictures, count) {
  const publisher = await clients.openPublisher(server, STREAM, pictures);
  const viewer = await clients.openViewer(server, STREAM);
  const painted = async () =>
    (await metricsOf(server)).get(`livebrush_frames_out_total{stream="${STREAM}"}`) ?? 0;
  const rate = async (work) => {
    const [from, began] = [await painted(), performance.now()];
    await work();
    return round(((await painted()) - from) / ((performance.now() - began) / 1000));
  };
  await clients.until(() => viewer.packets() > 0);
  await sleep(1500);
  const before = await rate(() => sleep(3000));
  const during = await rate(() => hostile.garbageDatagrams([...publisher.ports, ...viewer.ports], count));
  const packets = viewer.packets();
  const after = await rate(() => sleep(3000));
  const alive = publisher.connected() && viewer.connected() && viewer.packets() > packets;
  const { peers } = await resourcesOf(server);
  await viewer.leave();
  await publisher.leave();
  const holds = alive && peers === 2 && after > 0.7 * before;
  return { count, paintedFps: { before, during, after }, peers, alive, holds };
}

/** Frames of all streams by what became of them. */
async function accounts(server) {
  const all = [...(await metricsOf(server))];
  const sum = (name) =>
    all.filter(([key]) => key.startsWith(`${name}{`)).reduce((total, [, value]) => total + value, 0);
  const [came, painted, dropped] = ['in', 'out', 'dropped'].map((name) =>
    sum(`livebrush_frames_${name}_total`),
  );
  return { in: came, painted, dropped, holds: came === painted + dropped };
}

/** The same once none is on its way: as long as viewers are not missed yet, cards are painted for them. */
async function accounted(server) {
  const end = performance.now() + SETTLED_MS;
  for (;;) {
    const found = await accounts(server);
    if (found.holds || performance.now() > end) return found;
    await sleep(200);
  }
}

async function run(options) {
  const where = machine();
  const [clients, hostile] = await Promise.all([import('./clients.mjs'), import('./hostile.mjs')]);
  const pictures = await clients.encoded();
  const server = await startServer(...SETTINGS);
  let result;
  try {
    note('the first time of everything …');
    for (let n = 0; n < 2; n++) await cycle(clients, server, STREAM, pictures, n === 0);
    await sleep(25_000);
    const baseline = await resourcesOf(server);
    const parts = {};
    const part = async (name, count, work) => {
      if (count === 0) return;
      note(`${name}: ${count} …`);
      parts[name] = await work();
      parts[name].frames = await accounted(server);
      await closeStreams(server);
      parts[name].after = await settle(server, baseline);
    };
    await part('cycles', options.cycles, () => cycles(clients, server, pictures, options.cycles));
    const mild = { stream: STREAM, withinMs: ANSWERED_MS };
    await part('offers', options.offers, () => hostile.mutatedOffers(server, options.offers, mild));
    await part('messages', options.messages, () => hostile.malformedMessages(server, options.messages, mild));
    await part('datagrams', options.datagrams, () =>
      datagrams(clients, hostile, server, pictures, options.datagrams),
    );
    const last = await resourcesOf(server);
    const { residentMB = [] } = parts.cycles ?? {};
    const creep = (residentMB.at(-1) ?? 0) - (residentMB[residentMB.length >> 1] ?? 0);
    const grown = last.heapMB - baseline.heapMB;
    const memory = { grown, creep, ...last, holds: grown < GROWN_MB && creep < CREEP_MB };
    result = { bench: 'endurance', machine: where, options, baseline, parts, memory };
  } finally {
    const code = await server.stop();
    if (result)
      result.exit = { code, errors: server.errors().split('\n').filter(Boolean), holds: code === 0 };
  }
  return result;
}

function told(name, { holds, after, frames, ...found }) {
  const words = {
    cycles: () =>
      `came and went; first picture after ${found.firstPictureMs.p50} ms p50, ${found.firstPictureMs.p95} p95`,
    offers: () => `answered ${JSON.stringify(found.statuses)}, slowest after ${found.slowestMs} ms`,
    messages: () => `${found.errors} errors, ${found.others} other answers`,
    datagrams: () => `frames/s painted before, during, after: ${Object.values(found.paintedFps).join(', ')}`,
  };
  const left = after.left.length > 0 ? `: ${after.left.join(', ')}` : '';
  return [
    [name, found.count, words[name](), holds],
    ['', '', `nothing left after ${after.seconds} s${left}`, after.holds],
    ['', '', `${frames.in} frames = ${frames.painted} painted + ${frames.dropped} dropped`, frames.holds],
    [
      '',
      '',
      `memory: heap ${after.now.heapMB}, external ${after.now.externalMB}, resident ${after.now.rssMB} MB`,
      '',
    ],
  ];
}

/** @returns the exit code: 1 when a bound is broken. */
export async function measure(args) {
  const options = optionsOf(args);
  if (options.help) return console.log(USAGE) ?? 0;
  const result = await run(options);
  const { parts, memory, exit, baseline } = result;
  const holds = [
    ...Object.values(parts).flatMap((part) => [part.holds, part.after.holds, part.frames.holds]),
    ...[memory.holds, exit.holds],
  ].every(Boolean);
  const rows = [
    ...Object.entries(parts).flatMap(([name, part]) => told(name, part)),
    [
      'memory',
      '',
      `heap ${memory.grown} MB above the first, the process ${memory.creep} above half of the cycles`,
      memory.holds,
    ],
    ['stop', '', `exit code ${exit.code}, ${exit.errors.length} lines on standard error`, exit.holds],
  ];
  const held = COUNTED.map((name) => [name, baseline[name]]);
  const tables = [table(['part', 'count', 'found', 'holds'], rows), table(['held at first', ''], held)];
  tell({ ...result, holds }, { json: options.json, tables });
  const problems = [
    ...(parts.cycles?.problems ?? []),
    ...(parts.offers?.wrong ?? []),
    ...exit.errors.slice(0, 5),
  ];
  for (const problem of problems) note(typeof problem === 'string' ? problem : JSON.stringify(problem));
  return holds ? 0 : 1;
}
