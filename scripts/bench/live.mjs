/** `npm run bench -- live`: the real server, the real panel in Chromium, and how late and how often it paints. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { chromium as launcher } from 'playwright-core';
import { openControl } from './control.mjs';
import { machine, note, quantile, round, table, tell, timing } from './figures.mjs';
import { forPage, fromSource } from './modules.mjs';
import { count, prepare, watch } from './page.mjs';
import { descendants, secondsBetween } from './processes.mjs';
import { metricsOf, startServer } from './server.mjs';

const USAGE = `npm run bench -- live [options]
  --engine <name>    what paints (default: auto)
  --style <name>     (default: wave)
  --seconds <n>      time that is measured (default: 30), after --warmup <n> (default: 10)
  --size <WxH>       of the camera (default: 640x360), at --fps <n> (default: 25)
  --codec <name>     that the page publishes in: h264 (default) or vp8
  --sound            publishes a tone as well
  -c <key=value>     a setting of the server, such as paint.adapt=false (repeatable)
  --json             prints one JSON object`;
const STREAM = 'bench';
const FLAGS = [
  ...['--no-sandbox', '--autoplay-policy=no-user-gesture-required', '--use-fake-ui-for-media-stream'],
  // A page that is not in front is not to be slowed down.
  ...['--disable-background-timer-throttling', '--disable-renderer-backgrounding'],
];

function optionsOf(args) {
  const string = (value) => ({ type: 'string', default: value });
  const { values } = parseArgs({
    args,
    options: {
      ...{ engine: string('auto'), style: string('wave'), seconds: string('30'), warmup: string('10') },
      ...{ size: string('640x360'), fps: string('25'), codec: string('h264') },
      ...{ sound: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
      ...{ set: { type: 'string', short: 'c', multiple: true, default: [] }, help: { type: 'boolean' } },
    },
  });
  const [width, height] = values.size.split('x').map(Number);
  const numbers = { seconds: Number(values.seconds), warmup: Number(values.warmup), fps: Number(values.fps) };
  return { ...values, width, height, ...numbers };
}

/** Whether a line that the server wrote is more than a warning, such as that it paints at a smaller size. */
function tellsOfError(line) {
  try {
    return JSON.parse(line).level >= 50;
  } catch {
    return line !== '';
  }
}

/** Waits until the camera is in. @throws when that takes too long */
async function arrived(server) {
  for (let tries = 0; tries < 150; tries++) {
    // The page begins the stream; until then there is none.
    const { input, live } = await server.json(`/api/streams/${STREAM}`).catch(() => ({}));
    if (live && input.kind === 'whip' && input.fps > 0) return;
    await sleep(200);
  }
  throw new Error('The camera did not reach the server within half a minute.');
}

/** Publishes the page's camera as a person does, and turns the mark on. */
async function openPanel(browser, server, { width, height, fps, sound, codec }) {
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  const broken = [];
  page.on('pageerror', (error) => broken.push(error.message));
  const settings = { codec, height, sound, maxFps: Math.max(30, fps) };
  await page.addInitScript(prepare, { width, height, fps, sound, settings });
  await page.goto(`${server.url}/?stream=${STREAM}`);
  await page.getByRole('button', { name: 'Paint my camera' }).first().click();
  await arrived(server);
  await page.waitForFunction(() => document.querySelector('video.painted')?.videoWidth > 0);
  await page.getByRole('tab', { name: 'Numbers' }).click();
  await page.getByLabel('Measure glass to glass').check();
  // Its plots take time of their own.
  await page.getByRole('tab', { name: 'Mix' }).click();
  await page.evaluate(await forPage('web/src/glass.ts', 'glass'));
  await page.evaluate(watch);
  return { page, broken };
}

/** How everything stands, at one time. */
async function look(page, server, control) {
  const [seen, metrics] = await Promise.all([page.evaluate(count), metricsOf(server)]);
  return {
    ...{ seen, stats: control.stats.at(-1), chromium: descendants(process.pid, [server.process.pid]) },
    cpu: metrics.get('process_cpu_seconds_total'),
    rss: metrics.get('process_resident_memory_bytes'),
    at: performance.now(),
  };
}

/** Timings that come once a second, as one: the median second, the middle of the 95th percentiles, and the worst. */
function perSecond(stats, of) {
  const all = stats.map(of).filter((one) => one !== undefined);
  if (all.length === 0) return undefined;
  const pick = (name, share) =>
    quantile(
      all.map((one) => one[name]),
      share,
    );
  return { p50: pick('p50', 0.5), p95: pick('p95', 0.5), worst: pick('p95', 1) };
}

/** Frames a second at every step of the way, and how late they are at the end of it. */
function framesOf({ seen: from, stats: first }, { seen: to, stats: last }) {
  const page = (name) => round(((to[name] - from[name]) * 1000) / (to.at - from.at));
  const elapsed = (last.timestamp - first.timestamp) / 1e6;
  const server = (name) => round((last.frames[name] - first.frames[name]) / elapsed);
  const each = (total, number) => round(((to[total] - from[total]) * 1000) / (to[number] - from[number]));
  const dropped = Object.entries(last.frames.dropped);
  // Seconds in which the browser sent a smaller picture, or fewer, than it was given.
  const limits = Object.fromEntries(
    ['bandwidth', 'cpu'].map((why) => [why, round((to.limits[why] ?? 0) - (from.limits[why] ?? 0))]),
  );
  return {
    fps: {
      ...{ drawn: page('drawn'), published: page('published'), in: server('in'), painted: server('painted') },
      ...{ decoded: page('decoded'), seen: page('seen') },
    },
    glassToGlass: timing(to.ages),
    gaps: timing(to.gaps),
    browser: {
      encodeMs: each('encodeS', 'published'),
      jitterBufferMs: each('waitS', 'waited'),
      decodeMs: each('decodeS', 'decoded'),
      ...{ packetsLost: to.lost - from.lost, freezes: to.freezes - from.freezes },
    },
    dropped: Object.fromEntries(dropped.map(([why, n]) => [why, n - (first.frames.dropped[why] ?? 0)])),
    shown: to.shown,
    sent: { size: to.sent, kbps: to.kbps, lineKbps: to.line, limitedS: limits },
  };
}

/** What the server tells of itself over the time that was measured. */
function serverOf(stats) {
  const names = [...new Set(stats.flatMap(({ stages }) => Object.keys(stages)))];
  const works = stats.map(({ degraded: { width, height } }) => `${width}x${height}`);
  return {
    latency: perSecond(stats, ({ latency }) => latency),
    stages: Object.fromEntries(names.map((name) => [name, perSecond(stats, ({ stages }) => stages[name])])),
    work: [...new Set(works)],
    level: stats.at(-1).degraded.level,
    bitrate: stats.at(-1).bitrate,
  };
}

async function run(options) {
  const where = machine();
  const { chromium } = await fromSource('test/web/chromium.ts');
  if (!chromium) throw new Error('There is no Chromium here; CHROMIUM names one.');
  const { engine, style, seconds, warmup, set } = options;
  note(`starting the server and Chromium, then ${warmup} s of warming up and ${seconds} s …`);
  const settings = [`paint.engine=${engine}`, `paint.style=${style}`, 'demo=false', ...set];
  const server = await startServer(...settings);
  const browser = await launcher.launch({ executablePath: chromium, args: FLAGS });
  try {
    const { page, broken } = await openPanel(browser, server, options);
    const control = await openControl(server.url, STREAM);
    await sleep(Math.max(1.5, warmup) * 1000);
    const before = await look(page, server, control);
    const began = control.stats.length;
    await sleep(seconds * 1000);
    const after = await look(page, server, control);
    const stats = control.stats.slice(began);
    const cores = (used) =>
      used === undefined ? undefined : round((used * 100_000) / (after.at - before.at), 0);
    const about = await server.json('/api/info');
    control.close();
    return {
      ...{
        bench: 'live',
        machine: where,
        options,
        engine: about.engine,
        model: about.model,
        browser: browser.version(),
      },
      ...{ seconds, ...framesOf(before, after), server: serverOf(stats) },
      cpuPercent: {
        server: cores(after.cpu - before.cpu),
        chromium: cores(secondsBetween(before.chromium, after.chromium)),
      },
      rssMB: { server: Math.round(after.rss / 1e6), chromium: after.chromium?.rssMB },
      ...{
        notices: control.notices,
        pageErrors: broken,
        serverErrors: server.errors().split('\n').filter(tellsOfError),
      },
    };
  } finally {
    await browser.close();
    await server.stop();
  }
}

const rows = (result) => {
  const { server, fps, browser } = result;
  const stages = Object.entries(server.stages).map(([name, it]) => [`server: ${name}, ms p50 / p95`, it]);
  return [
    ['engine', `${result.engine}, ${result.model}`],
    ['camera', `${result.options.size} at ${result.options.fps}, ${result.options.codec}`],
    ['sent by the browser', `${result.sent.size}, ${result.sent.kbps} of ${result.sent.lineKbps} kbit/s`],
    ['seconds that it was limited by', result.sent.limitedS],
    ['painted at (sizes in that time)', server.work],
    ['shown', result.shown],
    ['frames/s: drawn, published', [fps.drawn, fps.published]],
    ['frames/s: in, painted', [fps.in, fps.painted]],
    ['frames/s: decoded, seen', [fps.decoded, fps.seen]],
    ['glass to glass, ms p50 / p95', result.glassToGlass],
    ['between frames seen, ms p50 / p95', result.gaps],
    ['server: from arrival to sending, ms p50 / p95', server.latency],
    ...stages,
    [
      'browser: encode, jitter buffer, decode, ms',
      [browser.encodeMs, browser.jitterBufferMs, browser.decodeMs],
    ],
    ['packets lost, freezes', [browser.packetsLost, browser.freezes]],
    ['dropped, by reason', result.dropped],
    ['CPU, % of one core', result.cpuPercent],
    ['resident memory, MB', result.rssMB],
    ['errors: page, server', [result.pageErrors.length, result.serverErrors.length]],
  ];
};

/** @returns the exit code. */
export async function measure(args) {
  const options = optionsOf(args);
  if (options.help) return console.log(USAGE) ?? 0;
  const result = await run(options);
  tell(result, { json: options.json, tables: [table(['live', `${options.seconds} s`], rows(result))] });
  return 0;
}
