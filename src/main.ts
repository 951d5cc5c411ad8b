import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { bench } from './commands/bench.js';
import { config } from './commands/config.js';
import { doctor } from './commands/doctor.js';
import { exports } from './commands/export.js';
import { fetch } from './commands/fetch.js';
import { flicker } from './commands/flicker.js';
import { image } from './commands/image.js';
import { loadtest } from './commands/loadtest.js';
import { optimize } from './commands/optimize.js';
import { score } from './commands/score.js';
import { serve } from './commands/serve.js';
import { setup } from './commands/setup.js';
import { styles } from './commands/styles.js';
import { train } from './commands/train.js';
import { transcode } from './commands/transcode.js';
import { folders } from './config.js';
import { Interrupted, LivebrushError, Usage } from './errors.js';
import { print, tell } from './log.js';
import { closest } from './models/closest.js';

/** Every subcommand, in the order of the help. A new one is a line here. */
const commands = [
  serve,
  transcode,
  image,
  styles,
  config,
  bench,
  loadtest,
  doctor,
  setup,
  fetch,
  optimize,
  train,
  score,
  exports,
  flicker,
];

const SEE_HELP = 'See livebrush --help, or --help after a command.';

const OK = 0;
const FAILED = 1;
const MISUSED = 2;
const INTERRUPTED = 130;

/** A signal that follows the first one within this time comes from the same key press, by way of npm. In ms. */
const SAME_PRESS_MS = 500;
/** After its work the process ends by itself; should a native library keep it alive, this long. In ms. */
const LINGER_MS = 3000;

/**
 * Aborts on the first interrupt, so that everything ends cleanly, and ends the process on the second. An exit waits for
 * the threads of native libraries, of which one may hang: from then on a signal does what it does by itself.
 */
function interruptible(): AbortSignal {
  const control = new AbortController();
  let first = 0;
  const interrupt = () => {
    if (!control.signal.aborted) {
      first = performance.now();
      control.abort(new Interrupted());
    } else if (performance.now() - first > SAME_PRESS_MS) {
      process.once('exit', () => process.kill(process.pid, 'SIGINT'));
      process.exit(INTERRUPTED);
    }
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, interrupt);
  process.once('exit', () => {
    for (const name of names) process.removeAllListeners(name);
  });
  return control.signal;
}

/** A reader that goes away (`livebrush styles | head -1`) is no failure. */
function tolerateClosedPipes(): void {
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
}

function version(): string {
  return JSON.parse(readFileSync(join(folders.package, 'package.json'), 'utf8')).version;
}

/** A line of the list of commands as it stands above the help of one. */
const asSentence = (text: string): string =>
  text && text.charAt(0).toUpperCase() + text.slice(1) + (text.endsWith('.') ? '' : '.');

function program(signal: AbortSignal): Command {
  const root = new Command('livebrush')
    .description('Paints video in the style of any picture.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .option('--verbose', 'say more when something fails')
    .configureHelp({ commandDescription: (command) => asSentence(command.description()) })
    .showSuggestionAfterError()
    .exitOverride()
    // What goes wrong is told in one place, `fail`.
    .configureOutput({ outputError: () => {} })
    .addHelpText(
      'after',
      `
Without a command it serves.

Examples:
  livebrush serve --open
  livebrush transcode holiday.mp4 painted.mp4 --style any-painting.jpg
  livebrush transcode --help

Exit codes: 0 done, 1 failed, 2 used wrongly, 130 interrupted.`,
    );
  for (const command of commands) command(root, signal);
  for (const parent of [root, ...root.commands]) if (parent.commands.length > 0) addHelp(parent);
  return root;
}

/** Commander's own help command says nothing of a command that there is not. */
function addHelp(parent: Command): void {
  parent
    .command('help')
    .description('print the help of a command')
    .argument('[command]')
    .action((name?: string) => {
      const found = parent.commands.find((command) => command.name() === name);
      if (name === undefined || found) return (found ?? parent).help();
      const near = closest(
        name,
        parent.commands.map((command) => command.name()),
      );
      const hint = near ? `Did you mean ${near}?` : SEE_HELP;
      throw new Usage(`Unknown command '${name}'.`, { hint });
    });
}

/** What `using` made of an error and another one while closing: the first is the cause of all. */
function original(error: unknown): unknown {
  let at = error;
  while (at instanceof Error && at.name === 'SuppressedError' && 'suppressed' in at) at = at.suppressed;
  return at;
}

/** Commander's `error: unknown option '--stile'\n(Did you mean --style?)` as one of our errors. */
function usage({ code, message }: CommanderError): Usage {
  // It has printed the help of a command that only has others under it.
  if (code === 'commander.help')
    return new Usage('A command is missing.', { hint: 'Those that there are stand above.' });
  const [first = '', ...rest] = message.replace(/^error: /, '').split('\n');
  const sentence = first.charAt(0).toUpperCase() + first.slice(1);
  const hint = rest.join(' ').replace(/[()]/g, '').trim();
  return new Usage(/[.?!]$/.test(sentence) ? sentence : `${sentence}.`, {
    hint: hint || SEE_HELP,
  });
}

function fail(thrown: unknown, { json, verbose }: { json: boolean; verbose: boolean }): number {
  const error = thrown instanceof CommanderError ? usage(thrown) : original(thrown);
  const ours = error instanceof LivebrushError ? error : undefined;
  const message = ours?.message ?? (error instanceof Error ? error.message : String(error));
  const name = ours?.name ?? 'Error';
  if (json) print(JSON.stringify({ error: { name, message, ...(ours?.hint ? { hint: ours.hint } : {}) } }));
  tell(`livebrush: ${message}`);
  if (ours?.hint) tell(`  ${ours.hint}`);
  if (verbose && error instanceof Error) tell(String(error.stack) + causes(error));
  else if (!ours) tell('  Run it again with --verbose to see where this comes from.');
  if (error instanceof Usage) return MISUSED;
  return error instanceof Interrupted ? INTERRUPTED : FAILED;
}

function causes(error: Error): string {
  const { cause } = error;
  return cause instanceof Error ? `\n[cause] ${cause.stack}${causes(cause)}` : '';
}

/** What is no UTF-8 came as another name than it was given, and would be read or written under that. @throws Usage */
function checkText(argv: readonly string[]): void {
  const broken = argv.find((word) => word.includes('\ufffd'));
  if (broken !== undefined)
    throw new Usage(`${broken} is not in UTF-8.`, { hint: 'Rename the file, or give another name.' });
}

async function main(argv: readonly string[]): Promise<number> {
  const given = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const verbose = given.includes('--verbose') || process.env.LIVEBRUSH_LOG === 'debug';
  // Deprecations of dependencies are nothing that a person at the terminal can mend.
  if (!verbose) process.noDeprecation = true;
  const told = { json: given.includes('--json'), verbose };
  tolerateClosedPipes();
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, (error) => process.exit(fail(error, told)));
  const signal = interruptible();
  const root = program(signal);
  try {
    checkText(argv);
    await root.parseAsync(argv.length > 0 ? argv : ['serve'], { from: 'user' });
    return Number(process.exitCode ?? OK);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return OK;
    return fail(signal.aborted && !(error instanceof LivebrushError) ? signal.reason : error, told);
  }
}

process.exitCode = await main(process.argv.slice(2));
setTimeout(() => process.exit(), LINGER_MS).unref();
