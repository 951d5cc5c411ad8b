import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { type Browser, chromium as driver, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { violations } from './axe.js';
import { chromium, why } from './chromium.js';
import { fakePeers, Mock } from './mock.js';

const web = new URL('../../dist/web/', import.meta.url);

describe('the built panel', () => {
  it('is light: everything that its first page loads is under 60 KB of JavaScript, compressed', () => {
    const html = readFileSync(new URL('index.html', web), 'utf8');
    const scripts = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+\.js)"/g)].map(([, path]) => path!);
    const bytes = scripts.reduce(
      (sum, path) => sum + gzipSync(readFileSync(new URL(`.${path}`, web))).byteLength,
      0,
    );
    expect(scripts.length).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(60 * 1024);
  });

  it('has no script or style of its own in the page', () => {
    for (const name of ['index.html', 'watch.html', 'training.html']) {
      const html = readFileSync(new URL(name, web), 'utf8');
      expect(html).not.toMatch(/<style|style=|<script(?![^>]*\bsrc=)|https?:\/\//);
    }
  });
});

describe.skipIf(!chromium)(`the panel in Chromium${why}`, () => {
  let mock: Mock;
  let browser: Browser;
  let base: string;
  const faults: string[] = [];

  async function open(width: number, locale = 'en-US', path = '/'): Promise<Page> {
    const context = await browser.newContext({
      locale,
      viewport: { width, height: width > 600 ? 900 : 800 },
    });
    const page = await context.newPage();
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) faults.push(message.text());
    });
    page.on('pageerror', (error) => faults.push(String(error)));
    await page.addInitScript(fakePeers);
    await page.goto(base + path);
    return page;
  }

  /** Opens a page and waits for its control socket, which tells the current style: until it is open, keys go nowhere. */
  async function connect(...at: Parameters<typeof open>): Promise<Page> {
    const page = await open(...at);
    await page.locator('.style-card.current').first().waitFor();
    return page;
  }

  const changes = () => mock.heard.filter(({ type }) => type === 'change');

  beforeAll(async () => {
    browser = await driver.launch({ executablePath: chromium!, args: ['--no-sandbox', '--disable-gpu'] });
  });

  // A server of its own for each test: nothing that one has changed or sent is there for the next.
  beforeEach(async () => {
    mock = new Mock();
    base = await mock.open();
    faults.length = 0;
  });

  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await mock.close();
  });

  afterAll(() => browser?.close());

  it.each([
    [1440, 'en-US'],
    [1440, 'zh-CN'],
    [360, 'en-US'],
    [360, 'zh-CN'],
  ])(
    'at a width of %i in %s: nothing serious for axe, nothing sideways, nothing on the console',
    async (width, locale) => {
      const page = await open(width, locale);
      await page.locator('.style-card').nth(19).waitFor({ state: 'attached' });
      await expect
        .poll(() => page.locator('video.painted').evaluate((video: HTMLVideoElement) => video.videoWidth))
        .toBe(960);
      await page.getByRole('tab').first().waitFor();
      for (const tab of await page.getByRole('tab').all()) {
        await tab.click();
        expect(await violations(page)).toEqual([]);
        const beyond = (panel: Element) => panel.scrollWidth - panel.clientWidth;
        expect(await page.getByRole('tabpanel').evaluate(beyond)).toBeLessThanOrEqual(0);
      }
      expect(
        await page.evaluate(() => document.documentElement.scrollWidth - innerWidth),
      ).toBeLessThanOrEqual(0);
      expect(await page.locator('html').getAttribute('lang')).toBe(locale === 'zh-CN' ? 'zh-CN' : 'en');
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
      expect(await violations(page)).toEqual([]);
      await page.keyboard.press('Escape');
      expect(faults).toEqual([]);
    },
  );

  it('switches styles by click and by key, and says on which frame', async () => {
    const page = await connect(1440);
    await page.locator('[data-style=scream]').click();
    await expect.poll(() => changes().at(-1)).toMatchObject({ style: 'scream', fadeMs: 400 });
    await page.locator('.style-card.current [data-style=scream]').waitFor();
    await page.locator('.stage-labels .tag.number').waitFor();
    const names = await page
      .locator('[data-style]')
      .evaluateAll((cards) => cards.map((card) => (card as HTMLElement).dataset.style));
    const at = names.indexOf('scream');
    await page.keyboard.press(']');
    await expect.poll(() => changes().at(-1)).toMatchObject({ style: names[at + 1] });
    await page.keyboard.press('[');
    await expect.poll(() => changes().at(-1)).toMatchObject({ style: 'scream' });
    await page.keyboard.press('5');
    await expect.poll(() => changes().at(-1)).toMatchObject({ style: names[4] });
  });

  it('is played with keys: bypass, blackout, strength, compare, record, cheat sheet', async () => {
    const page = await connect(1440);
    await page.keyboard.press('Space');
    await expect.poll(() => changes().at(-1)).toMatchObject({ show: 'bypass' });
    await page.keyboard.press('b');
    await expect.poll(() => changes().at(-1)).toMatchObject({ show: 'blackout' });
    await page.keyboard.press('b');
    await expect.poll(() => changes().at(-1)).toMatchObject({ show: 'paint' });
    const strength = () => page.getByRole('slider', { name: 'Strength' }).inputValue().then(Number);
    const before = await strength();
    await page.keyboard.press('ArrowDown');
    await expect.poll(strength).toBeCloseTo(before - 0.05);
    await expect.poll(() => changes().at(-1)).toMatchObject({ strength: expect.closeTo(before - 0.05) });
    await page.keyboard.press('v');
    const line = page.getByRole('slider', { name: 'Before and after' });
    await line.focus();
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => line.getAttribute('aria-valuenow')).toBe('52');
    await expect.poll(() => mock.requests).toContain('POST /main/whep?strength=0');
    await page.keyboard.press('r');
    await page.getByRole('button', { name: 'Stop recording' }).first().waitFor();
    await page.keyboard.press('r');
    await page.getByRole('button', { name: 'Record', exact: true }).first().waitFor();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    const heard = changes().length;
    await page.keyboard.press('b');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(changes()).toHaveLength(heard);
  });

  it('tunes a style of one’s own, shows how far it is, and says when it is done', async () => {
    const page = await connect(1440);
    const card = page.locator('.style-card', { hasText: 'My wall' });
    await card.getByRole('button', { name: 'Tune the style My wall' }).click();
    const dialog = page.getByRole('dialog', { name: 'Tune the style My wall' });
    expect(await violations(page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Tune', exact: true }).click();
    await dialog.getByText('looks at the stream').waitFor();
    mock.tunedSteps = 30;
    await dialog.getByText('step 30 of 90 · 1:05 left').waitFor();
    await page.keyboard.press('Escape');
    await expect.poll(() => card.getByRole('progressbar').getAttribute('value')).toBe('30');
    mock.tunedSteps = 90;
    await page.getByText('Tuned: My wall').waitFor();
    await card.getByRole('progressbar').waitFor({ state: 'detached' });
    // In its middle: its tools leave room for a click on the style itself.
    await card.locator('.style-main').click();
    await expect.poll(() => changes().at(-1)).toMatchObject({ style: 'mine' });
  });

  it('mixes styles on the pad, by hand and by keys, in few messages', async () => {
    const page = await connect(1440);
    for (const name of ['wave', 'scream', 'udnie'])
      await page.locator(`[data-style=${name}]`).click({ modifiers: ['Shift'] });
    const puck = page.getByRole('slider', { name: /Mix of the styles/ });
    await puck.focus();
    for (let i = 0; i < 4; i++) await page.keyboard.press('ArrowDown');
    await expect.poll(() => (changes().at(-1) as { style?: unknown[] }).style?.length).toBe(3);
    const pad = (await page.locator('.pad').boundingBox())!;
    const heard = changes().length;
    const began = performance.now();
    await page.mouse.move(pad.x + pad.width / 2, pad.y + pad.height / 2);
    await page.mouse.down();
    for (let i = 0; i < 100; i++) await page.mouse.move(pad.x + pad.width / 2 + i / 4, pad.y + 20 + i / 2);
    await page.mouse.up();
    const shares = () => (changes().at(-1) as { style: { weight: number }[] }).style;
    await expect.poll(() => changes().length).toBeGreaterThan(heard);
    expect(shares().reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 2);
    // Some thirty a second, however fast or slow the hand (and this machine) is.
    const seconds = (performance.now() - began) / 1000;
    expect(changes().length - heard).toBeLessThan(40 * seconds + 10);
  });

  it('publishes to the stream also when it is asked before it knows which', async () => {
    const context = await browser.newContext({ locale: 'en-US' });
    const page = await context.newPage();
    const asked: string[] = [];
    await page.addInitScript(() => {
      navigator.mediaDevices.getUserMedia = async () => document.createElement('canvas').captureStream(5);
    });
    await page.route('**/api/streams', async (route) => {
      await new Promise((resolve) => setTimeout(resolve, 800));
      await route.continue();
    });
    await page.route('**/whip', async (route) => {
      asked.push(new URL(route.request().url()).href);
      await route.fulfill({ status: 403, body: '{}' });
    });
    await page.goto(`${base}/?stream=main`);
    await page.getByRole('button', { name: 'Paint my camera' }).first().click();
    await expect.poll(() => asked).toEqual([`${base}/main/whip`]);
  });

  const drop = (page: Page, ...files: [name: string, type: string][]) =>
    page.evaluate((all) => {
      const dataTransfer = new DataTransfer();
      for (const [name, type] of all) dataTransfer.items.add(new File(['x'], name, { type }));
      dispatchEvent(new DragEvent('drop', { dataTransfer, cancelable: true }));
    }, files);

  /** Answers uploads only when it is told to. */
  async function holdUploads(page: Page): Promise<() => void> {
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route('**/api/uploads?*', async (route) => {
      await held;
      await route.fulfill({ status: 201, json: { id: 'u1' } }).catch(() => {});
    });
    return answer;
  }

  const VIDEO = { name: 'tango.mp4', mimeType: 'video/mp4', buffer: Buffer.alloc(1000) };

  it('feeds a stream from an upload, unless its dialog was closed meanwhile', async () => {
    const page = await connect(1440);
    const fed = () => mock.requests.filter((it) => it === 'PUT /api/streams/main/input').length;
    const before = fed();
    const upload = async () => {
      await page.getByRole('button', { name: 'What to paint' }).click();
      await page.getByRole('radio', { name: 'Server' }).check({ force: true });
      const sent = page.waitForRequest('**/api/uploads?*');
      await page.locator('dialog input[type=file]').setInputFiles(VIDEO);
      return sent;
    };
    const late = await holdUploads(page);
    const request = await upload();
    await page.keyboard.press('Escape');
    await expect.poll(() => request.failure()).not.toBeNull();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    late();
    await page.waitForTimeout(300);
    expect(fed()).toBe(before);
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await upload();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await expect.poll(fed).toBe(before + 1);
  });

  it('takes a video that is dropped on the open dialog', async () => {
    const page = await open(1440);
    await page.locator('.style-card').first().waitFor();
    await page.getByRole('button', { name: 'What to paint' }).click();
    const dialog = page.getByRole('dialog', { name: 'What to paint' });
    await dialog.waitFor();
    await drop(page, ['waltz.webm', 'video/webm']);
    await dialog.getByText('waltz.webm').waitFor();
    expect(await dialog.getByRole('button', { name: 'Paint this video' }).isEnabled()).toBe(true);
  });

  it('keeps what was begun on a page of the deck while another one is shown', async () => {
    const page = await connect(1440);
    const show = (name: string) => page.getByRole('tab', { name, exact: true }).click();
    await show('Cycle');
    const picks = page.getByRole('list', { name: 'Styles, in the order' }).getByRole('button');
    for (const at of [4, 2, 0]) await picks.nth(at).click();
    const frames = page.getByRole('spinbutton', { name: 'A new style every' });
    await frames.fill('');
    await frames.pressSequentially('30', { delay: 300 });
    await show('Mix');
    await show('Cycle');
    expect(await frames.inputValue()).toBe('30');
    expect(await picks.and(page.locator('[aria-pressed=true]')).count()).toBe(3);
    await frames.fill('');
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await expect.poll(() => changes().at(-1)).toMatchObject({ cycle: { everyFrames: 30 } });

    const answer = await holdUploads(page);
    await show('Paint videos');
    const field = page.locator('.videos input[type=file]');
    await field.setInputFiles(VIDEO);
    await page.getByRole('button', { name: 'Paint it' }).click();
    await show('Mix');
    await show('Paint videos');
    await page.getByText('tango.mp4', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Paint it' }).click();
    await show('Mix');
    const asked = page.waitForRequest('**/api/jobs');
    answer();
    expect((await asked).postDataJSON()).toMatchObject({ input: 'u1' });
    await show('Paint videos');
    await page.getByText('Choose a video', { exact: true }).waitFor();
    await field.setInputFiles(VIDEO);
    await page.getByText('tango.mp4', { exact: true }).waitFor();
    expect(await page.getByRole('button', { name: 'Paint it' }).isEnabled()).toBe(true);
  });

  it('makes a style of a drawing, says what it cannot read, and which of several files it takes', async () => {
    const page = await connect(1440);
    const field = page.locator('dialog input[type=file]');
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10"><path d="M0 0h9v9z"/></svg>';
    const choose = async (text: string) => {
      await page.getByRole('button', { name: 'New style' }).click();
      await field.setInputFiles({ name: 'a.svg', mimeType: 'image/svg+xml', buffer: Buffer.from(text) });
      await page.getByRole('button', { name: 'Paint with it' }).click();
    };
    await page.route('**/api/styles?*', (route) => route.fulfill({ json: { name: 'mine', title: 'a' } }));
    const sent = page.waitForRequest('**/api/styles?*');
    await choose(svg);
    expect((await sent).headers()['content-type']).toBe('image/jpeg');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await choose('no drawing');
    await page.getByText('This browser cannot read that picture.').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await drop(page, ['notes.txt', 'text/plain'], ['a.png', 'image/png'], ['b.png', 'image/png']);
    await page.getByRole('dialog', { name: 'New style' }).waitFor();
    await page.getByText('One file at a time: a.png is taken.').waitFor();
    await drop(page, ['polka.mkv', '']);
    await page.getByRole('dialog', { name: 'What to paint' }).getByText('polka.mkv').waitFor();
  });

  /** Makes a camera of a canvas. */
  const fakeCamera = () => {
    navigator.mediaDevices.getUserMedia = async () => document.createElement('canvas').captureStream(5);
  };
  const asked = (request: string) => mock.requests.filter((it) => it === request).length;

  it('stops publishing to a stream that was removed', async () => {
    const page = await connect(1440);
    await page.evaluate(fakeCamera);
    const before = asked('POST /main/whip');
    await page.getByRole('button', { name: 'Paint my camera' }).first().click();
    await page.getByRole('button', { name: 'Camera is live in main' }).waitFor();
    mock.remove();
    await page.getByRole('toolbar').getByRole('button', { name: 'Paint my camera' }).waitFor();
    await page.waitForTimeout(1500);
    expect(asked('POST /main/whip')).toBe(before + 1);
    await page.getByRole('alert').filter({ hasText: 'This stream was removed.' }).waitFor();
    await page.getByRole('toolbar').getByRole('button', { name: 'Paint my camera' }).click();
    await page.getByRole('button', { name: 'Camera is live in main' }).waitFor();
    await page.getByRole('alert').waitFor({ state: 'detached' });
    expect(asked('POST /main/whip')).toBe(before + 2);
  });

  it('publishes with a token for that alone, and starts anew only when asked to once its stream was removed', async () => {
    mock.publishOnly = true;
    const page = await open(1440, 'en-US', '/?stream=show#token=publish-token');
    await page.getByRole('alert').filter({ hasText: 'This token is for publishing alone' }).waitFor();
    expect(await page.getByRole('dialog').count()).toBe(0);
    expect(await violations(page)).toEqual([]);
    await page.evaluate(fakeCamera);
    const before = asked('POST /show/whip');
    await page.getByRole('button', { name: 'Paint my camera' }).first().click();
    await page.getByRole('button', { name: 'Camera is live in show' }).waitFor();
    const shown = () =>
      page.locator('video.painted').evaluate((video: HTMLVideoElement) => video.srcObject !== null);
    await expect.poll(shown).toBe(true);
    // Longer than a refusal would take to be heard.
    await page.waitForTimeout(500);
    mock.remove('show');
    const again = page.getByRole('alert').getByRole('button', { name: 'Open it anew' });
    await again.waitFor();
    await page.getByRole('toolbar').getByRole('button', { name: 'Paint my camera' }).waitFor();
    await page.waitForTimeout(1500);
    expect(asked('POST /show/whip')).toBe(before + 1);
    await again.click();
    await page.getByRole('alert').filter({ hasText: 'This token is for publishing alone' }).waitFor();
    await page.getByRole('button', { name: 'Paint my camera' }).first().click();
    await page.getByRole('button', { name: 'Camera is live in show' }).waitFor();
    expect(asked('POST /show/whip')).toBe(before + 2);
    expect(mock.requests.filter((it) => it.includes('/show/whep'))).toEqual([]);
    expect(faults).toEqual([]);
    await page.keyboard.press('b');
    await page.getByRole('dialog').getByText('The token in use does not allow that.').waitFor();
  });

  it('says which stream it publishes to while it shows another, and hears when that is removed', async () => {
    const name = `demo-${'x'.repeat(59)}`;
    const page = await connect(360, 'en-US', `/?stream=${name}`);
    await page.evaluate(fakeCamera);
    await page.getByRole('button', { name: 'Paint my camera' }).first().click();
    await page.getByRole('combobox', { name: 'Stream' }).selectOption('main');
    await page.getByRole('button', { name: `Camera is live in ${name}` }).waitFor();
    const button = page.getByRole('button', { name: `Camera is live in ${name}` });
    const { x, width } = (await button.boundingBox())!;
    expect(x + width).toBeLessThan(360);
    const before = asked('POST /main/whep?strength=0');
    await page.keyboard.press('v');
    await expect.poll(() => asked('POST /main/whep?strength=0')).toBe(before + 1);
    mock.remove(name);
    await page.getByRole('toolbar').getByRole('button', { name: 'Paint my camera' }).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
  });

  it('begins one recording, however often it is asked before the answer', async () => {
    const page = await connect(1440);
    const begun = () => mock.requests.filter((it) => it === 'POST /api/streams/main/outputs').length;
    const before = begun();
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route('**/outputs', async (route) => {
      await held;
      await route.continue();
    });
    for (let i = 0; i < 3; i++) await page.keyboard.press('r');
    answer();
    await page.getByRole('button', { name: 'Stop recording' }).first().waitFor();
    await page.waitForTimeout(700);
    expect(begun()).toBe(before + 1);
    await page.keyboard.press('r');
    await page.getByRole('button', { name: 'Record', exact: true }).first().waitFor();
  });

  it('shows the recording that another page began, and ends it for both', async () => {
    const [one, two] = [await open(1440), await open(360)];
    for (const page of [one, two]) await page.locator('.style-card.current').first().waitFor();
    await one.keyboard.press('r');
    for (const page of [one, two])
      await page.getByRole('button', { name: 'Stop recording' }).first().waitFor();
    await two.keyboard.press('r');
    for (const page of [one, two])
      await page.getByRole('button', { name: 'Record', exact: true }).first().waitFor();
  });

  it('measures, and counts as published, only the stream that this page publishes', async () => {
    const page = await connect(1440, 'en-US', '/?stream=other');
    await page.evaluate(fakeCamera);
    mock.input = 'card';
    await page.getByRole('toolbar').getByRole('button', { name: 'Paint my camera' }).click();
    await page.getByRole('button', { name: 'Camera is live in other' }).waitFor();
    await page.getByRole('tab', { name: 'Numbers' }).click();
    const glass = page.getByRole('checkbox', { name: 'Measure glass to glass' });
    await glass.check();
    await page.locator('.stage-labels').getByText('glass to glass').waitFor();
    expect(await page.locator('.invitation').count()).toBe(0);
    await page.getByRole('combobox', { name: 'Stream' }).selectOption('main');
    await expect
      .poll(() => page.locator('.stage-labels, .figures').getByText('glass to glass').count())
      .toBe(0);
    await page.locator('.stage-labels').waitFor();
    await page.getByText('Publish from this page to measure').waitFor();
    await page.locator('.invitation').waitFor();
    await page.getByRole('combobox', { name: 'Stream' }).selectOption('other');
    await page.locator('.stage-labels').getByText('glass to glass').waitFor();
    await page.locator('.invitation').waitFor({ state: 'detached' });
    expect(await glass.isChecked()).toBe(true);
  });

  it('has the same cues in two tabs of a stream', async () => {
    const one = await open(1440);
    const two = await one.context().newPage();
    await two.addInitScript(fakePeers);
    await two.goto(base);
    const names = (page: Page) =>
      page
        .locator('.cue-name')
        .evaluateAll((inputs) => inputs.map((input) => (input as HTMLInputElement).value));
    for (const page of [one, two]) {
      await page.locator('.style-card.current').first().waitFor();
      await page.getByRole('tab', { name: 'Cues' }).click();
    }
    await one.getByRole('button', { name: /Store/ }).first().click();
    await expect.poll(() => names(two).then(({ length }) => length)).toBe(1);
    await two.getByRole('button', { name: /Store/ }).first().click();
    await expect.poll(() => names(one).then(({ length }) => length)).toBe(2);
    await two.locator('.cue-name').first().fill('opening');
    await two.locator('.cue-name').first().press('Tab');
    await expect.poll(() => names(one).then(([name]) => name)).toBe('opening');
    await one
      .locator('.cue')
      .nth(1)
      .getByRole('button', { name: /Remove|Delete/ })
      .click();
    await expect.poll(() => names(two)).toEqual(['opening']);
  });

  it('takes a style that was deleted off the mix pad and out of a cycle that is being chosen', async () => {
    const page = await connect(1440);
    for (const name of ['mine', 'scream', 'udnie'])
      await page.locator(`[data-style=${name}]`).click({ modifiers: ['Shift'] });
    const rows = page.locator('.mix-row');
    await expect.poll(() => rows.count()).toBe(3);
    await page.getByRole('tab', { name: 'Cycle' }).click();
    await page.getByRole('button', { name: 'All styles' }).click();
    mock.forget('mine');
    await page.locator('[data-style=mine]').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Start', exact: true }).click();
    await expect.poll(() => changes().at(-1)).toHaveProperty('cycle');
    const { cycle } = changes().at(-1) as { cycle: { styles: string[] } };
    expect(cycle.styles).not.toContain('mine');
    expect(cycle.styles.length).toBeGreaterThan(10);
    await page.getByRole('tab', { name: 'Mix' }).click();
    await expect.poll(() => rows.count()).toBe(2);
    await page.getByRole('slider', { name: /Mix of the styles/ }).focus();
    await page.keyboard.press('ArrowDown');
    await expect
      .poll(() => (changes().at(-1) as { style?: { style: string }[] }).style?.map(({ style }) => style))
      .toEqual(['scream', 'udnie']);
  });

  it('hears of a style that was deleted while it had no connection', async () => {
    const page = await connect(1440);
    await page.locator('[data-style=mine]').waitFor();
    mock.leave();
    await page.getByRole('alert').waitFor();
    mock.forget('mine');
    mock.comeBack();
    await page.locator('[data-style=mine]').waitFor({ state: 'detached' });
  });

  const STORED = (style: string, id: string) => ({
    ...{
      id,
      name: `cue ${id}`,
      mix: [{ style, weight: 1 }],
      strength: 1,
      keepColor: 0,
      steady: 0,
      fadeMs: 0,
    },
  });

  /** Opens a page whose browser has kept these cues of the stream, the first of which holds. */
  async function openWithCues(...names: string[]): Promise<Page> {
    const page = await open(1440);
    const stack = { cues: names.map((style, i) => STORED(style, 'abcdef'[i]!)), at: 0 };
    await page.evaluate((text) => localStorage.setItem('livebrush.cues.main', text), JSON.stringify(stack));
    await page.reload();
    await page.locator('.style-card.current').first().waitFor();
    await page.getByRole('tab', { name: 'Cues' }).click();
    return page;
  }

  it('marks a cue whose style was deleted, does not play it, and goes on behind it', async () => {
    const page = await openWithCues('wave', 'mine', 'scream', 'mine');
    const cue = (at: number) => page.locator('.cue').nth(at);
    expect(await page.locator('.cue.lacking').count()).toBe(0);
    mock.forget('mine');
    await cue(1).getByText('Its style mine was deleted.').waitFor();
    expect(await page.locator('.cue.lacking').count()).toBe(2);
    expect(await violations(page)).toEqual([]);
    const heard = changes().length;
    await cue(1).getByRole('button', { name: 'Play the cue' }).click();
    await page.getByText('Not played: cue b').waitFor();
    expect(await page.locator('.cue').first().getAttribute('aria-current')).toBe('step');
    expect(changes()).toHaveLength(heard);
    await page.getByRole('button', { name: 'Next', exact: true }).click();
    await expect.poll(() => changes().at(-1)).toMatchObject({ style: [{ style: 'scream' }] });
    await page.getByText('Left out: cue b').waitFor();
    await expect.poll(() => cue(2).getAttribute('aria-current')).toBe('step');
    await page.getByRole('button', { name: 'Next', exact: true }).click();
    await page.getByText('Not played: cue d').waitFor();
    expect(await cue(2).getAttribute('aria-current')).toBe('step');
    mock.restore();
    await page.locator('.cue.lacking').first().waitFor({ state: 'detached' });
  });

  it('keeps the header inside a narrow page while a new stream is named', async () => {
    const page = await connect(360);
    await page.locator('.chip.fps').waitFor();
    await page.getByRole('combobox', { name: 'Stream' }).selectOption({ label: 'New stream …' });
    await page.getByRole('textbox', { name: 'Name of the stream' }).waitFor();
    const { x, width } = (await page.locator('.header > :last-child').boundingBox())!;
    expect(x + width).toBeLessThanOrEqual(360);
  });

  it('leaves the marker of the cues where it is when a cue cannot be sent', async () => {
    const page = await openWithCues('wave', 'scream');
    mock.leave();
    await page.getByRole('alert').filter({ hasText: 'No connection' }).waitFor();
    const heard = changes().length;
    for (let i = 0; i < 2; i++) await page.keyboard.press('n');
    await page.getByText('Not changed: there is no connection.').waitFor();
    expect(await page.locator('.cue').first().getAttribute('aria-current')).toBe('step');
    mock.comeBack();
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await page.keyboard.press('n');
    await expect.poll(() => changes().at(-1)).toMatchObject({ style: [{ style: 'scream' }] });
    await expect.poll(() => page.locator('.cue').nth(1).getAttribute('aria-current')).toBe('step');
    expect(changes()).toHaveLength(heard + 1);
  });

  it('paints and tunes with a new style where it was begun, whichever stream is shown when it is ready', async () => {
    const page = await connect(1440, 'en-US', '/?stream=other');
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    await page.route('**/api/styles?*', async (route) => {
      await held;
      await route.fulfill({ json: { name: 'mine', title: 'a' } });
    });
    await page.getByRole('button', { name: 'New style' }).click();
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 10"><path d="M0 0h9v9z"/></svg>';
    const file = { name: 'a.svg', mimeType: 'image/svg+xml', buffer: Buffer.from(svg) };
    await page.locator('dialog input[type=file]').setInputFiles(file);
    await page.getByRole('checkbox', { name: /Then tune it/ }).check();
    const sent = page.waitForRequest('**/api/styles?*');
    await page.getByRole('button', { name: 'Paint with it' }).click();
    await sent;
    await page.keyboard.press('Escape');
    await page.getByRole('combobox', { name: 'Stream' }).selectOption('main');
    await page.locator('.style-card.current').first().waitFor();
    const heard = changes().length;
    const look = page.waitForRequest('**/api/streams/other/look');
    const tuned = page.waitForRequest(
      (request) => request.method() === 'POST' && request.url().endsWith('tunings'),
    );
    answer();
    expect((await look).method()).toBe('PATCH');
    expect((await look).postDataJSON()).toMatchObject({ style: 'mine', show: 'paint' });
    expect((await tuned).postDataJSON()).toMatchObject({ style: 'mine', stream: 'other' });
    expect(changes()).toHaveLength(heard);
  });

  it('says that the connection is lost, and comes back by itself', async () => {
    const page = await connect(1440);
    const hellos = mock.heard.filter(({ type }) => type === 'stats').length;
    mock.leave();
    await page.getByRole('alert').waitFor();
    mock.comeBack();
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await expect.poll(() => mock.heard.filter(({ type }) => type === 'stats').length).toBeGreaterThan(hellos);
  });

  it('shows what went wrong above a dialog', async () => {
    const page = await open(1440);
    await page.getByRole('button', { name: 'New style' }).click();
    await page.getByRole('dialog').waitFor();
    await page.evaluate(() => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['x'], 'notes.txt', { type: 'text/plain' }));
      dispatchEvent(new DragEvent('drop', { dataTransfer }));
    });
    const toast = page.locator('.toast.warning');
    await toast.waitFor();
    // What is shown later lies above a dialog, whose backdrop dims all else.
    expect(await toast.evaluate((element) => element.parentElement?.matches(':popover-open'))).toBe(true);
    await expect(page.getByRole('dialog').count()).resolves.toBe(1);
  });

  it('says why the input does not come', async () => {
    mock.problem = 'Nobody answers at rtmp://camera/…';
    const page = await open(1440);
    await page.getByRole('status').filter({ hasText: 'Nobody answers at' }).waitFor();
    mock.problem = '';
  });

  it('says that the stream was removed, and opens it anew only when asked to', async () => {
    const page = await connect(1440);
    const hellos = () => mock.heard.filter(({ type }) => type === 'stats').length;
    const before = hellos();
    mock.remove();
    const again = page.getByRole('alert').getByRole('button', { name: 'Open it anew' });
    await again.waitFor();
    await page.waitForTimeout(1500);
    expect(hellos()).toBe(before);
    await again.click();
    await page.getByRole('alert').waitFor({ state: 'detached' });
    await expect.poll(hellos).toBeGreaterThan(before);
  });

  it('shows another stream, and says so, when the address names one that cannot be', async () => {
    const page = await open(1440, 'en-US', '/?stream=foo%20bar');
    await page.getByText('“foo bar” is not the name of a stream.').waitFor();
    await page.locator('.chip.fps').waitFor();
    expect(new URL(page.url()).searchParams.get('stream')).toBe('main');
    expect(await page.getByRole('dialog').count()).toBe(0);
  });

  it('asks for no token when the control socket is closed for another reason', async () => {
    const page = await connect(1440);
    mock.leave(1008);
    await page.getByRole('alert').filter({ hasText: 'No connection' }).waitFor();
    expect(await page.getByRole('dialog').count()).toBe(0);
  });

  it('asks for a token where one is needed, takes it from the address once and hides it', async () => {
    mock.token = 'secret-token';
    const page = await open(1440);
    const dialog = page.getByRole('dialog', { name: 'Token' });
    await dialog.waitFor();
    expect(await dialog.getByLabel('Token').evaluate((field) => field === document.activeElement)).toBe(true);
    const other = await open(1440, 'en-US', '/#token=secret-token');
    await other.locator('.style-card').first().waitFor();
    expect(other.url()).not.toContain('secret');
    await expect.poll(() => mock.heard).toContainEqual({ type: 'auth', token: 'secret-token' });
    expect(mock.requests.join()).not.toContain('secret');
  });

  it('asks for a token once: not at each reconnect, and not in place of what is open', async () => {
    const page = await connect(1440);
    await page.keyboard.press('?');
    const keys = page.getByRole('dialog', { name: 'Keys' });
    await keys.waitFor();
    mock.refused = 0;
    mock.cut();
    await expect.poll(() => mock.refused).toBeGreaterThan(1);
    expect(await keys.isVisible()).toBe(true);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog', { name: 'Token' }).waitFor();
    await page.keyboard.press('Escape');
    const before = mock.refused;
    await expect.poll(() => mock.refused).toBeGreaterThan(before + 1);
    expect(await page.getByRole('dialog').count()).toBe(0);
    await page.getByRole('alert').getByRole('button', { name: 'Enter the token' }).click();
    await page.getByRole('dialog', { name: 'Token' }).waitFor();
  });

  it('asks for another token when the one in use does not allow a change', async () => {
    mock.token = 'read-token';
    mock.watchOnly = true;
    const page = await connect(1440, 'en-US', '/#token=read-token');
    const dialog = page.getByRole('dialog', { name: 'Token' });
    for (let i = 0; i < 2; i++) {
      await page
        .locator('.style-card')
        .nth(i + 1)
        .click();
      await dialog.getByText('The token in use does not allow that.').waitFor();
      await page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
    }
    await page.route('**/outputs', (route) => route.fulfill({ status: 403, body: '{}' }));
    await page.keyboard.press('r');
    await dialog.waitFor();
  });

  it.each(['watch', 'publish'] as const)(
    'lets nobody move what a token to %s cannot change, and says so',
    async (what) => {
      mock.token = 'some-token';
      mock.watchOnly = what === 'watch';
      mock.publishOnly = what === 'publish';
      const page = await open(1440, 'en-US', '/#token=some-token');
      const look = page.getByRole('region', { name: 'Look' });
      const strength = look.getByRole('slider', { name: 'Strength' });
      await look.getByText('Admin token needed').waitFor();
      for (const slider of await look.getByRole('slider').all()) {
        expect(await slider.isDisabled()).toBe(true);
        const note = await slider.getAttribute('aria-describedby');
        expect(await page.locator(`[id="${note}"]`).textContent()).toContain('Admin token');
      }
      const dialog = page.getByRole('dialog', { name: 'Token' });
      const asks = async (act: () => Promise<unknown>) => {
        await act();
        await dialog.waitFor();
        await page.keyboard.press('Escape');
        await dialog.waitFor({ state: 'detached' });
      };
      const before = await strength.inputValue();
      await asks(() => page.keyboard.press('ArrowDown'));
      expect(await strength.inputValue()).toBe(before);
      await asks(() => page.getByRole('button', { name: 'New style' }).click());
      await asks(() => page.getByRole('button', { name: 'Record', exact: true }).first().click());
      for (const name of ['Recordings', 'Paint videos', 'Share & OBS']) {
        await page.getByRole('tab', { name }).click();
        await page.getByRole('tabpanel').getByText('Admin token needed').waitFor();
      }
      expect(await dialog.count()).toBe(0);
      expect(await violations(page)).toEqual([]);
      expect(changes()).toEqual([]);
      expect(mock.requests.filter((it) => /recordings|jobs|outputs|tunings/.test(it))).toEqual([]);
      expect(faults).toEqual([]);
    },
  );

  it('asks for a token when a change needs one and it has none', async () => {
    mock.watchOnly = true;
    const page = await connect(1440);
    await page.locator('.style-card').nth(1).click();
    await page.getByRole('dialog', { name: 'Token' }).waitFor();
  });

  it.each([
    [404, '?style=nope', 'There is no style nope.'],
    [400, '?strength=7', 'The query strength is a number from 0 to 1.'],
  ])('says why a watch page cannot have its look (%i), and asks no more', async (status, query, message) => {
    const page = await open(1440);
    let asked = 0;
    await page.route('**/whep?*', (route) => {
      asked++;
      return route.fulfill({ status, json: { error: { code: 'not-found', message } } });
    });
    await page.goto(`${base}/watch/main${query}`);
    await page.getByRole('status').filter({ hasText: message }).waitFor();
    await page.waitForTimeout(1500);
    expect(asked).toBe(1);
    expect(await page.getByRole('status').textContent()).toContain(message);
  });

  it('leaves the panel its remembered token when a watch link is opened in the same browser', async () => {
    const page = await connect(1440);
    await page.evaluate(() => localStorage.setItem('livebrush.token', 'admin-token'));
    const watch = await page.context().newPage();
    await watch.addInitScript(fakePeers);
    const asked: (string | undefined)[] = [];
    watch.on('request', (request) => {
      if (request.url().endsWith('/whep')) asked.push(request.headers().authorization);
    });
    await watch.goto(`${base}/watch/main#token=read-token`);
    await expect.poll(() => asked[0]).toBe('Bearer read-token');
    expect(watch.url()).not.toContain('token');
    await watch.reload();
    await expect.poll(() => asked.at(-1) && asked.length).toBe(2);
    expect(asked[1]).toBe('Bearer read-token');
    expect(await page.evaluate(() => localStorage.getItem('livebrush.token'))).toBe('admin-token');
  });

  it('shows a stream alone on its watch page, in the look that is asked for', async () => {
    const page = await open(1440, 'en-US', '/watch/main?style=udnie&strength=0.5');
    await expect
      .poll(() => page.locator('video').evaluate((video: HTMLVideoElement) => video.videoWidth))
      .toBe(960);
    expect(mock.requests).toContain('POST /main/whep?style=udnie&strength=0.5');
    expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe(
      'rgba(0, 0, 0, 0)',
    );
    expect(await violations(page)).toEqual([]);
    expect(faults).toEqual([]);
  });
});
