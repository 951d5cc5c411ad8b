import type { FfmpegCommand } from 'fluent-ffmpeg';
import { LivebrushError } from '../../errors.js';
import type { Ratio } from '../media.js';
import { allowedOnly, fileUrl } from './allow.js';
import { startFfmpeg } from './command.js';
import { type NutFrame, NutReader } from './nut-reader.js';
import type { Ended, IsolatedProcess } from './process.js';
import type { Ffmpeg } from './tool.js';

/** What to decode. */
export interface DecodingPlan {
  readonly tool: Ffmpeg;
  readonly path: string;
  /** Index of the stream in its file. */
  readonly stream: number;
  readonly timeBase: Ratio;
  /** Size of the pictures that leave `filters`, in pixels, as 8-bit `gbrp`. */
  readonly width: number;
  readonly height: number;
  readonly filters: readonly string[];
  /** `filters` take pictures of any size and keep some back, so that they stay as they are where the size changes. */
  readonly oneChain: boolean;
  /** The container tells margins that `filters` cut already. */
  readonly cropped: boolean;
  readonly limitMs?: number;
}

const DECODER_THREADS = 2;

/** One run of ffmpeg that gives the pictures of a file as raw frames with their times. Disposing ends it. */
export class Decoding implements AsyncDisposable {
  readonly #child: IsolatedProcess;
  readonly #frames: AsyncGenerator<NutFrame>;

  private constructor(child: IsolatedProcess, frameBytes: number) {
    this.#child = child;
    this.#frames = new NutReader(child.stdout, frameBytes).frames();
  }

  /** Pictures before `skip` microseconds from the start of the file may be left out, back from a key picture. */
  static async start(plan: DecodingPlan, skip: number, signal: AbortSignal): Promise<Decoding> {
    const { tool, limitMs, width, height } = plan;
    const build = (command: FfmpegCommand) =>
      command
        .input(fileUrl(plan.path))
        .inputOptions(...inputOptions(plan, skip))
        .videoFilters([...plan.filters])
        .outputOptions(...outputOptions(plan))
        .output('pipe:1');
    return new Decoding(
      await startFfmpeg(tool, build, { confined: true, signal, limitMs }),
      3 * width * height,
    );
  }

  /**
   * The next frame; undefined when there are no more, of which `ended` tells why.
   * @throws BadInput when what comes is no stream of such frames.
   */
  async next(): Promise<NutFrame | undefined> {
    try {
      return (await this.#frames.next()).value || undefined;
    } catch (error) {
      if (error instanceof LivebrushError) throw error;
      // The pipe was closed under the reader.
      return undefined;
    }
  }

  get ended(): Promise<Ended> {
    return this.#child.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]();
  }
}

function inputOptions({ cropped, oneChain }: DecodingPlan, skip: number): string[] {
  return [
    ...['-nostdin', '-hide_banner', '-loglevel', 'level+warning', ...allowedOnly],
    ...['-threads', `${DECODER_THREADS}`, '-noautorotate', '-copyts'],
    ...(oneChain ? ['-reinit_filter', '0'] : []),
    ...(cropped ? ['-apply_cropping', 'codec'] : []),
    ...(skip > 0 ? ['-noaccurate_seek', '-ss', `${Math.floor(skip)}us`] : []),
  ];
}

const outputOptions = ({ stream, timeBase }: DecodingPlan): string[] => [
  ...['-map', `0:${stream}`, '-map_metadata', '-1', '-map_chapters', '-1'],
  ...['-c:v', 'rawvideo', '-fps_mode', 'passthrough', '-enc_time_base', `${timeBase.num}:${timeBase.den}`],
  ...['-avoid_negative_ts', 'disabled', '-write_index', '0', '-f', 'nut'],
];
