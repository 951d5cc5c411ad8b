import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { NotFound } from '../../src/errors.js';
import { blank } from '../../src/models/pixels.js';
import { createApp } from '../../src/server/app.js';
import { Auth } from '../../src/server/auth.js';
import { Jobs, type JobsOptions } from '../../src/server/jobs.js';
import { MediaFiles } from '../../src/server/media-files.js';
import { Metrics } from '../../src/server/metrics.js';
import type { Parts, StreamSession, StreamSessions } from '../../src/server/parts.js';
import type { Change, StreamInfo, StreamSettings } from '../../src/server/protocol.js';
import { Recordings } from '../../src/server/recordings.js';
import { type SettingsInput, settings as schema } from '../../src/server/settings.js';
import type { Styles } from '../../src/server/styles.js';
import { Tunings, type TuningsOptions } from '../../src/server/tunings.js';
import { Uploads } from '../../src/server/uploads.js';
import { UrlRules } from '../../src/server/urls.js';

/** A folder of its own for this test file. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'livebrush-server-'));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export const tokens = {
  admin: 'token-for-admin',
  publish: 'token-for-publish',
  read: 'token-for-read',
} as const;

const info = (name: string): StreamInfo => ({
  name,
  live: false,
  input: { kind: 'card', width: 64, height: 48, fps: 0, bitrate: 0 },
  look: { mix: [{ style: 'wave', weight: 1 }], strength: 1, keepColor: 0, steady: 0, show: 'paint' },
  maxAge: 250,
  viewers: 0,
  outputs: [],
  degraded: { level: 0, width: 64, height: 48, model: 'tiny' },
});

/** A stream that remembers what it was asked to do. */
export class FakeSession implements StreamSession {
  readonly changes: Change[] = [];
  readonly asked: unknown[] = [];
  constructor(readonly name: string) {}
  async change(change: Change) {
    if (change.style === 'unknown') throw new NotFound('There is no style unknown.');
    this.changes.push(change);
    return `change-${this.changes.length}`;
  }
  maxAge = 250;
  set({ maxAge }: StreamSettings) {
    if (maxAge !== undefined) this.maxAge = maxAge;
  }
  info = () => ({ ...info(this.name), maxAge: this.maxAge });
  hls: string | undefined;
  stats = () =>
    ({
      frames: { in: 10, painted: 7, onTime: 6, unsent: 2, dropped: { newer: 3 } },
      hitRate: 0.6,
      degraded: { level: 0 },
    }) as unknown as ReturnType<StreamSession['stats']>;
  on = () => ({ [Symbol.dispose]() {} });
  cues = () => [{ at: 0, style: 'wave', fadeMs: 0 }];
  async addOutput(request: unknown) {
    this.asked.push(request);
    const more = { frames: 0, dropped: 0, seconds: 0, bytes: 0 };
    return { id: 'one', kind: 'hls', target: 'x', state: 'running', ...more } as const;
  }
  async removeOutput(id: string) {
    this.asked.push(id);
  }
  async setInput(request: unknown) {
    this.asked.push(request);
  }
  async clearInput() {}
  snapshot = async () => blank({ width: 8, height: 8 });
}

export class FakeSessions implements StreamSessions {
  readonly all = new Map<string, FakeSession>([['demo', new FakeSession('demo')]]);
  find = (name: string) => this.all.get(name);
  open(name: string) {
    const session = this.all.get(name) ?? new FakeSession(name);
    this.all.set(name, session);
    return session;
  }
  keep = (name: string) => this.open(name);
  list = () => [...this.all.values()];
  async close(name: string) {
    this.all.delete(name);
  }
}

export interface Doubles {
  readonly settings?: SettingsInput;
  /** Whether tokens are needed; they are those of `tokens`. */
  readonly closed?: boolean;
  readonly over?: Omit<Partial<Parts>, 'sessions'>;
  readonly jobs?: Partial<JobsOptions>;
  readonly tunings?: Partial<TuningsOptions>;
  readonly place?: string;
}

const noStyle = async () => {
  throw new NotFound('There is no such style.');
};
const fakeStyles = {
  list: async () => [],
  find: noStyle,
  add: noStyle,
  remove: noStyle,
  picture: noStyle,
  painted: noStyle,
  checkTunable: noStyle,
  keepTuned: noStyle,
  dropTuned: noStyle,
};

/** The parts of a server whose streams are fakes. */
export function doubles({
  settings: given = {},
  closed = false,
  over = {},
  jobs = {},
  tunings = {},
  place = '',
}: Doubles = {}) {
  const settings = schema.parse(given);
  const uploads = new Uploads(join(place, 'uploads'), { maxBytes: 1e6, totalBytes: 3e6, stallMs: 30_000 });
  const media = new MediaFiles(settings.media.folder, uploads);
  const { admin, publish, read } = tokens;
  const known = { admin: [admin], publish: [publish], read: [read], anonymous: settings.tokens.anonymous };
  const parts = {
    settings,
    auth: new Auth({ tokens: known, open: !closed, failuresPerMinute: 1000, delayMs: () => 0 }),
    about: { version: '1.2.3', engine: 'identity', model: 'tiny' },
    state: { ready: true, draining: false },
    sessions: new FakeSessions(),
    styles: fakeStyles as unknown as Styles,
    uploads,
    media,
    jobs: new Jobs({
      ...{ media, uploads, folder: join(place, 'jobs'), most: 3, model: 'tiny', engine: 'identity' },
      ...{ style: 'wave', isolated: true, checkStyle: async () => {}, transcode: async () => {} },
      ...jobs,
    }),
    tunings: new Tunings({
      ...{
        styles: fakeStyles,
        stream: () => undefined,
        folder: join(place, 'tunings'),
        most: 3,
        model: 'tiny',
      },
      ...{ tune: async () => {}, ...tunings },
    }),
    recordings: new Recordings(join(place, 'recordings'), () => []),
    urls: new UrlRules(settings.urls),
    metrics: new Metrics(),
    folders: { web: join(place, 'web'), docs: join(place, 'docs') },
    ...over,
  } satisfies Parts;
  return parts;
}

/** An app and a way to ask it as a program on this machine does. */
export function asked(options: Doubles = {}) {
  const parts = doubles(options);
  const app = createApp(parts);
  const ask = async (path: string, init: RequestInit & { token?: string } = {}) => {
    const headers = new Headers(init.headers);
    if (!headers.has('host')) headers.set('host', 'localhost:8080');
    if (init.token) headers.set('authorization', `Bearer ${init.token}`);
    return app.request(path, { ...init, headers });
  };
  const send = (method: string, path: string, body: unknown, token?: string) =>
    ask(path, {
      method,
      token,
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
  return { parts, app, ask, send };
}
