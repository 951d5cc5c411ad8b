import { existsSync } from 'node:fs';

/** Where a Chromium is, if this machine has one: `CHROMIUM` says, or one of the usual places. */
export const chromium = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].find((path) => path && existsSync(path));

/** For test names: why a test is skipped. */
export const why = chromium ? '' : ' (skipped: no Chromium; CHROMIUM names one)';
