/**
 * Makes `docs/panel.webp`, the picture of the panel in the README: the panel of a running server in Debian's Chromium
 * (or the browser that CHROMIUM names), once its demo has played for a while. Chromium takes its share of the
 * processor: pictures of 320x180 leave two cores enough for it.
 *
 *   npm run build && npx livebrush serve --style self-portrait -c paint.width=320 -c paint.height=180 &
 *   node scripts/panel-picture.mjs [--url http://127.0.0.1:8080] [--seconds 20]
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import sharp from 'sharp';

const { values: options } = parseArgs({
  options: {
    url: { type: 'string', default: 'http://127.0.0.1:8080' },
    /** How long the demo plays before. */
    seconds: { type: 'string', default: '20' },
    out: { type: 'string', default: fileURLToPath(new URL('../docs/panel.webp', import.meta.url)) },
  },
});

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'],
});
try {
  const page = await browser.newPage({
    viewport: { width: 1440, height: 900 },
    colorScheme: 'dark',
    locale: 'en',
  });
  await page.goto(`${options.url}/?stream=demo`);
  await page.getByRole('button', { name: 'Begin with four styles' }).click();
  await page.waitForFunction(() => (document.querySelector('video')?.videoWidth ?? 0) > 0);
  await page.waitForTimeout(1000 * Number(options.seconds));
  await page.mouse.move(0, 0);
  await sharp(await page.screenshot())
    .webp({ quality: 82 })
    .toFile(options.out);
} finally {
  await browser.close();
}
