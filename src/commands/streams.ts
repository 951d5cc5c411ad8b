import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { LivebrushError, Usage } from '../errors.js';
import { log } from '../log.js';
import type { Gallery } from '../models/gallery.js';
import type { Size } from '../models/pixels.js';
import type { Hardware } from '../pipeline/codec/hardware/hardware.js';
import type { HardwareChoice } from '../pipeline/codec/hardware/kinds.js';
import type { Tier } from '../server/branch.js';
import type { Capacity } from '../server/capacity.js';
import type { MediaFiles } from '../server/media-files.js';
import type { Metrics } from '../server/metrics.js';
import type { InputRequest } from '../server/protocol.js';
import type { Sessions } from '../server/sessions.js';
import type { Settings } from '../server/settings.js';
import type { UrlRules } from '../server/urls.js';
import { openStudio, Studio } from './studio.js';

/** What streams are made of beside the settings. */
export interface StreamsNeed {
  readonly settings: Settings;
  readonly media: MediaFiles;
  readonly urls: UrlRules;
  readonly metrics: Metrics;
  readonly folders: { readonly recordings: string; readonly hls: string };
  /** Ends what may take long: codecs in hardware that are tried. */
  readonly signal?: AbortSignal;
}

/** Streams and all that paints them. */
export interface Streams extends AsyncDisposable {
  readonly sessions: Sessions;
}

/**
 * How many pictures to paint at a time where people watch: each shall be done in the time between two frames, which
 * takes four cores or so at full size. Two cores cannot do that either way, and paint more side by side.
 */
export const liveLanes = (cores: number): number =>
  cores === 2 ? 2 : Math.min(2, Math.max(1, Math.floor(cores / 4)));

/** The studio of a server: painter, styles, in the size that live pictures are painted in. */
export function openServerStudio({ paint }: Settings, signal: AbortSignal): Promise<Studio> {
  const { model, engine, width, height } = paint;
  const lanes = liveLanes(availableParallelism());
  return openStudio({ model, engine, size: { width, height }, lanes, signal });
}

/** The style that streams begin with: the one that is set, or any where the model does not have it. */
async function openingStyle(gallery: Gallery, wanted: string): Promise<string> {
  const names = (await gallery.list()).map(({ name }) => name);
  if (names.includes(wanted)) return wanted;
  const [first] = names;
  if (first === undefined)
    throw new Usage('There is no style to begin with.', {
      hint: 'Add one: livebrush styles add painting.jpg.',
    });
  log.warn(`there is no style ${wanted}: streams begin with ${first} (see paint.style)`);
  return first;
}

/**
 * What an input request opens; addresses that the configuration itself names are trusted.
 * @throws Denied, NotFound, BadInput
 */
async function baseOf(
  request: InputRequest,
  trusted: boolean,
  { media, urls, hardware }: StreamsNeed & { readonly hardware: Hardware | undefined },
) {
  const { openLiveSource } = await import('../pipeline/sources/live.js');
  switch (request.kind) {
    case 'demo': {
      const { DemoSource } = await import('../pipeline/sources/demo.js');
      return { kind: 'demo', lazy: true, open: async () => new DemoSource() };
    }
    case 'pattern': {
      const { openLivePattern } = await import('../pipeline/sources/live-pattern.js');
      return { kind: 'pattern', lazy: true, open: async () => openLivePattern(request.size) };
    }
    case 'file': {
      const file = await (trusted ? media.findTrusted(request.file) : media.find(request.file));
      const { path, name } = file;
      const open = (signal: AbortSignal) =>
        openLiveSource(path, { kind: 'file', name, loop: request.loop, hardware, signal });
      const hold = file.hold();
      return { kind: 'file', lazy: true, open, release: () => hold[Symbol.dispose]() };
    }
    case 'url': {
      const { url, listen } = request;
      if (!trusted && listen) urls.checkListen(url);
      else if (!trusted) await urls.check(url);
      const open = async (signal: AbortSignal) => {
        if (trusted || listen) return openLiveSource(url, { listen, hardware, signal });
        // Names may lead elsewhere the next time.
        await urls.check(url);
        const admit = urls.bounded ? (address: string) => urls.check(address) : undefined;
        return openLiveSource(url, { admit, hardware, signal });
      };
      return { kind: url.split(':')[0]!.toLowerCase(), open };
    }
  }
}

/**
 * The streams of a server.
 * This is where sessions are put together; nothing else of the server knows what they are made of.
 */
export async function openStreams(studio: Studio, need: StreamsNeed): Promise<Streams> {
  const { settings, urls, metrics, folders, signal } = need;
  const { paint, limits } = settings;
  const [{ Sessions }, { openScaler }, { CardSource }, { mixOf }] = await Promise.all([
    import('../server/sessions.js'),
    import('../pipeline/codec/scale.js'),
    import('../pipeline/sources/card.js'),
    import('../pipeline/look.js'),
  ]);
  const hardware = await openHardware(settings.media.hardware, signal);
  const style = await openingStyle(studio.gallery, paint.style);
  const work = { width: paint.width, height: paint.height };
  const { tier: first, capacity } = await openTier(studio, style, work);
  log.info({ ...capacity }, 'measured what this machine can do');
  const lighter = paint.lighter ? await openLighter(studio, paint.lighter) : undefined;
  const second = lighter && (await openTier(lighter, style, work));
  const tiers: [Tier, ...Tier[]] = [first];
  if (second) tiers.push({ ...second.tier, cost: capacity.fps / second.capacity.fps });
  const scaler = await openScaler();
  const sessions = new Sessions(
    {
      branch: {
        ...{ tiers, resample: scaler.resample, workPixels: work.width * work.height, adapt: paint.adapt },
        onStep: (step, ms) => metrics.observeStage(step, ms / 1000),
        onLatency: (ms) => metrics.observeLatency(ms / 1000),
      },
      opening: {
        mix: mixOf([{ style, weight: 1 }]),
        ...{ strength: paint.strength, keepColor: 0, steady: paint.steady, show: 'paint' },
      },
      bitrate: { min: 300_000, start: 2_500_000, max: 6_000_000 },
      card: (size) => new CardSource(size),
      hardware,
      base: (request, trusted) => baseOf(request, trusted, { ...need, hardware }),
      checkOutput: async (request) => {
        if (request.kind === 'push') await urls.check(request.url);
      },
      folders,
      ...{ maxLooks: capacity.looks, maxAge: paint.maxAge },
    },
    { streams: limits.streams, viewers: limits.viewers || capacity.viewers },
  );
  return {
    sessions,
    async [Symbol.asyncDispose]() {
      await sessions[Symbol.asyncDispose]();
      await scaler[Symbol.asyncDispose]();
      await lighter?.gallery[Symbol.asyncDispose]();
    },
  };
}

/** What codes in hardware, tried for viewers before the first one comes. */
async function openHardware(choice: HardwareChoice, signal?: AbortSignal): Promise<Hardware | undefined> {
  const { hardwareOf } = await import('../pipeline/codec/hardware/hardware.js');
  const hardware = hardwareOf(choice, {
    onNote: (sentence) => log.warn(sentence),
    ...(signal && { signal }),
  });
  await hardware?.live();
  return hardware;
}

/** A lighter model on the same engine, for when the machine cannot keep up. @throws NotFound, BadInput (model) */
async function openLighter({ engine, batcher }: Studio, name: string): Promise<Studio> {
  const [{ openModel }, { openGallery }] = await Promise.all([
    import('../models/models.js'),
    import('../models/gallery.js'),
  ]);
  const model = await openModel(name);
  const { schedule } = batcher;
  return new Studio(engine, model, openGallery({ model, engine }), { schedule, lanes: schedule.lanes });
}

/** A model ready to paint streams with, and how fast it is. */
async function openTier(
  { model, batcher, stride, gallery }: Studio,
  style: string,
  work: Size,
): Promise<{ readonly tier: Tier; readonly capacity: Capacity }> {
  const [{ Palette }, { measureCapacity }] = await Promise.all([
    import('../server/palette.js'),
    import('../server/capacity.js'),
  ]);
  const palette = new Palette(async (name) => (await gallery.resolve(name)).weights);
  const { weights } = await gallery.resolve(await openingStyle(gallery, style));
  const capacity = await measureCapacity({ batcher, stride, style: weights, work });
  await palette.ready([style]).catch(() => log.warn(`the model ${model.card.name} has no style ${style}`));
  return { tier: { model: model.card.name, batcher, stride, palette, cost: 1 }, capacity };
}

/** Begins the streams that the settings name. One that cannot be fed is there all the same, with its card. */
export async function beginStreams(sessions: Sessions, { demo, streams }: Settings): Promise<void> {
  const wanted = { ...(demo ? { demo: { input: { kind: 'demo' } as const } } : {}), ...streams };
  for (const [name, { input, maxAge, ...look }] of Object.entries(wanted) as [
    string,
    Settings['streams'][string],
  ][]) {
    const session = sessions.keep(name);
    const attempt = async (work: () => Promise<unknown>) => {
      try {
        await work();
      } catch (error) {
        if (!(error instanceof LivebrushError)) throw error;
        log.warn({ stream: name }, error.hint ? `${error.message} ${error.hint}` : error.message);
      }
    };
    if (Object.values(look).some((it) => it !== undefined))
      await attempt(() => session.change({ ...look, fadeMs: 0 }));
    if (maxAge !== undefined) session.set({ maxAge });
    if (input) await attempt(() => session.setInput(input, true));
  }
}

/** Where a server keeps what. */
export function foldersOf(settings: Settings, { home, cache }: { home: string; cache: string }) {
  return {
    recordings: settings.recordings.folder || join(home, 'recordings'),
    uploads: join(cache, 'uploads'),
    jobs: join(cache, 'jobs'),
    tunings: join(cache, 'tunings'),
    pictures: join(cache, 'pictures'),
  };
}
