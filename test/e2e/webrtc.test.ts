import { readFileSync } from 'node:fs';
import { type Browser, chromium as launcher, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { framesAlive } from '../../src/pipeline/frame.js';
import { udpSockets, until } from '../server/webrtc-client.js';
import { chromium, why } from '../web/chromium.js';
import { type Loop, startLoop } from './webrtc-loop.js';

const html = readFileSync(new URL('./webrtc-page.html', import.meta.url), 'utf8');

/** What the page's script says of one of its viewers. */
interface Report {
  readonly frames: number;
  /** Frames whose number in the picture is one that was drawn. */
  readonly known: number;
  readonly size: [number, number];
  readonly red: number[];
  readonly blue: number[];
  readonly firstMs: number;
  readonly p50: number;
  readonly p95: number;
  readonly state: string;
  /** Of its DTLS transport. */
  readonly transport: string;
  readonly sound: number;
  readonly decoded: number;
  readonly lost: number;
  readonly soundLost: number;
  /** When the newest picture and the newest sound play, in milliseconds since 1900. */
  readonly play: number;
  readonly soundPlay: number;
}
interface Answer {
  readonly status: number;
  readonly location: string;
  readonly index: number;
}
/** Functions of the page. */
interface InPage {
  publish(options: object): Promise<Answer>;
  watch(options: object): Promise<Answer>;
  report(index: number): Promise<Report>;
  restart(index: number): Promise<number>;
  reset(index: number): void;
}
const inPage = <K extends keyof InPage>(page: Page, name: K, argument: Parameters<InPage[K]>[0]) =>
  page.evaluate(
    ([fn, given]) => (window as unknown as Record<string, (it: unknown) => unknown>)[fn]!(given),
    [name, argument] as const,
  ) as Promise<Awaited<ReturnType<InPage[K]>>>;

const near = (color: readonly number[], wanted: readonly number[]) =>
  color.every((value, channel) => Math.abs(value - wanted[channel]!) <= 20);

describe.skipIf(!chromium)(`WebRTC with Chromium${why}`, () => {
  let browser: Browser;
  let loop: Loop;
  let page: Page;

  beforeAll(async () => {
    browser = await launcher.launch({
      executablePath: chromium!,
      args: ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required'],
    });
  });
  afterAll(() => browser?.close());

  /** Begins a server with a page of its own; who says nothing for so long has vanished, in milliseconds. */
  async function start(silence = 30_000): Promise<void> {
    loop = await startLoop({ publisherSilenceMs: silence, viewerSilenceMs: silence, tcp: true }, html);
    page = await browser.newPage();
    await page.goto(loop.url);
  }
  async function end(): Promise<void> {
    await page.close();
    await loop.close();
    await until(() => udpSockets() === 0);
    expect(framesAlive()).toBe(0);
  }
  beforeEach(async () => {
    await start();
  });
  afterEach(end);

  /** Waits until a viewer has seen so many frames. */
  async function seen(index: number, frames: number): Promise<Report> {
    const late = performance.now() + 60_000;
    for (;;) {
      const report = await inPage(page, 'report', index);
      if (report.frames >= frames && report.red) return report;
      if (performance.now() > late) throw new Error(`Only ${report.frames} frames were seen.`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  test.each([
    ['VP8', 'H264'],
    ['H264', 'VP8'],
  ])('%s goes in, %s comes out: the same pictures in the same colours, with sound', async (codec, out) => {
    const published = await inPage(page, 'publish', { stream: 'stage', codec, fps: 25, sound: true });
    expect(published.status).toBe(201);
    const watched = await inPage(page, 'watch', { stream: 'stage', codec: out, sound: true });
    expect(watched.status).toBe(201);
    const report = await seen(0, 30);
    expect(report.size).toEqual([640, 360]);
    expect(report.known / report.frames).toBeGreaterThan(0.9);
    expect(report.red).toSatisfy((color: number[]) => near(color, [200, 60, 40]));
    expect(report.blue).toSatisfy((color: number[]) => near(color, [30, 90, 180]));
    expect(report.sound).toBeGreaterThan(20);
    // A busy machine may lose a packet of many; numbers that do not follow each other would count most as lost.
    expect(report.soundLost).toBeLessThan(report.sound / 10);
    const { info } = loop.streams.get('stage')!.source!;
    expect(info).toMatchObject({ kind: 'whip', codec: codec.toLowerCase(), width: 640, height: 360 });
    expect(info.fps).toBeGreaterThan(0);
    if (process.env.LIVEBRUSH_TEST_FIGURES) await figures(`${codec} to ${out}`);
  });

  test('who offers both ways, as whoever merely adds a track does, publishes and watches all the same', async () => {
    const both = { stream: 'stage', codec: 'H264', sound: true, direction: 'sendrecv' };
    expect((await inPage(page, 'publish', { ...both, fps: 25 })).status).toBe(201);
    expect((await inPage(page, 'watch', both)).status).toBe(201);
    const report = await seen(0, 30);
    expect(report.known / report.frames).toBeGreaterThan(0.9);
    expect(report.red).toSatisfy((color: number[]) => near(color, [200, 60, 40]));
    expect(report.sound).toBeGreaterThan(20);
  });

  /** Prints what a longer look measures. */
  async function figures(name: string): Promise<void> {
    const stage = loop.streams.get('stage')!;
    await inPage(page, 'reset', 0);
    const [frames, cpu, began] = [stage.frames, process.cpuUsage(), performance.now()];
    stage.lag = [];
    await new Promise((resolve) => setTimeout(resolve, 8000));
    const seconds = (performance.now() - began) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const report = await inPage(page, 'report', 0);
    const lag = stage.lag.sort((a, b) => a - b);
    const [sink] = stage.sinks.values();
    console.log(
      JSON.stringify({
        name,
        in: (stage.frames - frames) / seconds,
        seen: report.frames / seconds,
        p50: report.p50,
        p95: report.p95,
        insideP50: lag[lag.length >> 1],
        insideP95: lag[Math.floor(lag.length * 0.95)],
        cpu: (user + system) / 1e4 / seconds,
        av: report.play - report.soundPlay,
        first: report.firstMs,
        lost: report.lost,
        sink: sink!.stats,
        source: stage.source?.info,
      }),
    );
  }

  test('who joins late sees a picture at once; who ends with DELETE is gone', async () => {
    const { location } = await inPage(page, 'publish', { stream: 'stage', codec: 'VP8', fps: 25 });
    await inPage(page, 'watch', { stream: 'stage', codec: 'H264' });
    await seen(0, 20);
    const late = await inPage(page, 'watch', { stream: 'stage', codec: 'H264' });
    await seen(late.index, 5);
    expect(loop.streams.get('stage')!.sinks.size).toBe(1);
    const status = (path: string) =>
      page.evaluate((url) => fetch(url, { method: 'DELETE' }).then((answer) => answer.status), path);
    expect(await status(late.location)).toBe(200);
    expect(loop.streams.get('stage')!.sinks.get('h264')!.viewers).toBe(1);
    expect(await status(location)).toBe(200);
    expect(loop.streams.get('stage')!.live).toBe(false);
    expect(loop.peers.size).toBe(1);
    // The page is told at once, and not left to find out by silence.
    const ended = async () => (await inPage(page, 'report', 1)).transport === 'closed';
    await expect.poll(ended, { timeout: 20_000 }).toBe(true);
  });

  test('a viewer restarts ICE and goes on watching', async () => {
    await inPage(page, 'publish', { stream: 'stage', codec: 'VP8', fps: 25 });
    await inPage(page, 'watch', { stream: 'stage', codec: 'VP8' });
    await seen(0, 10);
    expect(await inPage(page, 'restart', 0)).toBe(200);
    await inPage(page, 'reset', 0);
    const report = await seen(0, 50);
    expect(report.state).toBe('connected');
  });

  test('who vanishes is noticed: publisher and viewer', async () => {
    await end();
    await start(4000);
    const other = await browser.newPage();
    await other.goto(loop.url);
    await inPage(other, 'publish', { stream: 'stage', codec: 'VP8', fps: 25 });
    await inPage(page, 'watch', { stream: 'stage', codec: 'H264' });
    await seen(0, 10);
    await other.close();
    const stage = loop.streams.get('stage')!;
    await until(() => !stage.live && stage.ended);
    await until(() => loop.peers.size === 1);
    await page.goto('about:blank');
    await until(() => loop.peers.size === 0);
    await until(() => stage.sinks.get('h264')!.viewers === 0);
  });

  test('a publisher follows another on the same connection of its viewer, at another size', async () => {
    const { location } = await inPage(page, 'publish', { stream: 'stage', codec: 'VP8', fps: 25 });
    await inPage(page, 'watch', { stream: 'stage', codec: 'H264', sound: true });
    await seen(0, 10);
    await page.evaluate((url) => fetch(url, { method: 'DELETE' }), location);
    await page.evaluate(() => Object.assign(document.querySelector('canvas')!, { width: 320, height: 180 }));
    const next = { stream: 'stage', codec: 'H264', fps: 25, sound: true };
    expect((await inPage(page, 'publish', next)).status).toBe(201);
    await inPage(page, 'reset', 0);
    const report = await seen(0, 20);
    expect(report.size).toEqual([320, 180]);
    expect(report.state).toBe('connected');
  });
});
