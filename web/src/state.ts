import type {
  ErrorCode,
  JobInfo,
  LookState,
  Role,
  ServerInfo,
  Stats,
  StreamInfo,
  StyleInfo,
  TuningInfo,
} from '../../src/server/protocol.js';
import { Cell } from './cell.js';
import type { Link } from './control.js';
import { type CueStack, readStack } from './cue-stack.js';
import type { Moment } from './history.js';
import type { MidiMap } from './midi.js';
import type { Problem } from './problem.js';
import { kept } from './storage.js';
import type { WatchState } from './whep.js';
import type { PublishState } from './whip.js';

/** What this page sends to the server. */
export interface Publishing {
  readonly kind: 'camera' | 'screen' | 'file';
  readonly media: MediaStream;
  /** The stream that it goes to; empty until that is known. */
  readonly stream: string;
  readonly state: PublishState;
  readonly problem?: Problem;
}

/** Something a person should read; goes by itself unless it is an error. */
export interface Toast {
  readonly id: number;
  readonly level: 'info' | 'good' | 'warning' | 'error';
  readonly text: string;
  readonly hint?: string;
}

export type Tab = 'mix' | 'cycle' | 'cues' | 'share' | 'recordings' | 'numbers' | 'videos';
export type OpenDialog = 'source' | 'token' | 'sheet' | 'style' | 'tune' | undefined;

/** The styles on the mix pad and their weights, in the same order. */
export interface MixPad {
  readonly styles: readonly string[];
  readonly weights: readonly number[];
}

/** A video on its way to be painted. */
export interface JobDraft {
  readonly file?: File | undefined;
  /** Empty: the one that is painted with. */
  readonly style: string;
  /** How far the upload is, from 0 to 1, while there is one. */
  readonly sent?: number | undefined;
}

/** What a cycle will be when it is started. */
export interface CycleDraft {
  readonly styles: readonly string[];
  readonly everyFrames: number;
}

/** How this page publishes; kept in the browser. */
export interface PublishSettings {
  readonly codec: 'h264' | 'vp8';
  readonly maxKbps: number;
  readonly maxFps: number;
  readonly height: number;
  readonly camera: string;
  readonly microphone: string;
  readonly sound: boolean;
}

export const DEFAULT_LOOK: LookState = {
  mix: [{ style: '', weight: 1 }],
  strength: 1,
  keepColor: 0,
  steady: 0,
  show: 'paint',
};

const SETTINGS: PublishSettings = {
  codec: 'h264',
  maxKbps: 2500,
  maxFps: 30,
  height: 360,
  camera: '',
  microphone: '',
  sound: true,
};

/** Everything the panel shows. */
export const state = {
  info: new Cell<ServerInfo | undefined>(undefined),
  /** What the token at hand allows; undefined until the server has said. */
  role: new Cell<Role | undefined>(undefined),
  streamName: new Cell(''),
  streams: new Cell<readonly StreamInfo[]>([]),
  stream: new Cell<StreamInfo | undefined>(undefined),
  /** What holds, or will once the changes on their way are applied. */
  look: new Cell<LookState>(DEFAULT_LOOK),
  /** The frame on which the last change took effect. */
  appliedFrame: new Cell<number | undefined>(undefined),
  stats: new Cell<Stats | undefined>(undefined),
  moments: new Cell<readonly Moment[]>([]),
  styles: new Cell<readonly StyleInfo[]>([]),
  /** The newest first. */
  tunings: new Cell<readonly TuningInfo[]>([]),
  /** Name of the style that the tuning dialog is about. */
  tuned: new Cell<string | undefined>(undefined),
  /** `publish`: nothing is heard of the stream, since the token allows to publish alone. */
  link: new Cell<Link | 'publish'>('connecting'),
  watch: new Cell<WatchState>('connecting'),
  watchProblem: new Cell<Problem | undefined>(undefined),
  media: new Cell<MediaStream | undefined>(undefined),
  video: new Cell<HTMLVideoElement | null>(null),
  publishing: new Cell<Publishing | undefined>(undefined),
  settings: new Cell<PublishSettings>({ ...SETTINGS, ...kept<Partial<PublishSettings>>('publish', {}) }),
  fadeMs: new Cell(kept('fadeMs', 400)),
  compare: new Cell(false),
  muted: new Cell(true),
  tab: new Cell<Tab>('mix'),
  dialog: new Cell<OpenDialog>(undefined),
  toasts: new Cell<readonly Toast[]>([]),
  pad: new Cell<MixPad>({ styles: [], weights: [] }),
  /** Undefined until something is chosen: then the cycle that runs is shown. */
  cycle: new Cell<CycleDraft | undefined>(undefined),
  job: new Cell<JobDraft>({ style: '' }),
  /** The newest first. */
  jobs: new Cell<readonly JobInfo[]>([]),
  cues: new Cell<CueStack>(readStack(undefined)),
  midi: new Cell<'off' | 'on'>('off'),
  midiMap: new Cell<MidiMap>(kept<MidiMap>('midi', {})),
  /** The control that the next touch of a knob is bound to. */
  learning: new Cell<string | undefined>(undefined),
  /** Whether time is marked into the outgoing picture; and what was read back, in milliseconds. */
  marking: new Cell(false),
  glass: new Cell<number | null>(null),
  /** A file that was dropped, waiting in the dialog it opened. */
  dropped: new Cell<File | undefined>(undefined),
};

export type ProblemCode = ErrorCode | 'offline' | 'camera' | 'picture' | 'unsupported-here';
