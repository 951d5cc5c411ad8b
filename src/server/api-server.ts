import { z } from '@hono/zod-openapi';
import { Denied } from '../errors.js';
import { serverInfo } from './answers.js';
import { addresses } from './osc.js';
import type { Ctx, Parts } from './parts.js';
import { type App, route } from './route.js';
import { settingsSchema } from './settings-write.js';

const tag = 'Server';
const text = z.object({ status: z.string() });
const oscInfo = z.object({
  enabled: z.boolean(),
  host: z.string(),
  port: z.number(),
  addresses: z.array(z.object({ address: z.string(), takes: z.string(), does: z.string() })),
});

/** Base of the URLs that this server hands out: the configured one, or as it was addressed just now. */
const baseOf = (c: Ctx, publicUrl: string) => publicUrl.replace(/\/$/, '') || new URL(c.req.url).origin;

/** What the server is, whether it is well, and how it is described. */
export function serverRoutes(app: App, parts: Parts): void {
  infoRoutes(app, parts);
  healthRoutes(app, parts);
  descriptionRoutes(app, parts);
}

function infoRoutes(app: App, { settings, about, auth, urls }: Parts): void {
  const { limits } = settings;
  route(
    app,
    {
      ...{ method: 'get', path: '/api/info', role: 'none', tag, summary: 'What this server is' },
      answers: { 200: { description: 'The server.', schema: serverInfo } },
    },
    (c) => {
      const role = c.get('role');
      return c.json({
        ...about,
        ...{ auth: !auth.open, role, urls: urls.allow, publicUrl: baseOf(c, settings.publicUrl) },
        // They may hold passwords of relays.
        iceServers: role === 'none' ? [] : settings.webrtc.iceServers,
        limits: { imageBytes: limits.imageBytes, videoBytes: limits.videoBytes },
        ...(role === 'admin' && !auth.open ? { tokens: auth.handOut } : {}),
      });
    },
  );
  route(
    app,
    {
      ...{ method: 'post', path: '/api/session', role: 'none', tag, summary: 'Remember a token as a cookie' },
      description:
        'For what browsers fetch without a header: pictures, downloads, HLS. It counts for reading alone.',
      answers: { 204: { description: 'The cookie is set.' } },
    },
    (c) => {
      if (c.get('role') === 'none') throw new Denied('This needs a token.');
      if (!auth.open && c.req.header('authorization')) {
        const secure = settings.publicUrl.startsWith('https:') ? '; Secure' : '';
        c.header('Set-Cookie', `${auth.remember(c.get('role'))}${secure}`);
      }
      return c.body(null, 204);
    },
  );
}

function healthRoutes(app: App, { state, metrics }: Parts): void {
  route(
    app,
    {
      ...{ method: 'get', path: '/healthz', role: 'none', tag, summary: 'Whether the process runs' },
      answers: { 200: { description: 'It does.', schema: text } },
    },
    (c) => c.json({ status: 'ok' }),
  );
  route(
    app,
    {
      ...{ method: 'get', path: '/readyz', role: 'none', tag, summary: 'Whether streams are taken' },
      answers: {
        200: { description: 'They are.', schema: text },
        503: { description: 'Not yet, or not any more.', schema: text },
      },
    },
    (c) => {
      const status = state.draining ? 'draining' : state.ready ? 'ready' : 'starting';
      return c.json({ status }, status === 'ready' ? 200 : 503);
    },
  );
  route(
    app,
    {
      ...{ method: 'get', path: '/metrics', role: 'admin', tag, summary: 'Numbers for Prometheus' },
      answers: { 200: { description: "Prometheus' text format.", type: 'text/plain' } },
    },
    async (c) => {
      const { type, body } = await metrics.text();
      return c.body(body, 200, { 'Content-Type': type });
    },
  );
}

function descriptionRoutes(app: App, { settings }: Parts): void {
  const schema = settingsSchema();
  route(
    app,
    {
      ...{
        method: 'get',
        path: '/api/osc',
        role: 'read',
        tag,
        summary: 'What is understood as OSC over UDP',
      },
      answers: { 200: { description: 'The addresses.', schema: oscInfo } },
    },
    (c) => {
      const { enabled, host, port } = settings.osc;
      const list = addresses.map(({ name, takes, does }) => ({
        address: `/livebrush/{stream}/${name}`,
        takes,
        does,
      }));
      return c.json({ enabled, host, port, addresses: list });
    },
  );
  route(
    app,
    {
      ...{ method: 'get', path: '/schema.json', role: 'none', tag, summary: 'JSON Schema of livebrush.yaml' },
      answers: { 200: { description: 'The schema.', schema: z.looseObject({}) } },
    },
    (c) => c.json(schema),
  );
}
