import { Interrupted } from '../../../errors.js';
import { log } from '../../../log.js';
import { tryOut } from '../../../try-out.js';
import {
  type HardwareChoice,
  type HardwareCodec,
  type HardwareDecoder,
  type HardwareEncoder,
  type HardwareKind,
  hardwareKinds,
} from './kinds.js';
import type { Trial, Verdict } from './trial.js';

const script = new URL('./trial.js', import.meta.url);
/** A driver that hangs shall not keep people waiting. */
const LONGEST_MS = 20_000;

/** What to choose from; tests bring their own. */
export interface HardwareOptions {
  /** What there may be to try; left out: all that this system may have. */
  readonly kinds?: readonly HardwareKind[];
  /** The compiled trial. */
  readonly program?: URL;
  /** Ends trials, and whatever waits for them. */
  readonly signal?: AbortSignal;
  /** Told in a sentence what software has to do, and why. */
  readonly onNote?: (sentence: string) => void;
}

/**
 * Codecs in hardware, as far as they prove themselves here: before one is used it codes a short film, in a process of
 * its own (a driver may crash), and what comes out is compared with what went in. Where none does, software serves.
 */
export class Hardware {
  readonly #kinds: readonly HardwareKind[];
  readonly #program: URL;
  readonly #signal: AbortSignal | undefined;
  readonly #found = new Map<string, Promise<unknown>>();
  /** Says in a sentence what software has to do although hardware was asked for. */
  readonly note: (sentence: string) => void;

  constructor(choice: Exclude<HardwareChoice, 'off'>, options: HardwareOptions = {}) {
    const kinds = options.kinds ?? hardwareKinds();
    this.#kinds = choice === 'auto' ? kinds : kinds.filter(({ name }) => name === choice);
    this.#program = options.program ?? script;
    this.#signal = options.signal;
    this.note = options.onNote ?? (() => {});
  }

  /** An encoder for files of even quality. */
  file(codec: HardwareCodec): Promise<HardwareEncoder | undefined> {
    return this.#first(`encodes ${codec}`, (kind) => {
      const encoder = kind.file(codec);
      return encoder && { trial: { kind: 'file', codec, encoder }, name: encoder.encoder, found: encoder };
    });
  }

  /** An encoder for viewers: H.264 without delay. */
  live(): Promise<HardwareEncoder | undefined> {
    return this.#first('encodes h264 without delay', (kind) => {
      const encoder = kind.live();
      return encoder && { trial: { kind: 'live', encoder }, name: encoder.encoder, found: encoder };
    });
  }

  /** A decoder for files and live streams. */
  decoder(codec: HardwareCodec): Promise<HardwareDecoder | undefined> {
    return this.#first(`decodes ${codec}`, (kind) => {
      const decoder = kind.decoder(codec);
      const name = decoder && ('decoder' in decoder ? decoder.decoder : `${codec} by ${kind.name}`);
      return decoder && { trial: { kind: 'decode', codec, decoder }, name: name!, found: decoder };
    });
  }

  #first<T>(what: string, of: (kind: HardwareKind) => Candidate<T> | undefined): Promise<T | undefined> {
    const known = this.#found.get(what) as Promise<T | undefined> | undefined;
    if (known) return known;
    const finding = this.#find(what, of);
    this.#found.set(what, finding);
    return finding;
  }

  async #find<T>(what: string, of: (kind: HardwareKind) => Candidate<T> | undefined): Promise<T | undefined> {
    const refusals: string[] = [];
    for (const kind of this.#kinds) {
      const candidate = of(kind);
      if (!candidate) continue;
      const why = await this.#try(candidate.trial);
      if (why === undefined) {
        log.info({ codec: candidate.name }, 'a codec in hardware proved itself');
        return candidate.found;
      }
      refusals.push(`${candidate.name}: ${why.replace(`Cannot start ${candidate.name}: `, '')}`);
    }
    const tried = refusals.length > 0 ? ` (${refusals.join('; ')})` : '';
    this.note(`No hardware ${what} here, so software does${tried}.`);
    return undefined;
  }

  /** Why a trial failed, or undefined. */
  async #try(trial: Trial): Promise<string | undefined> {
    const code = `const { tryHardware } = await import(${JSON.stringify(this.#program.href)});
      console.log(JSON.stringify(await tryHardware(${JSON.stringify(trial)})));
      process.exit(0);`;
    const limits = { signal: this.#signal, longestMs: LONGEST_MS };
    try {
      const { why } = (await tryOut(code, 'The trial', limits)) as Verdict;
      return why;
    } catch (error) {
      if (error instanceof Interrupted) throw error;
      return error instanceof Error ? error.message : String(error);
    }
  }
}

interface Candidate<T> {
  readonly trial: Trial;
  readonly name: string;
  readonly found: T;
}

/** What a person's choice stands for; undefined: software alone. */
export const hardwareOf = (
  choice: HardwareChoice | undefined,
  options: HardwareOptions = {},
): Hardware | undefined =>
  choice === undefined || choice === 'off' ? undefined : new Hardware(choice, options);
