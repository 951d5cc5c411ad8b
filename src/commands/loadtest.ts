import { type Command, InvalidArgumentError, Option } from 'commander';
import { Usage } from '../errors.js';
import type { LoadOptions } from '../loadtest/result.js';
import { print } from '../log.js';
import type { Size } from '../models/pixels.js';
import type { LiveCodec } from '../pipeline/live.js';
import { gather, inRange } from './options.js';

interface Given {
  readonly publishers: number;
  readonly viewers?: number;
  readonly size: Size;
  readonly fps: number;
  readonly seconds: number;
  readonly warmup: number;
  readonly codec: LiveCodec;
  readonly style?: string;
  readonly styles?: readonly string[] | number;
  readonly switchEvery?: number;
  readonly token?: string;
  readonly start?: boolean;
  readonly engine?: string;
  readonly model?: string;
  readonly set?: readonly string[];
  readonly json?: boolean;
}

const LOCAL = 'http://127.0.0.1:8080';
/** Sides of pictures: the mark in them needs some pixels, and a level of H.264 has an end. */
const [LEAST, MOST_WIDTH, MOST_HEIGHT] = [160, 3840, 2160];
const MOST_STYLES = 64;
const INTERRUPTED = 130;

/** `640x360`, of even sides, large enough for the mark that it carries. */
export function pictureSize(text: string): Size {
  const [, width = 0, height = 0] = (/^(\d{3,4})x(\d{2,4})$/i.exec(text.trim()) ?? []).map(Number);
  const even = width % 2 === 0 && height % 2 === 0;
  if (!even || width < LEAST || width > MOST_WIDTH || height * 5 < width || height > MOST_HEIGHT)
    throw new InvalidArgumentError(
      `It takes even sides such as 640x360, from ${LEAST} to ${MOST_WIDTH} wide, up to ${MOST_HEIGHT} high and no flatter than 5:1.`,
    );
  return { width, height };
}

const STYLE = /^[a-z0-9][a-z0-9-]{0,63}$/;

function styleName(text: string): string {
  if (!STYLE.test(text)) throw new InvalidArgumentError('It takes the name of a style, such as wave.');
  return text;
}

/** `wave,scream`, or a number: how many of those that the server has. */
export function styleList(text: string): readonly string[] | number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= 1 && number <= MOST_STYLES) return number;
  const names = text.split(',').map((name) => name.trim());
  const fits = names.length <= MOST_STYLES && names.every((name) => STYLE.test(name));
  if (!fits || /^\d+$/.test(text) || new Set(names).size < names.length)
    throw new InvalidArgumentError(
      `It takes different names such as wave,scream, or a number from 1 to ${MOST_STYLES}.`,
    );
  return names;
}

/** The address of a server, and the token that the address of its panel may hold. @throws Usage */
export function readAddress(text: string): { readonly url: string; readonly token: string | undefined } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password)
    throw new Usage(`“${text.slice(0, 200)}” is no address of a server.`, {
      hint: `Give one such as ${LOCAL}.`,
    });
  return { url: url.origin, token: new URLSearchParams(url.hash.slice(1)).get('token') ?? undefined };
}

/** @throws Usage where options do not go together. */
function check(
  address: string | undefined,
  { start, engine, model, set, style, styles, switchEvery }: Given,
): void {
  if (start && address !== undefined)
    throw new Usage('--start starts a server of its own: it takes no address.', {
      hint: 'Leave one of them out.',
    });
  const own = { '--engine': engine, '--model': model, '-c': set };
  const [flag] = Object.entries(own).find(([, value]) => value !== undefined) ?? [];
  if (flag && !start)
    throw new Usage(`${flag} is for a server that is started here.`, {
      hint: 'Add --start, or leave it out.',
    });
  if (style !== undefined && styles !== undefined)
    throw new Usage('--style and --styles both say what to paint in.', { hint: 'Leave one of them out.' });
  const few = style !== undefined || styles === 1 || (Array.isArray(styles) && styles.length < 2);
  if (switchEvery !== undefined && few)
    throw new Usage('--switch-every needs two styles or more.', { hint: 'Name them: --styles wave,scream.' });
}

function optionsOf(given: Given, url: string, token: string | undefined): LoadOptions {
  const { publishers, viewers = publishers, size, fps, seconds, warmup, codec, switchEvery } = given;
  const styles = given.styles ?? (given.style === undefined ? undefined : [given.style]);
  return {
    ...{ url, token: given.token ?? token, publishers, viewers, ...size, fps, seconds, warmup, codec },
    ...(styles === undefined ? {} : { styles }),
    ...(switchEvery === undefined ? {} : { switchEvery }),
  };
}

async function run(address: string | undefined, given: Given, signal: AbortSignal): Promise<void> {
  check(address, given);
  const { url: asked, token } = readAddress(address ?? LOCAL);
  const [{ loadTest }, { openLive, printResult }, { startServer }] = await Promise.all([
    import('../loadtest/run.js'),
    import('./loadtest-table.js'),
    import('./loadtest-server.js'),
  ]);
  const live = openLive(given.json ?? false);
  try {
    if (given.start) live.step('starting a server');
    await using server = given.start ? await startServer(given, signal) : undefined;
    const result = await loadTest(optionsOf(given, server?.url ?? asked, token), live, signal);
    live.stop();
    if (given.json) print(JSON.stringify(result));
    else printResult(result);
    if (!result.ok) process.exitCode = 1;
    if (result.interrupted) process.exitCode = INTERRUPTED;
  } finally {
    live.stop();
  }
}

const help = `
What is measured:
  Publishers send one prepared loop of encoded pictures (WHIP), each picture with a number drawn into its corner that
  survives painting. Latency is read from the pictures: from the moment a picture's first packet is handed to the
  network until the last packet of its painting has come to the first viewer of its stream. Encoding here and decoding
  here are not in it, nor what a player's buffer would add. That viewer decodes; all others put pictures together and
  count them, which is what keeps the load generator light. Frames painted, drops and the server's processor time are
  the server's own figures (/metrics, for which it wants an admin's token). A freeze is a gap of more than 500 ms.
  The generator says what share of a core it took itself: where it runs beside the server, that is the server's loss.
  A stream that nobody watches is not painted: --viewers are of all streams together, dealt in turn.

Ctrl-C ends it early and tells what was measured so far. Exit code 1 where a publisher or viewer failed, or the server
had no room for all.

Examples:
  livebrush loadtest --start
  livebrush loadtest --start --engine onnx/cpu --publishers 4 --styles 4
  livebrush loadtest http://127.0.0.1:8080 --publishers 2 --viewers 20 --seconds 60
  livebrush loadtest https://paint.example --token … --publishers 8 --styles wave,scream --switch-every 25 --json`;

/** `livebrush loadtest`: publishers and viewers against a running server. */
export const loadtest = (parent: Command, signal: AbortSignal): void => {
  parent
    .command('loadtest')
    .summary('play publishers and viewers against a server, and measure')
    .description(
      'Plays publishers and viewers against a running server and tells latency, frames a second and drops.',
    )
    .argument('[url]', `address of the server (default: ${LOCAL})`)
    .option('--publishers <n>', 'streams that are published', inRange(1, 256), 1)
    .option('--viewers <n>', 'viewers of all streams together (default: one for each)', inRange(0, 2000))
    .addOption(
      new Option('--size <WxH>', 'of the pictures')
        .argParser(pictureSize)
        .default({ width: 640, height: 360 }, '640x360'),
    )
    .option('--fps <n>', 'pictures a second of each publisher', inRange(1, 60), 25)
    .option('--seconds <n>', 'time that is measured', inRange(1, 86_400), 30)
    .option('--warmup <n>', 'seconds before that', inRange(0, 600), 3)
    .addOption(
      new Option('--codec <name>', 'of publishers and viewers').choices(['h264', 'vp8']).default('h264'),
    )
    .option('--style <name>', 'style of all streams (default: as the server begins them)', styleName)
    .option(
      '--styles <names|n>',
      'a style for each stream in turn: names with commas, or how many',
      styleList,
    )
    .option('--switch-every <n>', 'change the style every so many frames', inRange(1, 100_000))
    .option('--token <token>', 'token of the server; an admin’s shows and may most')
    .option('--start', 'start a server in a process of its own, on a free port, and end it afterwards')
    .option('--engine <name>', 'what that one paints on (default: auto)')
    .option('--model <name>', 'what that one paints with')
    .option('-c, --set <key=value>', 'a setting of that one (repeatable)', gather)
    .option('--json', 'print JSON: progress lines, then the result')
    .addHelpText('after', help)
    .action((url: string | undefined, given: Given) => run(url, given, signal));
};
