import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import { type Browser, chromium as launcher, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { difference } from '../../src/models/export/compare.js';
import { exportTransform, type OnnxExport } from '../../src/models/export/onnx.js';
import type { Pixels } from '../../src/models/pixels.js';
import { Scene } from '../../src/pipeline/demo/scene.js';
import { byEngine, type Subject, shipped } from '../models/export/subject.js';
import { chromium, why } from '../web/chromium.js';

/** ONNX Runtime for browsers as its package holds it. */
const dist = dirname(createRequire(import.meta.url).resolve('onnxruntime-web'));

const html = `<!doctype html><title>export</title><script type="module">
  import * as ort from '/ort/ort.wasm.min.mjs';
  ort.env.wasm.wasmPaths = '/ort/';
  ort.env.wasm.numThreads = 1;
  window.paint = async ({ path, bytes, width, height }) => {
    const session = await ort.InferenceSession.create(path, { executionProviders: ['wasm'] });
    const content = new ort.Tensor('uint8', Uint8Array.from(bytes), [1, 3, height, width]);
    const { picture } = await session.run({ content });
    const painted = { type: picture.type, dims: [...picture.dims], bytes: [...picture.data] };
    await session.release();
    return painted;
  };
  window.ready = true;
</script>`;

interface Painted {
  readonly type: string;
  readonly dims: number[];
  readonly bytes: number[];
}

/** Serves the page, the runtime and the exported files, and nothing from elsewhere. */
function serve(files: ReadonlyMap<string, Uint8Array>): Server {
  const types: Record<string, string> = { mjs: 'text/javascript', wasm: 'application/wasm' };
  return createServer(async (request, response) => {
    const path = new URL(request.url!, 'http://page').pathname;
    const body =
      path === '/'
        ? html
        : (files.get(path) ??
          (path.startsWith('/ort/ort')
            ? await readFile(join(dist, path.slice('/ort/'.length))).catch(() => undefined)
            : undefined));
    const type = path === '/' ? 'text/html' : (types[path.split('.').at(-1)!] ?? 'application/octet-stream');
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': type }).end(body);
  });
}

describe.skipIf(!chromium)(`exported files in ONNX Runtime in Chromium${why}`, () => {
  const size = { width: 128, height: 96 };
  const scene = (seconds: number): Pixels => new Scene(size).draw(seconds);
  const files = new Map<string, Uint8Array>();
  const server = serve(files);
  const asked: string[] = [];
  let subject: Subject;
  let truth: Pixels[];
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    subject = await shipped('wave');
    truth = await byEngine(subject, [scene(135)]);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await launcher.launch({ executablePath: chromium!, args: ['--no-sandbox', '--disable-gpu'] });
    page = await browser.newPage();
    page.on('request', (request) => asked.push(new URL(request.url()).origin));
    await page.goto(base);
    await page.waitForFunction(() => (window as unknown as { ready?: boolean }).ready);
    asked.push(base);
  });

  afterAll(async () => {
    await browser?.close();
    server.close();
  });

  async function paint(how: Omit<OnnxExport, 'weights'>): Promise<Pixels> {
    const path = `/${files.size}.onnx`;
    files.set(path, await exportTransform(subject.net, { weights: subject.weights, ...how }));
    const given = { path, bytes: [...scene(135).data], ...size };
    const painted = await page.evaluate(
      (it) => (window as unknown as { paint(it: unknown): Promise<Painted> }).paint(it),
      given,
    );
    expect(painted).toMatchObject({ type: 'uint8', dims: [1, 3, size.height, size.width] });
    return { data: Uint8Array.from(painted.bytes), ...size };
  }

  it.each([
    ['32 bits, any size', { precision: 'float' }],
    ['32 bits at half resolution', { precision: 'float', size, fast: true }],
    ['16 bits', { precision: 'half' }],
  ] as const)('paint what the engine paints: %s', async (_, how) => {
    expect(new Set(truth[0]!.data).size).toBeGreaterThan(60);
    expect(difference(truth, [await paint(how)]).max).toBeLessThanOrEqual(2);
  });

  it('paint nearly that in 8 bits', async () => {
    const calibration = [0, 60, 120, 180].map(scene);
    expect(difference(truth, [await paint({ precision: 'byte', calibration })]).mean).toBeLessThan(2);
  });

  it('load nothing from elsewhere', () => {
    expect(new Set(asked).size).toBe(1);
  });
});
