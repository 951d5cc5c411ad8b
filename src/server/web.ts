import { readdir } from 'node:fs/promises';
import { extname, join, sep } from 'node:path';
import { NotFound } from '../errors.js';
import { checkWatched } from './hls.js';
import type { Ctx, Parts } from './parts.js';
import type { App } from './route.js';
import { sendFile } from './send-file.js';

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
};

/** Names that a build makes of the contents: they never change. */
const HASHED = /[-.][A-Za-z0-9_-]{8,}\.(js|css|woff2|png|webp|svg|wasm)$/;
const FOREVER = 'public, max-age=31536000, immutable';

/**
 * The files below a folder, by path. What is asked for is looked up here, so that no path leads elsewhere; and anew for
 * each request, as a build while the server runs gives them other names.
 */
export async function filesBelow(folder: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return new Map(
    entries
      .filter((entry) => entry.isFile() && types[extname(entry.name)])
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        return [path.slice(folder.length).split(sep).join('/').replace(/^\/*/, '/'), path];
      }),
  );
}

/** Answers with a file of the panel; those whose names a build makes of their contents are kept for good. */
export const sendBuilt = (c: Ctx, path: string): Promise<Response> =>
  sendFile(c, path, { type: types[extname(path)]!, cache: HASHED.test(path) ? FOREVER : 'no-cache' });

const MISSING =
  '<!doctype html><meta charset="utf-8"><title>Livebrush</title><h1>Livebrush runs</h1><p>Its panel is not built: run ' +
  '<code>npm run build</code>. The API is described at <a href="/docs">/docs</a>.';

/** The panel, the player and the page that shows the API. */
export function webRoutes(app: App, { folders }: Pick<Parts, 'folders'>): void {
  const page = async (c: Ctx, name: string) => {
    const path = (await filesBelow(folders.web)).get(name);
    return path ? sendBuilt(c, path) : c.html(MISSING, 503);
  };
  app.get('/', (c) => page(c, '/index.html'));
  app.get('/watch/:stream', (c) => {
    checkWatched(c.req.param('stream'));
    return page(c, '/watch.html');
  });
  const shared = async (c: Ctx) => {
    const name = c.req.path.replace(/^\/docs\/?/, '/');
    const path = (await filesBelow(folders.docs)).get(name === '/' ? '/index.html' : name);
    if (!path)
      throw new NotFound('There is no such page.', { hint: 'The API is described at /openapi.json.' });
    return sendBuilt(c, path);
  };
  app.get('/docs', (c) => c.redirect('/docs/', 302));
  app.get('/docs/*', shared);
  app.get('/*', async (c) => {
    const path = (await filesBelow(folders.web)).get(c.req.path);
    if (!path) throw new NotFound('There is nothing here.', { hint: 'The panel is at /, the API at /docs.' });
    return sendBuilt(c, path);
  });
}
