import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { openStyleCache } from '../../src/models/cache.js';
import { IdentityEngine } from '../../src/models/engines/identity.js';
import { openGallery } from '../../src/models/gallery.js';
import type { Model } from '../../src/models/model.js';
import { encodePicture, readPicture } from '../../src/models/picture.js';
import { Batcher } from '../../src/pipeline/batcher.js';
import { Styles } from '../../src/server/styles.js';
import { patches } from '../fixtures/pictures.js';
import { tinyModel, tinyStyled } from '../models/tiny-model.js';
import { asked, folder } from './app-doubles.js';

const root = folder();
let count = 0;

/** Styles of a tiny model on the identity engine, in folders of their own. */
function made(over: { maxStyles?: number } = {}, model: Model = tinyModel()) {
  const place = join(root, String(count++));
  process.env.LIVEBRUSH_CACHE = join(place, 'cache');
  const engine = new IdentityEngine();
  const changed: string[] = [];
  let painters = 0;
  const styles = new Styles({
    gallery: openGallery({
      model,
      engine,
      folders: { home: join(place, 'home'), models: join(place, 'models') },
      cache: openStyleCache(),
    }),
    batcher: new Batcher((size) => {
      painters++;
      return engine.painter(model.transform, model.base, size);
    }),
    ...{ stride: model.transform.stride, modelId: model.id, folder: join(place, 'pictures') },
    ...{ maxStyles: 64, maxPixels: 24e6, maxBytes: 20e6, ...over },
    sample: async () => patches({ width: 64, height: 36 }),
    onChange: (name) => changed.push(name),
  });
  return { styles, changed, painters: () => painters, ...asked({ over: { styles }, place }) };
}

let png: Uint8Array;
beforeAll(async () => {
  png = await encodePicture(patches({ width: 64, height: 48 }), 'png');
});

const body = (bytes: Uint8Array) => new Uint8Array(bytes);

it('of a model that holds its own are shown as samples, and neither added nor removed', async () => {
  const { ask } = made({}, tinyStyled());
  const { styles } = (await (await ask('/api/styles')).json()) as { styles: { name: string }[] };
  expect(styles.map(({ name }) => name)).toEqual(['wave', 'scream']);
  for (const kind of ['picture', 'painted']) {
    const shown = await ask(`/api/styles/scream/${kind}`);
    expect((await sharp(await shown.arrayBuffer()).metadata()).width).toBe(320);
  }
  const added = await ask('/api/styles?name=mine', { method: 'POST', body: body(png) });
  expect([added.status, await added.text()]).toEqual([
    400,
    expect.stringContaining('The model own paints only its own styles: wave, scream.'),
  ]);
  const removed = await ask('/api/styles/scream', { method: 'DELETE' });
  expect([removed.status, await removed.text()]).toEqual([
    409,
    expect.stringContaining('part of the model own'),
  ]);
});

describe('styles over the API', () => {
  it('are made of a picture and can be painted with at once', async () => {
    const { ask, styles, changed } = made();
    const answer = await ask('/api/styles?title=My%20kitchen%20wall', { method: 'POST', body: body(png) });
    expect([answer.status, await answer.json()]).toMatchObject([
      201,
      {
        name: 'my-kitchen-wall',
        title: 'My kitchen wall',
        source: 'user',
        painted: '/api/styles/my-kitchen-wall/painted',
      },
    ]);
    expect(changed).toEqual(['my-kitchen-wall']);
    expect(await styles.list()).toHaveLength(1);
    expect((await ask('/api/styles/my-kitchen-wall', { method: 'DELETE' })).status).toBe(204);
    expect(await (await ask('/api/styles')).json()).toEqual({ styles: [] });
    expect(changed).toHaveLength(2);
    expect((await ask('/api/styles/my-kitchen-wall', { method: 'DELETE' })).status).toBe(404);
  });

  it('are made of a form too', async () => {
    const { ask } = made();
    const form = new FormData();
    form.set('picture', new File([body(png)], 'Grüße aus Köln.png'));
    const answer = await ask('/api/styles', { method: 'POST', body: form });
    expect([answer.status, await answer.json()]).toMatchObject([
      201,
      { name: 'grusse-aus-koln', title: 'Grüße aus Köln' },
    ]);
    const empty = await ask('/api/styles', { method: 'POST', body: new FormData() });
    expect(empty.status).toBe(400);
  });

  it('get names that are free, and keep those that are asked for', async () => {
    const { ask } = made();
    const add = async (query: string) => {
      const answer = await ask(`/api/styles?${query}`, { method: 'POST', body: body(png) });
      return [answer.status, ((await answer.json()) as { name?: string }).name];
    };
    expect(await add('title=One')).toEqual([201, 'one']);
    expect(await add('title=One')).toEqual([201, 'one-2']);
    expect(await add('title=🎨')).toEqual([201, 'style']);
    expect(await add('name=two')).toEqual([201, 'two']);
    expect((await add('name=two'))[0]).toBe(409);
    for (const wrong of ['../x', '-x', 'A', 'a.b', 'a%00', 'x'.repeat(65)])
      expect([wrong, (await add(`name=${wrong}`))[0]]).toEqual([wrong, 400]);
  });

  it('are shown small, and painted once however many ask', async () => {
    const { ask, painters } = made();
    await ask('/api/styles?name=one', { method: 'POST', body: body(png) });
    const small = await ask('/api/styles/one/picture');
    expect(small.headers.get('content-type')).toBe('image/webp');
    expect((await readPicture(new Uint8Array(await small.arrayBuffer()))).original).toEqual({
      width: 64,
      height: 48,
    });
    const answers = await Promise.all([1, 2, 3].map(() => ask('/api/styles/one/painted')));
    const painted = await readPicture(new Uint8Array(await answers[0]!.arrayBuffer()));
    expect(painted.original).toEqual({ width: 320, height: 180 });
    await ask('/api/styles/one/painted');
    expect(painters()).toBe(1);
    expect((await ask('/api/styles/none/painted')).status).toBe(404);
  });

  it('have a bounded number', async () => {
    const { ask } = made({ maxStyles: 2 });
    const add = async () => (await ask('/api/styles?title=x', { method: 'POST', body: body(png) })).status;
    expect([await add(), await add(), await add()]).toEqual([201, 201, 409]);
  });

  const hostile: readonly (readonly [
    what: string,
    bytes: () => Promise<Uint8Array> | Uint8Array,
    status: number,
  ])[] = [
    [
      'an SVG',
      () => new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'),
      400,
    ],
    ['an SVG behind an XML header', () => new TextEncoder().encode('<?xml version="1.0"?><svg/>'), 400],
    ['a web page', () => new TextEncoder().encode('<!doctype html><script>alert(1)</script>'), 400],
    ['nothing', () => new Uint8Array(0), 400],
    ['random bytes', () => Uint8Array.from({ length: 500 }, (_, i) => (i * 37) % 256), 400],
    ['a picture cut short', () => png.slice(0, png.length / 2), 400],
    [
      'a page that begins like a GIF',
      () => new TextEncoder().encode('GIF89a/*<html><script>alert(1)</script>*/=1;'),
      400,
    ],
    ['a PNG of 14000 times 14000 pixels', () => bomb(), 400],
  ];

  it.each(hostile)('are not made of %s', async (_, bytes, status) => {
    const { ask, changed } = made();
    const answer = await ask('/api/styles?name=one', { method: 'POST', body: body(await bytes()) });
    expect([answer.status, await answer.json()]).toMatchObject([
      status,
      { error: { message: expect.stringMatching(/\.$/) } },
    ]);
    expect(changed).toEqual([]);
    expect(await (await ask('/api/styles')).json()).toEqual({ styles: [] });
  });

  const odd: readonly (readonly [what: string, bytes: () => Promise<Uint8Array>])[] = [
    ['one pixel', async () => encodePicture(patches({ width: 1, height: 1 }), 'png')],
    ['a thin line', async () => encodePicture(patches({ width: 1, height: 5000 }), 'png')],
    ['CMYK', async () => sharp(png).toColourspace('cmyk').jpeg().toBuffer()],
    ['16 bits', async () => sharp(png).toColourspace('rgb16').png().toBuffer()],
    ['grey with transparency', async () => sharp(png).ensureAlpha(0.3).toColourspace('b-w').png().toBuffer()],
    [
      'a picture with a page behind it',
      async () => Buffer.concat([png, new TextEncoder().encode('<html><script>alert(1)</script>')]),
    ],
  ];

  it.each(odd)('are made of %s, and served back as pictures of ours', async (_, bytes) => {
    const { ask } = made();
    expect((await ask('/api/styles?name=one', { method: 'POST', body: body(await bytes()) })).status).toBe(
      201,
    );
    const answer = await ask('/api/styles/one/picture');
    expect(answer.headers.get('content-type')).toBe('image/webp');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    const back = new Uint8Array(await answer.arrayBuffer());
    expect(new TextDecoder().decode(back)).not.toContain('<script>');
  });

  it('are limited in bytes, and how often they come', async () => {
    const place = join(root, 'limits');
    const { styles } = made();
    const settings = { limits: { imageBytes: 2000, uploadsPerMinute: 3 } };
    const { ask } = asked({ over: { styles }, place, settings });
    const large = new Uint8Array(3000);
    const announced = await ask('/api/styles', { method: 'POST', body: large });
    expect([announced.status, await announced.json()]).toMatchObject([413, { error: { code: 'too-large' } }]);
    const stream = new ReadableStream({
      start(control) {
        for (let i = 0; i < 5; i++) control.enqueue(new Uint8Array(1000));
        control.close();
      },
    });
    const chunked = await ask('/api/styles', { method: 'POST', body: stream, duplex: 'half' } as RequestInit);
    expect(chunked.status).toBe(413);
    await ask('/api/styles', { method: 'POST', body: large });
    const often = await ask('/api/styles', { method: 'POST', body: body(png) });
    expect(often.status).toBe(429);
    expect(Number(often.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

/** A small file that says that it holds far too many pixels. */
async function bomb(): Promise<Uint8Array> {
  const bytes = Buffer.from(png);
  bytes.writeUInt32BE(14_000, 16);
  bytes.writeUInt32BE(14_000, 20);
  const { crc32 } = await import('node:zlib').then(
    (zlib) => zlib as unknown as { crc32?: (data: Uint8Array) => number },
  );
  if (crc32) bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  return bytes;
}
