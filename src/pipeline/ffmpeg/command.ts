import type { FfmpegCommand } from 'fluent-ffmpeg';
import { Unsupported } from '../../errors.js';
import { type Ended, IsolatedProcess, type ProcessOptions } from './process.js';
import type { StderrTail } from './stderr-tail.js';
import type { Ffmpeg } from './tool.js';

/** Parts of a command that fluent-ffmpeg keeps to itself; its version is pinned, a test holds them. */
interface Inner {
  _checkCapabilities(done: (error?: Error) => void): void;
  availableEncoders(done: (error: Error | null, encoders: object) => void): void;
  _spawnFfmpeg(args: string[]): void;
}

async function newCommand(): Promise<FfmpegCommand> {
  try {
    const { default: ffmpeg } = await import('fluent-ffmpeg');
    return ffmpeg();
  } catch (cause) {
    throw new Unsupported('The package fluent-ffmpeg does not load.', {
      cause,
      hint: 'Install it with `npm install fluent-ffmpeg`, or leave out --media ffmpeg.',
    });
  }
}

/**
 * The arguments of the ffmpeg command that `build` puts together.
 *
 * fluent-ffmpeg asks ffmpeg for its formats and encoders before each command and cannot read the answer of ffmpeg 7 and
 * newer; and it starts processes without a group, folder and environment of their own. So neither is left to it.
 */
export async function argumentsOf(build: (command: FfmpegCommand) => void): Promise<string[]> {
  const command = await newCommand();
  build(command);
  return new Promise((resolve, reject) => {
    const inner: Inner = {
      _checkCapabilities: (done) => done(),
      availableEncoders: (done) => done(null, {}),
      _spawnFfmpeg: resolve,
    };
    Object.assign(command, inner);
    command.on('error', reject).run();
  });
}

/** Starts the ffmpeg command that `build` puts together. */
export async function startFfmpeg(
  { ffmpeg }: Ffmpeg,
  build: (command: FfmpegCommand) => void,
  options: ProcessOptions,
): Promise<IsolatedProcess> {
  return IsolatedProcess.start(ffmpeg, await argumentsOf(build), options);
}

/** What to say of a process that failed for a reason that has nothing to do with its files, if it did. */
export function machineFault({ failure, errors, overtime }: Ended): Error | undefined {
  if (failure) return new Unsupported('ffmpeg cannot be started.', { cause: failure });
  if (overtime) return new Unsupported('ffmpeg took longer than it may.');
  return unknownPart(errors);
}

/** The option, filter or encoder that this ffmpeg lacks, if that is what it says. */
function unknownPart(errors: StderrTail): Error | undefined {
  const said = errors.lines.find((line) =>
    /Unrecognized option|Unknown encoder|No such filter|Option not found/.test(line),
  );
  if (!said) return undefined;
  const what = said.replace(/\[[^\]]*\]\s*/g, '').trim();
  return new Unsupported(`This ffmpeg cannot do what is asked of it: ${what}.`, {
    hint: 'Use another build of ffmpeg, or leave out --media ffmpeg.',
  });
}
