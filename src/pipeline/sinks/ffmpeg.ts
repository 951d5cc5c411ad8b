import type { FfmpegCommand } from 'fluent-ffmpeg';
import { BadInput, Interrupted } from '../../errors.js';
import { microsToTicks } from '../codec/ticks.js';
import { type Container, codecFor, containerOf } from '../containers.js';
import { allowedOnly, fileUrl } from '../ffmpeg/allow.js';
import { machineFault, startFfmpeg } from '../ffmpeg/command.js';
import { type Companions, companionOptions, planCompanions } from '../ffmpeg/companions.js';
import { codedSize, containerOptions, encoderFor, type Settings, videoOptions } from '../ffmpeg/encoding.js';
import { nutFrameHeader, nutHeader } from '../ffmpeg/nut-writer.js';
import type { Ended, IsolatedProcess } from '../ffmpeg/process.js';
import { systemCode } from '../ffmpeg/system-code.js';
import { type Ffmpeg, findFfmpeg } from '../ffmpeg/tool.js';
import type { Frame } from '../frame.js';
import type { MediaSink, MediaSinkOptions } from '../media.js';
import { cannotWrite, PartFile } from './part-file.js';

/**
 * Opens a video file for writing with the system's ffmpeg, in a process of its own.
 * @throws CannotWrite (exists, no permission, no folder), Unsupported (no ffmpeg, container, codec), NotFound and
 * BadInput for what `copyFrom` names, Interrupted.
 */
export async function openFfmpegSink(path: string, options: MediaSinkOptions): Promise<MediaSink> {
  const { signal, copyFrom } = options;
  const container = containerOf(path);
  const codec = codecFor(path, container, options.codec);
  if (signal?.aborted) throw new Interrupted();
  const tool = await findFfmpeg(signal);
  const settings = await encoderFor(tool, path, codec, options);
  const part = await PartFile.open(path, options.overwrite);
  try {
    const companions = copyFrom ? await planCompanions(tool, copyFrom, container, signal) : undefined;
    return new FfmpegSink(path, options, { tool, container, settings, part, companions });
  } catch (error) {
    await part[Symbol.asyncDispose]();
    throw error;
  }
}

interface Parts {
  readonly tool: Ffmpeg;
  readonly container: Container;
  readonly settings: Settings;
  readonly part: PartFile;
  readonly companions: Companions | undefined;
}

/** How much earlier than a cut to read, in milliseconds, for subtitles that are still shown then. */
const BEFORE_CUT_MS = 15_000;

class FfmpegSink implements MediaSink {
  readonly notes: string[];
  readonly #path: string;
  readonly #options: MediaSinkOptions;
  readonly #parts: Parts;
  readonly #closed = new AbortController();
  #child: IsolatedProcess | undefined;
  #busy: Promise<unknown> = Promise.resolve();
  /** Time that becomes 0 in the file, in microseconds; unknown until the first frame. */
  #origin = 0;
  #lastTicks: bigint | undefined;
  #rounded = false;

  constructor(path: string, options: MediaSinkOptions, parts: Parts) {
    this.#path = path;
    this.#options = options;
    this.#parts = parts;
    this.notes = [...(parts.companions?.notes ?? [])];
    const { width, height } = codedSize(parts.settings, options);
    if (width !== options.width || height !== options.height)
      this.notes.push(
        `Pictures are stored as ${width}x${height}, their last row or column repeated: ${parts.settings.encoder} knows even sizes only.`,
      );
  }

  get encoder(): string {
    return this.#parts.settings.encoder;
  }

  write(frame: Frame): Promise<void> {
    const written = this.#write(frame);
    // Whoever closes the sink in the midst of a write may not care for its end.
    written.catch(() => undefined);
    return written;
  }

  async #write(frame: Frame): Promise<void> {
    using held = frame;
    await this.#turn(() => this.#put(held));
  }

  async finish(): Promise<void> {
    await this.#turn(() => this.#finish());
  }

  /** One job after the other. */
  async #turn(job: () => Promise<void>): Promise<void> {
    const before = this.#busy;
    const running = (async () => {
      await before;
      this.#options.signal?.throwIfAborted();
      if (this.#closed.signal.aborted) throw new Error(`${this.#path} is closed.`);
      await job();
    })();
    this.#busy = running.catch(() => undefined);
    try {
      await running;
    } catch (error) {
      throw this.#options.signal?.aborted ? new Interrupted() : error;
    }
  }

  async #put(frame: Frame): Promise<void> {
    const { width, height } = this.#options;
    if (frame.width !== width || frame.height !== height)
      throw new Error(`A frame of ${frame.width}x${frame.height} came, not of ${width}x${height}.`);
    this.#child ??= await this.#start(frame.timestamp);
    const ticks = this.#ticksOf(frame.timestamp);
    await this.#send(nutFrameHeader(Number(ticks), frame.data.length));
    await this.#send(frame.data);
  }

  async #start(first: number): Promise<IsolatedProcess> {
    const { fromMs, toMs, signal } = this.#options;
    this.#origin = fromMs !== undefined || toMs !== undefined || first < 0 ? first : 0;
    const halts = [this.#closed.signal, signal].filter((halt) => halt !== undefined);
    const child = await startFfmpeg(this.#parts.tool, (command) => this.#build(command), {
      stdin: true,
      signal: AbortSignal.any(halts),
    });
    child.stdout.resume();
    this.#child = child;
    await this.#send(nutHeader(this.#options));
    return child;
  }

  #build(command: FfmpegCommand): FfmpegCommand {
    const { container, settings, part, companions } = this.#parts;
    const { fromMs, toMs } = this.#options;
    command.input('pipe:0').inputOptions(
      ...['-nostdin', '-hide_banner', '-loglevel', 'level+error', '-protocol_whitelist', 'pipe', '-f', 'nut'],
      // All there is to know stands in the header: nothing need be buffered to find it out.
      ...['-probesize', '32', '-analyzeduration', '0', '-fpsprobesize', '0', '-thread_queue_size', '2'],
    );
    const output = ['-map', '0:0', ...videoOptions(settings, container, this.#options)];
    if (companions) {
      const skip = Math.max(0, (fromMs ?? 0) - BEFORE_CUT_MS);
      command.input(fileUrl(companions.path)).inputOptions(
        ...allowedOnly,
        // Sound is trimmed to the cut later: what ffmpeg would trim it to does not count the offset.
        ...(skip > 0 ? ['-noaccurate_seek', '-ss', `${skip}ms`] : []),
        ...['-itsoffset', `${-Math.round(this.#origin)}us`],
      );
      const start = Math.max(0, companions.probed.format.start_time ?? 0) * 1e6;
      const end = toMs === undefined ? undefined : start + toMs * 1000 - this.#origin;
      output.push(...companionOptions(companions, { starts: fromMs !== undefined, end, container }));
      if (end !== undefined) output.push('-t', `${Math.round(end)}us`);
    } else output.push('-map_metadata', '-1');
    return command
      .outputOptions(...output, ...containerOptions(container, this.#options))
      .output(`file:${part.path}`);
  }

  /** The frame's time in ticks of the file: past that of the frame before, whatever comes. */
  #ticksOf(timestamp: number): bigint {
    const { timeBase } = this.#options;
    let ticks = microsToTicks(timestamp, timeBase) - microsToTicks(this.#origin, timeBase);
    if (this.#lastTicks !== undefined && ticks <= this.#lastTicks) ticks = this.#lastTicks + 1n;
    this.#lastTicks = ticks;
    this.#watchRounding(timestamp - this.#origin);
    return ticks;
  }

  #watchRounding(micros: number): void {
    const tick = this.#parts.container.tickMicros;
    if (!tick || this.#rounded || Math.abs(micros - Math.round(micros / tick) * tick) < 1) return;
    this.#rounded = true;
    const step = tick < 1000 ? '1/90 ms' : '1 ms';
    this.notes.push(`Times are rounded: ${this.#parts.container.format} files count in steps of ${step}.`);
  }

  /** Resolves when ffmpeg has taken the bytes: they are the caller's again. */
  async #send(bytes: Uint8Array): Promise<void> {
    const child = this.#child!;
    const sent = await new Promise<boolean>((resolve) => {
      child.stdin.write(bytes, (error) => resolve(!error));
    });
    if (!sent) throw this.#fault(await child.ended);
  }

  async #finish(): Promise<void> {
    const { part } = this.#parts;
    if (!this.#child) throw new BadInput(`There is nothing to write to ${this.#path}: no frame came.`);
    this.#child.stdin.end();
    const ended = await this.#child.ended;
    if (ended.code !== 0 || systemCode(ended) || ended.errors.has(/Error writing trailer/))
      throw this.#fault(ended);
    const cut = ended.errors.lines.find((line) => /partial file|ended prematurely|Invalid data/i.test(line));
    if (cut) this.notes.push(`The sound may be cut short: ${cut.replace(/\[[^\]]*\]\s*/g, '').trim()}.`);
    if (ended.errors.has(/ADTS frame header/))
      this.notes.push('The sound is damaged: packets with a broken header had to be left out.');
    await part.commit();
    this.#closed.abort();
  }

  #fault(ended: Ended): Error {
    if (this.#options.signal?.aborted) return new Interrupted();
    if (this.#closed.signal.aborted) return new Error(`${this.#path} is closed.`);
    const words = ended.errors.firstError ?? ended.errors.last ?? 'ffmpeg ended';
    return machineFault(ended) ?? cannotWrite(this.#path, new Error(words), systemCode(ended));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    await this.#busy;
    await this.#child?.[Symbol.asyncDispose]();
    await this.#parts.part[Symbol.asyncDispose]();
  }
}
