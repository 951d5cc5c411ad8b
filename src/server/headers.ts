import type { MiddlewareHandler } from 'hono';

const policy = (more: Readonly<Record<string, string>> = {}) =>
  Object.entries({
    'default-src': "'self'",
    'script-src': "'self'",
    'style-src': "'self'",
    'img-src': "'self' data: blob:",
    'media-src': "'self' blob: mediastream:",
    'connect-src': "'self'",
    'worker-src': "'self' blob:",
    'object-src': "'none'",
    'base-uri': "'none'",
    'form-action': "'self'",
    'frame-ancestors': "'self'",
    ...more,
  })
    .map(([name, value]) => `${name} ${value}`)
    .join('; ');

const CSP = policy();
/** The page of the API writes styles into its elements. */
const DOCS_CSP = policy({ 'style-src': "'self' 'unsafe-inline'" });

const headers = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Permissions-Policy':
    'camera=(self), microphone=(self), display-capture=(self), midi=(self), fullscreen=(self), screen-wake-lock=(self), geolocation=(), payment=(), usb=()',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Frame-Options': 'SAMEORIGIN',
};

/** Tells browsers to keep pages of this server to themselves. */
export const secure: MiddlewareHandler = async (c, next) => {
  await next();
  for (const [name, value] of Object.entries(headers)) c.res.headers.set(name, value);
  c.res.headers.set('Content-Security-Policy', c.req.path.startsWith('/docs') ? DOCS_CSP : CSP);
  if (c.req.path.startsWith('/api/') && !c.res.headers.has('Cache-Control'))
    c.res.headers.set('Cache-Control', 'no-store');
};
