import { defineConfig } from 'vitest/config';

/** Tests in a browser want the machine for themselves: Chromium, the painter and ffmpeg share it then already. */
const browser = ['test/e2e/*.test.ts', 'test/web/panel.test.ts'];

const common = {
  pool: 'forks' as const,
  hookTimeout: 120_000,
  // What is waited for comes at once, or far later where the machine is busy: only what never comes shall fail.
  expect: { poll: { timeout: 30_000 } },
  env: { ORT_DISABLE_TELEMETRY: '1' },
};

export default defineConfig({
  test: {
    globalSetup: ['test/setup.ts'],
    projects: [
      {
        test: {
          ...common,
          name: 'units',
          include: ['test/**/*.test.ts'],
          exclude: browser,
          maxWorkers: 2,
          testTimeout: 120_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'browser',
          include: browser,
          maxWorkers: 1,
          testTimeout: 240_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      reporter: ['text-summary', 'html'],
    },
  },
});
