import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Builds the panel, the player and the page of a training to dist/web. Nothing is inlined, so that the pages live under a Content-Security-
 * Policy of `default-src 'self'`. `npx vite web` serves them with hot reload beside a server on port 8080.
 */
export default defineConfig({
  root: at('.'),
  build: {
    outDir: at('../dist/web'),
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: { input: [at('index.html'), at('watch.html'), at('training.html')] },
  },
  server: {
    proxy: {
      '/api': { target: 'http://127.0.0.1:8080', ws: true },
      '^/[^/]+/(whip|whep|hls)': { target: 'http://127.0.0.1:8080' },
    },
  },
});
