import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { folders } from '../config.js';
import { LivebrushError } from '../errors.js';
import type { Pixels } from '../models/pixels.js';
import type { OpenControl, Parts } from '../server/parts.js';
import type { Settings } from '../server/settings.js';
import { foldersOf, openServerStudio, openStreams } from './streams.js';

/** All that a server is made of. */
export interface ServerParts extends AsyncDisposable {
  readonly parts: Parts;
  /** The token for its admin, where one was made: to be shown once. */
  readonly made: string | undefined;
  /** Begins the streams of the settings. */
  begin(): Promise<void>;
}

/** The picture that samples of styles are painted from: the first one of the demo. */
async function samplePicture(): Promise<Pixels> {
  const { DemoSource } = await import('../pipeline/sources/demo.js');
  await using source = new DemoSource();
  for await (const frame of source.frames(AbortSignal.timeout(10_000))) {
    const { width, height } = frame;
    const data = frame.data.slice();
    frame[Symbol.dispose]();
    return { data, width, height };
  }
  throw new LivebrushError('The demo shows no picture.');
}

/** Whether this system has an ffmpeg that reads files of strangers, held to its allow-lists. */
async function hasFfmpeg(): Promise<boolean> {
  const { findFfmpeg } = await import('../pipeline/ffmpeg/tool.js');
  return findFfmpeg().then(
    () => true,
    () => false,
  );
}

/** Opens everything in turn; what was opened is closed again when a later part fails. */
export async function openServerParts(
  settings: Settings,
  version: string,
  signal: AbortSignal,
): Promise<ServerParts> {
  const opened: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of opened.splice(0).reverse()) await end();
  };
  try {
    return { ...(await open(settings, version, signal, opened)), [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function files(settings: Settings, places: ReturnType<typeof foldersOf>) {
  const [{ Uploads }, { MediaFiles }, { UrlRules }, { Metrics }] = await Promise.all([
    import('../server/uploads.js'),
    import('../server/media-files.js'),
    import('../server/urls.js'),
    import('../server/metrics.js'),
  ]);
  const { videoBytes: maxBytes, uploadsBytes: totalBytes } = settings.limits;
  const uploads = new Uploads(places.uploads, { maxBytes, totalBytes });
  const media = new MediaFiles(settings.media.folder, uploads);
  return { uploads, media, urls: new UrlRules(settings.urls), metrics: new Metrics() };
}

async function open(
  settings: Settings,
  version: string,
  signal: AbortSignal,
  opened: (() => Promise<unknown>)[],
): Promise<Omit<ServerParts, keyof AsyncDisposable>> {
  const keep = <T extends AsyncDisposable>(part: T): T => {
    opened.push(async () => part[Symbol.asyncDispose]());
    return part;
  };
  const [
    { authOf },
    { Jobs },
    { openHlsFolder },
    { Recordings },
    { Styles },
    { Tunings },
    { Peers },
    { whipRoutes },
    { whepRoutes },
    control,
    { isLoopback },
    { loadWerift },
    { findModel },
  ] = await Promise.all([
    import('../server/serve.js'),
    import('../server/jobs.js'),
    import('../server/hls-folder.js'),
    import('../server/recordings.js'),
    import('../server/styles.js'),
    import('../server/tunings.js'),
    import('../server/peers.js'),
    import('../server/whip.js'),
    import('../server/whep.js'),
    import('../server/control.js'),
    import('../server/guard.js'),
    import('../server/peer-werift.js'),
    import('../models/models.js'),
  ]);
  const { limits, paint, webrtc } = settings;
  // Processes of their own work elsewhere, where a path from here leads nowhere.
  const model = resolve(await findModel(paint.model));
  const places = foldersOf(settings, folders);
  const { auth, made } = authOf(settings);
  const { uploads, media, urls, metrics } = await files(settings, places);
  await uploads.open();
  // Of this run alone: two servers may serve streams of one name.
  const hls = await openHlsFolder(folders.cache);
  opened.push(() => rm(hls, { recursive: true, force: true }));
  const studio = keep(await openServerStudio(settings, signal));
  const { sessions } = keep(
    await openStreams(studio, { settings, media, urls, metrics, folders: { ...places, hls }, signal }),
  );
  const peers = keep(
    new Peers({
      udpPorts: webrtc.udpPorts,
      publicAddresses: webrtc.publicAddresses,
      // Whoever listens for this machine alone has no media ports open to others either.
      ...(isLoopback(settings.listen.host) && { bindAddress: '127.0.0.1' }),
      tcp: webrtc.tcp,
      iceServersForClients: webrtc.iceServers,
      pending: limits.halfOpen,
    }),
  );
  const styles = new Styles({
    ...{ gallery: studio.gallery, batcher: studio.batcher, stride: studio.stride, modelId: studio.model.id },
    ...{ sample: samplePicture, folder: places.pictures, maxStyles: limits.userStyles },
    ...{ maxPixels: limits.imagePixels, maxBytes: limits.imageBytes },
    busy: () => sessions.viewers > 0,
    onChange: (name) => sessions.restyle(name),
    onTuned: (name) => void sessions.retune(name),
  });
  const tunings = keep(
    new Tunings({
      ...{ styles, stream: (name) => sessions.find(name), folder: places.tunings },
      ...{ most: limits.jobs, model },
    }),
  );
  const jobs = keep(
    new Jobs({
      ...{ media, folder: places.jobs, most: limits.jobs, isolated: await hasFfmpeg() },
      ...{ model, engine: studio.engine.name, style: paint.style },
      checkStyle: (name) => styles.find(name),
    }),
  );
  // The app has checked the token, and the address that proxies tell is the one it found.
  const wish = {
    ...{ sessions, peers, authorise: () => {} },
    address: (c: { get(key: 'address'): string | undefined }) => c.get('address'),
  };
  const open: OpenControl = (socket, context) => control.openControl(socket, { ...context, sessions });
  const recordings = new Recordings(places.recordings, () =>
    sessions.list().flatMap((session) => [...session.info().outputs]),
  );
  await recordings.recover();
  const parts: Parts = {
    ...{
      settings,
      auth,
      sessions,
      styles,
      uploads,
      media,
      jobs,
      tunings,
      recordings,
      urls,
      metrics,
      control: open,
      peers,
    },
    about: { version, engine: studio.engine.name, model: studio.model.card.name },
    state: { ready: false, draining: false },
    folders: { web: `${folders.package}dist/web`, docs: `${folders.package}dist/docs` },
    whip: whipRoutes(wish as never),
    whep: whepRoutes(wish as never),
  };
  const begin = async () => {
    const { beginStreams } = await import('./streams.js');
    // The first publisher shall not wait for the library.
    await Promise.all([beginStreams(sessions, settings), loadWerift()]);
    if (settings.osc.enabled) {
      const { openOsc } = await import('../server/osc.js');
      keep(await openOsc(settings.osc, sessions));
    }
    parts.state.ready = true;
  };
  return { parts, made, begin };
}
