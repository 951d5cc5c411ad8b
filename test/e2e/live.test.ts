import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, chromium as launcher, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { openStudio } from '../../src/commands/studio.js';
import type { Pixels } from '../../src/models/pixels.js';
import type { RecordingInfo, ServerMessage, StreamInfo } from '../../src/server/protocol.js';
import { freePort } from '../fixtures/live.js';
import { chromium, why } from '../web/chromium.js';
import { startServer } from './server.js';

const run = promisify(execFile);
const hasFfmpeg = await run('ffmpeg', ['-version']).then(
  () => true,
  () => false,
);
const size = { width: 320, height: 180 };

let browser: Browser;
beforeAll(async () => {
  if (!chromium) return;
  const args = [
    '--no-sandbox',
    '--autoplay-policy=no-user-gesture-required',
    '--use-fake-ui-for-media-stream',
  ];
  browser = await launcher.launch({ executablePath: chromium, args });
});
afterAll(() => browser?.close());

/** Waits until something holds. @throws when it does not within a minute. */
async function until<T>(what: () => Promise<T | undefined | false>, why_: string): Promise<T> {
  const end = performance.now() + 60_000;
  for (;;) {
    const found = await what();
    if (found) return found;
    if (performance.now() > end) throw new Error(`${why_} did not happen`);
    await sleep(100);
  }
}

/** A picture with edges, colours and gradients: RGBA, row by row. */
function testPicture({ width, height }: { width: number; height: number }): number[] {
  const rgba: number[] = [];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const disc = Math.hypot(x - width * 0.35, y - height * 0.5) < height * 0.3;
      const bar = x > width * 0.7 && y > height * 0.3;
      rgba.push(
        disc ? 220 : Math.round((200 * x) / width),
        bar ? 180 : Math.round((160 * y) / height),
        disc ? 60 : bar ? 40 : 140,
        255,
      );
    }
  return rgba;
}

function planar(rgba: readonly number[], { width, height }: { width: number; height: number }): Pixels {
  const data = new Uint8Array(3 * width * height);
  for (let i = 0; i < width * height; i++)
    for (let channel = 0; channel < 3; channel++) data[channel * width * height + i] = rgba[4 * i + channel]!;
  return { data, width, height };
}

/** Means of squares of 4x4 pixels: what is left of a picture when a codec's own texture is averaged out. */
function coarse({ data, width, height }: Pixels): number[] {
  const means: number[] = [];
  for (let channel = 0; channel < 3; channel++)
    for (let y = 0; y + 4 <= height; y += 4)
      for (let x = 0; x + 4 <= width; x += 4) {
        let sum = 0;
        for (let i = 0; i < 16; i++) sum += data[(channel * height + y + (i >> 2)) * width + x + (i & 3)]!;
        means.push(sum / 16);
      }
  return means;
}

/** Mean difference of two pictures, in steps of 255, apart from fine texture. */
function difference(a: Pixels, b: Pixels): number {
  const [one, two] = [coarse(a), coarse(b)];
  return one.reduce((sum, value, i) => sum + Math.abs(value - two[i]!), 0) / one.length;
}

/** Makes the page's camera show a still picture, drawn again and again. */
async function stillCamera(page: Page): Promise<void> {
  await page.addInitScript(
    ({ rgba, width, height }) => {
      navigator.mediaDevices.getUserMedia = async () => {
        const canvas = document.createElement('canvas');
        Object.assign(canvas, { width, height });
        const context = canvas.getContext('2d')!;
        const image = new ImageData(Uint8ClampedArray.from(rgba), width, height);
        setInterval(() => context.putImageData(image, 0, 0), 40);
        return canvas.captureStream(25);
      };
    },
    { rgba: testPicture(size), ...size },
  );
}

/** What `keepPeers` leaves in a page. */
interface Peers {
  readonly peers: readonly RTCPeerConnection[];
}

/** Keeps every connection that the page makes. */
async function keepPeers(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const peers: RTCPeerConnection[] = [];
    Object.assign(window, { peers });
    const Original = RTCPeerConnection;
    window.RTCPeerConnection = class extends Original {
      constructor(...given: ConstructorParameters<typeof Original>) {
        super(...given);
        peers.push(this);
      }
    };
  });
}

/** Pixels of the page's video, as planar RGB. */
async function videoPixels(page: Page, selector: string): Promise<Pixels | undefined> {
  const rgba = await page.evaluate(
    ({ selector: which, width, height }) => {
      const video = document.querySelector<HTMLVideoElement>(which);
      if (!video || video.videoWidth !== width) return undefined;
      const canvas = document.createElement('canvas');
      Object.assign(canvas, { width, height });
      const context = canvas.getContext('2d')!;
      context.drawImage(video, 0, 0);
      return [...context.getImageData(0, 0, width, height).data];
    },
    { selector, ...size },
  );
  return rgba && planar(rgba, size);
}

const serverUp = async (...settings: string[]) =>
  startServer(
    ...[
      'paint.engine=onnx/cpu',
      `paint.width=${size.width}`,
      `paint.height=${size.height}`,
      'paint.adapt=false',
    ],
    ...settings,
  );

describe.skipIf(!chromium)(`the live server, in a browser${why}`, () => {
  it('shows the camera of its own panel as the engine paints it, and stops when asked to', async () => {
    const server = await serverUp();
    try {
      await using studio = await openStudio({
        ...{ model: 'fast', engine: 'onnx/cpu', size, signal: new AbortController().signal },
      });
      const still = planar(testPicture(size), size);
      const { Stylize } = await import('../../src/pipeline/stages/stylize.js');
      const { frame } = await import('../../src/pipeline/frame.js');
      const paint = async (style: string): Promise<Pixels> => {
        const { weights } = await studio.gallery.resolve(style);
        await using stylize = new Stylize({
          ...{ open: (wanted) => studio.batcher.lease(wanted), stride: studio.stride },
          look: () => ({ weights, strength: 1, keepColor: 0, steady: 0, show: 'paint' }),
        });
        using input = frame(still, 0);
        using painting = await stylize.run(input);
        return { data: painting.data, ...size };
      };
      const expected = await paint('scream');

      const context = await browser.newContext();
      const page = await context.newPage();
      const broken: string[] = [];
      page.on('pageerror', (error) => broken.push(error.message));
      await stillCamera(page);
      await page.goto(`${server.url}/?stream=stage`);
      await page.getByRole('button', { name: 'Paint my camera' }).first().click();
      const painted = await until(async () => {
        const seen = await videoPixels(page, 'video.painted');
        return seen && difference(seen, expected) < 18 && seen;
      }, 'the painting');
      // What is not painted, or painted in another style, is far from it: the test can fail.
      expect(difference(still, expected)).toBeGreaterThan(40);
      expect(difference(painted, await paint('wave'))).toBeGreaterThan(30);
      const { input: from, live } = await server.json<StreamInfo>('/api/streams/stage');
      expect([live, from.kind, from.width]).toEqual([true, 'whip', size.width]);
      await page.getByRole('button', { name: 'Stop' }).first().click();
      await until(async () => !(await server.json<StreamInfo>('/api/streams/stage')).live, 'the end');
      expect(broken).toEqual([]);
      await context.close();
    } finally {
      expect(await server.stop()).toBe(0);
    }
  });

  it('keeps viewers while the publisher is gone: a card, then the picture again, on one connection', async () => {
    const server = await startServer('paint.engine=identity', 'paint.width=320', 'paint.height=180');
    try {
      const context = await browser.newContext();
      const viewer = await context.newPage();
      await keepPeers(viewer);
      const still = planar(testPicture(size), size);
      const shows = (what: 'picture' | 'card') =>
        until(async () => {
          const seen = await videoPixels(viewer, 'video');
          return seen && difference(seen, still) < 12 === (what === 'picture');
        }, what);
      const publish = async () => {
        const page = await context.newPage();
        await stillCamera(page);
        await page.goto(`${server.url}/?stream=stage`);
        await page.getByRole('button', { name: 'Paint my camera' }).first().click();
        return page;
      };
      const first = await publish();
      await viewer.goto(`${server.url}/watch/stage`);
      await shows('picture');
      // One that came before the stream was there has asked again.
      const connections = () => viewer.evaluate(() => (window as unknown as Peers).peers.length);
      const before = await connections();
      await first.close();
      await shows('card');
      await sleep(5000);
      await publish();
      await shows('picture');
      expect(await connections()).toBe(before);
      await context.close();
    } finally {
      await server.stop();
    }
  });

  it.skipIf(!hasFfmpeg)(
    'shows what ffmpeg publishes over RTMP, over WHEP and HLS, with its sound in sync',
    async () => {
      const port = await freePort();
      const address = `rtmp://127.0.0.1:${port}/live/key`;
      const input = `{kind: url, url: "${address}", listen: true}`;
      const server = await startServer('paint.engine=identity', `streams={stage: {input: ${input}}}`);
      const folder = mkdtempSync(join(tmpdir(), 'livebrush-rtmp-'));
      // Once a second both the picture flashes and a tone begins, for a fifth of a second.
      const publish = () => {
        const begun = spawn('ffmpeg', publication);
        begun.stderr.setEncoding('utf8').on('data', (text) => {
          said += text;
        });
        return begun;
      };
      const publication = [
        ...['-loglevel', 'error', '-re', '-f', 'lavfi', '-i'],
        "color=black:s=320x180:r=25,drawbox=c=white:t=fill:enable='lt(mod(t,1),0.2)'",
        ...['-f', 'lavfi', '-i', "aevalsrc='0.5*sin(880*2*PI*t)*lt(mod(t,1),0.2)':s=48000"],
        ...['-t', '60', '-c:v', 'libx264', '-preset', 'ultrafast', '-tune', 'zerolatency', '-g', '25'],
        ...['-pix_fmt', 'yuv420p', '-c:a', 'aac', '-f', 'flv', address],
      ];
      let said = '';
      let publisher = publish();
      try {
        await until(async () => {
          // It ends where nobody listens yet.
          if (publisher.exitCode !== null) publisher = publish();
          const { input: from } = await server.json<StreamInfo>('/api/streams/stage');
          return from.kind === 'rtmp' && from.sound !== undefined;
        }, `the publisher (${said})`);
        const body = (request: unknown) => ({ method: 'POST', body: JSON.stringify(request) });
        await server.json('/api/streams/stage/outputs', body({ kind: 'hls' }));
        const recording = await server.json<{ id: string }>(
          '/api/streams/stage/outputs',
          body({ kind: 'record' }),
        );

        const page = await browser.newPage();
        await keepPeers(page);
        await page.goto(`${server.url}/watch/stage`);
        const gap = await until(async () => {
          const times = await page.evaluate(async () => {
            const video = document.querySelector('video')!;
            const stream = video.srcObject as MediaStream | null;
            if (!stream || stream.getAudioTracks().length === 0 || video.videoWidth !== 320) return undefined;
            const peer = (window as unknown as Peers).peers.at(-1);
            const stats = peer
              ? [...((await peer.getStats()) as unknown as Map<string, RTCStats>).values()]
              : [];
            const at = (kind: string) =>
              (
                stats as unknown as { type: string; kind?: string; estimatedPlayoutTimestamp?: number }[]
              ).find((one) => one.type === 'inbound-rtp' && one.kind === kind)?.estimatedPlayoutTimestamp;
            const [video_, audio] = [at('video'), at('audio')];
            return video_ && audio ? video_ - audio : undefined;
          });
          return times !== undefined && Math.abs(times) < 80 && { times };
        }, 'picture and sound in sync in the browser');
        expect(Math.abs(gap.times)).toBeLessThan(80);
        await page.close();

        const playlist = await until(async () => {
          const answer = await fetch(`${server.url}/stage/hls/index.m3u8`);
          const text = answer.ok ? await answer.text() : '';
          return (text.match(/#EXTINF/g)?.length ?? 0) >= 3 && text;
        }, 'three segments');
        expect(playlist).toContain('#EXTM3U');
        const offset = await flashAndTone(`${server.url}/stage/hls/index.m3u8`, folder);
        expect(Math.abs(offset)).toBeLessThan(0.08);

        await server.json(`/api/streams/stage/outputs/${recording.id}`, { method: 'DELETE' });
        const { recordings } = await server.json<{ recordings: RecordingInfo[] }>('/api/recordings');
        const file = recordings.find(({ id }) => id === recording.id)!;
        expect(file.running).toBe(false);
        expect(Math.abs(await flashAndTone(`${server.url}${file.url}`, folder))).toBeLessThan(0.08);
        publisher.kill('SIGKILL');
        await until(
          async () => (await server.json<StreamInfo>('/api/streams/stage')).input.kind === 'card',
          'the publisher to be gone',
        );
      } finally {
        publisher.kill('SIGKILL');
        await server.stop();
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );
});

describe('a performance', () => {
  it.skipIf(!hasFfmpeg)('is repeated by transcode on a recording of the source, to the frame', async () => {
    const server = await startServer('paint.engine=identity', 'streams={stage: {input: {kind: pattern}}}');
    const control = new WebSocket(`${server.url.replace('http', 'ws')}/api/streams/stage/control`);
    try {
      const heard: ServerMessage[] = [];
      control.on('message', (data) => heard.push(JSON.parse(String(data))));
      await once(control, 'open');
      const body = (request: unknown) => ({ method: 'POST', body: JSON.stringify(request) });
      const add = (what: string) =>
        server.json<{ id: string }>('/api/streams/stage/outputs', body({ kind: 'record', what }));
      const [painted, source] = [await add('painted'), await add('source')];
      const frames = async (least: number) =>
        until(async () => {
          const { outputs } = await server.json<StreamInfo>('/api/streams/stage');
          return outputs.every((output) => output.frames >= least);
        }, `${least} frames`);
      const play = (change: object) => control.send(JSON.stringify({ type: 'change', ...change }));
      await frames(20);
      play({ id: 'dark', show: 'blackout' });
      await frames(50);
      play({ id: 'light', show: 'paint' });
      await frames(80);
      for (const { id } of [painted, source])
        await server.json(`/api/streams/stage/outputs/${id}`, { method: 'DELETE' });
      const applied = await until(async () => {
        const all = heard.filter((message) => message.type === 'applied');
        return all.length > 1 && all;
      }, 'the reports');
      expect(applied.map(({ id }) => id)).toEqual(['dark', 'light']);

      const { recordings } = await server.json<{ recordings: RecordingInfo[] }>('/api/recordings');
      const { url, cues } = recordings.find(({ id }) => id === source.id)!;
      const [file, list, again] = ['source.mp4', 'list.json', 'again.mp4'].map((n) => join(server.folder, n));
      for (const [path, name] of [
        [url, file],
        [cues, list],
      ] as const) {
        const answer = await fetch(server.url + path);
        await writeFile(name!, new Uint8Array(await answer.arrayBuffer()));
      }
      const program = fileURLToPath(new URL('../../bin/livebrush.cjs', import.meta.url));
      const given = ['transcode', file!, again!, '--cues', list!, '--engine', 'identity'];
      await run(process.execPath, [program, ...given]);

      const [before, after] = [await brightness(file!), await brightness(again!)];
      expect(after.map(({ time }) => time)).toEqual(before.map(({ time }) => time));
      const dark = after.filter(({ luma }) => luma < 20).map(({ time }) => time);
      const first = applied[0]!.timestamp;
      const span = (applied[1]!.timestamp - first) / 1e6;
      // Black from the very frame that was reported on, up to the very frame that was reported on. A busy machine may
      // have left out a frame of the recording, and be it one of those two.
      const from = after.findIndex(({ luma }) => luma < 20);
      const cue: { at: number; show?: string }[] = JSON.parse(await readFile(list!, 'utf8'));
      const [black, light] = ['blackout', 'paint'].map(
        (show) => cue.findLast((one) => one.show === show)!.at,
      );
      expect(light! - black!).toBeCloseTo(span, 2);
      const within = after.filter(({ time }) => time >= black! - 0.001 && time < light! - 0.001);
      expect(dark).toEqual(within.map(({ time }) => time));
      expect(from).toBeGreaterThan(5);
      expect(before[from]!.luma).toBeGreaterThan(40);
    } finally {
      control.close();
      await server.stop();
    }
  });
});

/** Times and mean brightness of a video's frames. */
async function brightness(file: string): Promise<{ time: number; luma: number }[]> {
  const { stdout } = await run('ffprobe', [
    ...['-v', 'error', '-f', 'lavfi', '-i', `movie=${file},signalstats`],
    ...['-show_entries', 'frame=pts_time:frame_tags=lavfi.signalstats.YAVG', '-of', 'csv=p=0'],
  ]);
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.split(',').map(Number))
    .map(([time, luma]) => ({ time: time!, luma: luma! }));
}

/**
 * Seconds between flash and tone in three seconds of a file or playlist: the median over its seconds. Live frames may
 * be missing where the machine is slow, so a flash lies somewhere between the last dark frame and the first bright one.
 */
async function flashAndTone(source: string, folder: string): Promise<number> {
  const file = join(folder, `${Math.random()}.mkv`);
  const fetching = spawn('ffmpeg', [
    '-loglevel',
    'error',
    '-y',
    '-i',
    source,
    '-t',
    '3.5',
    '-c',
    'copy',
    file,
  ]);
  await once(fetching, 'exit');
  const silence = ['-af', 'silencedetect=noise=-25dB:d=0.2', '-f', 'null', '-'];
  const { stderr } = await run('ffmpeg', ['-hide_banner', '-i', file, ...silence]);
  const tones = [...stderr.matchAll(/silence_end: ([\d.]+)/g)].map(([, time]) => Number(time));
  const frames = await brightness(file);
  const gaps = frames.slice(1).flatMap(({ time: bright, luma }, i) => {
    const { time: dark, luma: before } = frames[i]!;
    if (!(before < 128 && luma >= 128)) return [];
    const gap = (tone: number) => Math.max(dark - tone, tone - bright, 0);
    return [Math.min(...tones.map(gap))];
  });
  return gaps.sort((a, b) => a - b)[gaps.length >> 1] ?? Number.NaN;
}
