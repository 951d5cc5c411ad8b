import { z } from '@hono/zod-openapi';
import { BadInput, TooLarge, TooMany } from '../errors.js';
import { inWords } from '../models/files.js';
import { styleInfo } from './answers.js';
import { Buckets, limitKey } from './limits.js';
import type { Ctx, Parts } from './parts.js';
import { type App, route } from './route.js';
import { sendFile } from './send-file.js';
import type { NewStyle } from './styles.js';

const tag = 'Styles';
const params = z.object({ name: z.string().min(1).max(64) });
const query = z.object({
  name: z
    .string()
    .min(1)
    .max(64)
    .optional()
    .openapi({ description: 'Made of the title or file unless given.' }),
  title: z.string().min(1).max(120).optional(),
});
/** What a form has around its file, at most. */
const FORM_BYTES = 64 * 1024;

/** Reads a body to its end. @throws TooLarge */
async function whole(request: Request, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () => new TooLarge(`The picture is too large: ${inWords(maxBytes)} are allowed.`);
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The picture of a request: its body, or the file of a form. @throws TooLarge, BadInput */
async function pictureOf(c: Ctx, maxBytes: number): Promise<{ bytes: Uint8Array } & NewStyle> {
  const type = c.req.header('content-type') ?? '';
  if (!type.startsWith('multipart/form-data')) return { bytes: await whole(c.req.raw, maxBytes) };
  const body = await whole(c.req.raw, maxBytes + FORM_BYTES);
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } })
    .formData()
    .catch((cause: unknown) => {
      throw new BadInput('The form cannot be read.', { cause });
    });
  const file = form.get('picture') ?? form.get('file');
  if (!file || typeof file === 'string')
    throw new BadInput('The form has no picture.', { hint: 'Send it as the field "picture".' });
  const text = (name: string) => {
    const value = form.get(name);
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const title = text('title')?.slice(0, 120);
  return { bytes: new Uint8Array(await file.arrayBuffer()), name: text('name'), title, file: file.name };
}

/** Styles: what there is to paint with, and a person's own additions. */
export function styleRoutes(
  app: App,
  { styles, tunings, settings }: Pick<Parts, 'styles' | 'tunings' | 'settings'>,
): void {
  const { imageBytes, uploadsPerMinute, imageBytesPerHour } = settings.limits;
  const uploads = new Buckets({ perSecond: uploadsPerMinute / 60, burst: uploadsPerMinute });
  const bytes = new Buckets({ perSecond: imageBytesPerHour / 3600, burst: imageBytesPerHour });

  route(
    app,
    {
      ...{ method: 'get', path: '/api/styles', role: 'read', tag, summary: 'List the styles' },
      answers: { 200: { description: 'All styles.', schema: z.object({ styles: z.array(styleInfo) }) } },
    },
    async (c) => c.json({ styles: await styles.list() }),
  );
  route(
    app,
    {
      ...{
        method: 'post',
        path: '/api/styles',
        role: 'admin',
        tag,
        query,
        summary: 'Make a picture a style',
      },
      description:
        'The body is the picture itself, or a form with the fields `picture`, `name` and `title`. JPEG, PNG, WebP, GIF ' +
        'and AVIF are read. The style can be painted with once this answers.',
      raw: ['image/*', 'application/octet-stream'],
      answers: { 201: { description: 'The style.', schema: styleInfo } },
    },
    async (c, { query: asked }) => {
      const key = limitKey(c.get('address'));
      const wait = Math.max(uploads.take(key), bytes.wait(key));
      if (wait > 0)
        throw new TooMany('Too many pictures came from this address.', { retryAfterS: Math.ceil(wait) });
      const { bytes: picture, ...about } = await pictureOf(c, imageBytes);
      bytes.spend(key, picture.byteLength);
      const { name = about.name, title = about.title } = asked;
      const style = await styles.add(picture, { name, title, file: about.file });
      return c.json(style, 201, { Location: `/api/styles/${style.name}` });
    },
  );
  route(
    app,
    {
      ...{
        method: 'delete',
        path: '/api/styles/{name}',
        role: 'admin',
        tag,
        params,
        summary: 'Forget a style',
      },
      answers: { 204: { description: 'It is gone.' } },
    },
    async (c, { params: { name } }) => {
      await styles.remove(name);
      await tunings.forget(name);
      return c.body(null, 204);
    },
  );
  route(
    app,
    {
      ...{ method: 'delete', path: '/api/styles/{name}/tuned', role: 'admin', tag, params },
      summary: 'Forget what a style was tuned to',
      answers: { 204: { description: 'It is as its picture makes it.' } },
    },
    async (c, { params: { name } }) => {
      await styles.dropTuned(name);
      return c.body(null, 204);
    },
  );
  for (const [kind, summary] of [
    ['picture', 'A small picture of a style'],
    ['painted', 'A sample painted in a style'],
  ] as const)
    route(
      app,
      {
        ...{ method: 'get', path: `/api/styles/{name}/${kind}`, role: 'read', tag, params, summary },
        answers: { 200: { description: 'The picture.', type: 'image/webp' } },
      },
      async (c, { params: { name } }) =>
        sendFile(c, await styles[kind](name), {
          type: 'image/webp',
          cache: 'private, max-age=60',
          what: 'picture',
        }),
    );
}
