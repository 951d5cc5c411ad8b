import type { Size } from '../models/pixels.js';
import type { LiveCodec } from '../pipeline/live.js';
import type { Spread, Timing } from './figures.js';

/** What is played against which server. */
export interface LoadOptions extends Size {
  readonly url: string;
  readonly token?: string | undefined;
  readonly publishers: number;
  /** Of all streams together. */
  readonly viewers: number;
  readonly fps: number;
  /** Seconds that are measured, after those of warming up. */
  readonly seconds: number;
  readonly warmup: number;
  readonly codec: LiveCodec;
  /** Names, or how many of the server's; left out: the look that its streams begin with. */
  readonly styles?: readonly string[] | number | undefined;
  /** A new style every so many frames. */
  readonly switchEvery?: number | undefined;
}

/** Something that went wrong, in a sentence. */
export interface Fault {
  /** Who: `publisher`, `viewer`, `look`, `server`. */
  readonly part: string;
  /** Empty where it is about none. */
  readonly stream: string;
  readonly message: string;
  readonly hint?: string;
  /** Set where the server has no room for more (503): seconds after which it says to ask again. */
  readonly fullForS?: number;
}

/** How publishers or viewers came in. */
export interface Arrivals {
  readonly wanted: number;
  readonly came: number;
  /** Of those that came, how many had to try twice. */
  readonly twice: number;
  /** Milliseconds from the first request until packets could pass. */
  readonly connectMs: Timing;
}

/** One stream over the time that was measured. What the server does not tell is left out. */
export interface StreamResult {
  readonly stream: string;
  readonly styles: readonly string[];
  readonly viewers: number;
  /** Frames a second that were sent, that came into the painter, and that were painted. */
  readonly published: number;
  readonly arrived?: number;
  readonly painted?: number;
  /** Frames a second of its viewers. */
  readonly received?: Spread;
  /** Milliseconds from a picture's sending to the coming of its whole painting at the stream's first viewer. */
  readonly latency: Timing;
  /** Paintings whose mark could not be read, of those that were decoded. */
  readonly unread: number;
  readonly dropped?: Readonly<Record<string, number>>;
  /** Share of the frames that came that were painted and handed on in time, from 0 to 1. */
  readonly hitRate?: number;
  /** What was painted at in the end, and how far that is stepped down. */
  readonly work?: string;
  readonly level?: number;
  readonly freezes: number;
  readonly longestGapMs: number;
  readonly lostPackets: number;
  /** How often the server asked for a key picture, and viewers did. */
  readonly keyRequests: { readonly server: number; readonly viewers: number };
}

/** The server, and what it needed. */
export interface ServerResult {
  readonly url: string;
  readonly version: string;
  readonly engine: string;
  readonly model: string;
  /** In per cent of one core, and megabytes. */
  readonly cpuPercent?: number;
  readonly rssMB?: number;
}

/** What a test of load found. */
export interface LoadResult {
  readonly loadtest: LoadOptions;
  readonly date: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly node: string;
    /** Load averages over 1, 5 and 15 minutes, before anything was measured. */
    readonly loadBefore: readonly number[];
  };
  readonly server: ServerResult;
  /** Seconds that were measured; less than wished where it was interrupted. */
  readonly seconds: number;
  readonly interrupted: boolean;
  readonly publishers: Arrivals;
  readonly viewers: Arrivals & { readonly firstPictureMs: Timing };
  readonly streams: readonly StreamResult[];
  /** All streams together: figures a second are spread over streams, those received over viewers. */
  readonly together: {
    readonly published?: Spread;
    readonly painted?: Spread;
    readonly received?: Spread;
    readonly latency: Timing;
    readonly dropped?: Readonly<Record<string, number>>;
    readonly hitRate?: number;
    readonly freezes: number;
    readonly longestGapMs: number;
  };
  /**
   * This process: its share of one core, and by how many milliseconds its pictures left late. Where it is at its limit,
   * the figures are its own as much as the server's.
   */
  readonly generator: { readonly cpuPercent: number; readonly lateMs: Timing; readonly rssMB: number };
  readonly faults: readonly Fault[];
  /** Whether all publishers and viewers came in, stayed and were served. */
  readonly ok: boolean;
}

/** How a test stands while it runs. */
export interface LoadNow {
  /** Seconds that were measured so far. */
  readonly seconds: number;
  readonly of: number;
  readonly streams: number;
  readonly viewers: number;
  /** Frames in the last second: sent by a publisher, and received by a viewer, on average. */
  readonly published: number;
  readonly received: number;
  /** Of the last second. */
  readonly latency: Timing;
  readonly freezes: number;
}

/** What a test tells while it runs. */
export interface LoadEvents {
  /** What is being done, in words: once for each step. */
  readonly step: (text: string) => void;
  /** Once a second while it measures. */
  readonly now: (now: LoadNow) => void;
}
