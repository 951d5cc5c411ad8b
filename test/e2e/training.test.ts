import { appendFile, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium as driver, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { encodePicture } from '../../src/models/picture.js';
import { serveTrainingPage } from '../../src/server/training-page.js';
import { violations } from '../web/axe.js';
import { chromium, why } from '../web/chromium.js';

const web = fileURLToPath(new URL('../../dist/web', import.meta.url));

const json = (event: object) => `${JSON.stringify(event)}\n`;
const step = (at: number) =>
  json({
    ...{ event: 'step', step: at, total: 50 / at, style: 5 / at, norm: 100 / at, rate: 1e-3, skips: 1 },
    ...{ seconds: 2 * at, stepsPerSecond: 0.5, left: 2 * (400 - at) },
  });

/** A sheet of one colour. */
const sheet = (level: number) =>
  encodePicture({ data: new Uint8Array(3 * 64 * 64).fill(level), width: 64, height: 64 }, 'png');

/** What the middle of the picture shows, 0 to 255. */
const shownBy = (page: Page) =>
  page.locator('.sheet img').evaluate(async (image: HTMLImageElement) => {
    await image.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [64, 64];
    const context = canvas.getContext('2d')!;
    context.drawImage(image, 0, 0);
    return context.getImageData(32, 32, 1, 1).data[0]!;
  });

/** How many pixels of a chart's canvas are drawn on. */
const drawn = (page: Page) =>
  page.locator('.chart.large canvas').evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, i) => i % 4 === 3 && value > 0).length;
  });

describe.skipIf(!chromium)(`the page of a training in Chromium${why}`, () => {
  let browser: Browser;
  let out = '';
  const log = () => join(out, 'log.jsonl');
  /** Puts a sheet in place as a training does: at once, so that nobody sees a half of it. */
  const putSheet = async (at: number, level: number) => {
    await writeFile(join(out, 'sheet.png'), await sheet(level));
    await rename(join(out, 'sheet.png'), join(out, 'sheets', `step-${at}.png`));
  };
  const faults: string[] = [];

  beforeAll(async () => {
    browser = await driver.launch({ executablePath: chromium!, args: ['--no-sandbox', '--disable-gpu'] });
  });
  afterAll(() => browser?.close());

  beforeEach(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'training-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    out = join(folder, 'sunday');
    await mkdir(join(out, 'sheets'), { recursive: true });
    const options = { base: 8, styleWeight: 6, styleLayers: ['relu1_1', 'relu2_1'] };
    await writeFile(
      log(),
      [
        json({ event: 'begin', step: 0, steps: 400, at: '2026-01-02T03:04:05Z', options }),
        json({ event: 'evaluation', step: 0, total: 70, unchanged: 20 }),
        ...Array.from({ length: 20 }, (_, i) => step(10 * i + 10)),
        json({ event: 'skipped', step: 203, total: null, norm: null, skips: 1 }),
        json({ event: 'evaluation', step: 210, total: 3.25, unchanged: 20 }),
      ].join(''),
    );
    await putSheet(100, 40);
    await putSheet(200, 90);
    faults.length = 0;
  });

  async function open(width: number, scheme: 'dark' | 'light' = 'dark', locale = 'en-US'): Promise<Page> {
    const served = await serveTrainingPage(out, { port: 0, web });
    const viewport = { width, height: 900 };
    const context = await browser.newContext({ locale, colorScheme: scheme, viewport });
    const page = await context.newPage();
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) faults.push(message.text());
    });
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('request', (request) => {
      if (!request.url().startsWith(served.url)) faults.push(`asked ${request.url()}`);
    });
    onTestFinished(async () => {
      await context.close();
      await served[Symbol.asyncDispose]();
    });
    await page.goto(served.url);
    await page.locator('.chart.large canvas').waitFor();
    return page;
  }

  it.each([
    [1280, 'dark', 'en-US'],
    [1280, 'light', 'zh-CN'],
    [400, 'light', 'en-US'],
    [400, 'dark', 'zh-CN'],
  ] as const)(
    'at a width of %i in %s, %s: nothing serious for axe, nothing sideways, nothing from elsewhere',
    async (width, scheme, locale) => {
      const page = await open(width, scheme, locale);
      await page.locator('.sheet img').waitFor();
      expect(await violations(page)).toEqual([]);
      const sideways = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(sideways).toBeLessThanOrEqual(0);
      expect(await page.locator('html').getAttribute('lang')).toBe(locale === 'zh-CN' ? 'zh-CN' : 'en');
      expect(faults).toEqual([]);
    },
  );

  it('shows losses, held-out ones beside them, progress, skipped steps, options, and the newest sheet', async () => {
    const page = await open(1280);
    await page.getByRole('heading', { name: 'sunday' }).waitFor();
    await expect.poll(() => page.locator('p[role=status]').textContent()).toContain('Training');
    await expect.poll(() => page.getByRole('progressbar').getAttribute('value')).toBe('210');
    const total = page.getByRole('img', { name: /^Total loss over steps/ });
    const words = await total.getAttribute('aria-label');
    expect(words).toMatch(/training 0\.\d+, held-out 3\.250, photos as they are 20/);
    await expect.poll(() => drawn(page)).toBeGreaterThan(2000);
    const text = await page.locator('main').innerText();
    expect(text).toMatch(/Skipped steps\s+1/);
    expect(text).toContain('2 s a step');
    expect(text).toMatch(/styleLayers\s+relu1_1, relu2_1/);
    const row = page.getByRole('row', { name: /Total loss held-out/ });
    expect(await row.innerText()).toMatch(/3\.250\s+3\.250\s+210/);
    expect(await shownBy(page)).toBe(90);
    await expect.poll(() => page.title()).toBe('52 % · sunday · Livebrush');
  });

  it('shows a new line and a new sheet as they come, and the end', async () => {
    const page = await open(1280);
    await page.getByText('210 of 400').waitFor();
    const text = step(220);
    await appendFile(log(), text.slice(0, 30));
    await appendFile(
      log(),
      text.slice(30) + json({ event: 'evaluation', step: 220, total: 2.5, unchanged: 20 }),
    );
    await page.getByText('220 of 400').waitFor();
    await page.getByRole('img', { name: /Total loss.*held-out 2\.500/ }).waitFor();
    await putSheet(220, 200);
    await page.locator('.sheet img[src*="step-220"]').waitFor();
    expect(await shownBy(page)).toBe(200);
    await appendFile(log(), step(400) + json({ event: 'end', step: 400, reason: 'done' }));
    await page.getByRole('status').getByText('Finished').waitFor();
    expect(faults).toEqual([]);
  });

  it('is looked through by keys: an older sheet stays while newer ones come', async () => {
    const page = await open(1280);
    await page.getByRole('slider', { name: 'Sheet of step' }).focus();
    await page.keyboard.press('ArrowLeft');
    await page.locator('.sheet img[src*="step-100"]').waitFor();
    await putSheet(300, 200);
    await expect
      .poll(() => page.getByRole('slider', { name: 'Sheet of step' }).getAttribute('max'))
      .toBe('2');
    expect(await shownBy(page)).toBe(40);
    await page.getByRole('button', { name: 'Newest' }).click();
    await page.locator('.sheet img[src*="step-300"]').waitFor();
    const scale = page.getByRole('checkbox', { name: 'Log scale' });
    const before = await drawn(page);
    await scale.focus();
    await page.keyboard.press('Space');
    await expect.poll(() => drawn(page)).not.toBe(before);
    await page.reload();
    expect(await scale.isChecked()).toBe(false);
  });

  it('joins what a resumed run goes over again', async () => {
    const page = await open(1280);
    await page.getByText('210 of 400').waitFor();
    const options = { base: 8, styleWeight: 9 };
    await appendFile(log(), json({ event: 'begin', step: 200, steps: 400, options }) + step(205));
    await page.getByText('205 of 400').waitFor();
    await page.getByText('was 6').waitFor();
    await page.getByText('the training was resumed').waitFor();
  });

  it('says so when nobody serves it any more, and keeps what it shows', async () => {
    const served = await serveTrainingPage(out, { port: 0, web });
    const page = await browser.newPage();
    onTestFinished(() => page.close());
    await page.goto(served.url);
    await page.getByText('210 of 400').waitFor();
    await served[Symbol.asyncDispose]();
    await page.getByRole('alert').getByText('livebrush train watch').waitFor();
    expect(await page.getByText('210 of 400').isVisible()).toBe(true);
  });
});
