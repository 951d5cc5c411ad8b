import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { folders } from '../config.js';
import { log, print, tell } from '../log.js';
import type { Settings } from '../server/settings.js';
import type { Entry } from '../server/settings-read.js';
import { openBrowser } from './open-browser.js';
import { gather } from './options.js';

interface Given {
  readonly host?: string;
  readonly port?: string;
  readonly publicUrl?: string;
  readonly style?: string;
  readonly model?: string;
  readonly engine?: string;
  readonly demo: boolean;
  readonly config?: readonly string[];
  readonly set?: readonly string[];
  readonly open?: boolean;
  readonly json?: boolean;
}

/** Flags that are settings. */
async function flagsOf(given: Given): Promise<Entry[]> {
  const [{ fieldAt }, { parseText }] = await Promise.all([
    import('../server/settings-fields.js'),
    import('../server/settings-read.js'),
  ]);
  const { host, port, publicUrl, style, model, engine, demo } = given;
  const flags: [flag: string, path: string[], text: string | undefined][] = [
    ['--host', ['listen', 'host'], host],
    ['--port', ['listen', 'port'], port],
    ['--public-url', ['publicUrl'], publicUrl],
    ['--style', ['paint', 'style'], style],
    ['--model', ['paint', 'model'], model],
    ['--engine', ['paint', 'engine'], engine],
    ['--no-demo', ['demo'], demo ? undefined : 'false'],
  ];
  return flags.flatMap(([origin, path, text]) =>
    text === undefined ? [] : [{ path, value: parseText(text, fieldAt(path)!.schema), origin }],
  );
}

async function settingsOf(given: Given): Promise<Settings> {
  const [{ loadSettings }, { strayEnv }] = await Promise.all([
    import('../server/settings-load.js'),
    import('../server/settings-read.js'),
  ]);
  const { config: files, set: inline } = given;
  const { settings } = await loadSettings({ files, inline, env: process.env, flags: await flagsOf(given) });
  log.level = settings.log.level;
  for (const { name, meant } of strayEnv(process.env)) log.warn(`${name} is no setting: is ${meant} meant?`);
  return settings;
}

interface Told {
  readonly url: string;
  /** A token that was made just now; behind the hash, where browsers keep it to themselves. */
  readonly token: string | undefined;
  readonly engine: string;
  readonly model: string;
}

function greet({ url, token, engine, model }: Told, json = false): void {
  const panel = token ? `${url}/#token=${token}` : `${url}/`;
  if (json) print(JSON.stringify({ listening: { url, panel, engine, model, ...(token ? { token } : {}) } }));
  else {
    print(`Livebrush paints at ${panel}`);
    if (token) {
      tell(`This address holds a token for you alone, made for this run: ${token}`);
      tell('Set tokens.admin in livebrush.yaml to keep one.');
    }
  }
}

async function run(given: Given, signal: AbortSignal): Promise<void> {
  const settings = await settingsOf(given);
  const [{ openServerParts }, { serve: listen }] = await Promise.all([
    import('./server-parts.js'),
    import('../server/serve.js'),
  ]);
  const { version } = JSON.parse(await readFile(join(folders.package, 'package.json'), 'utf8'));
  if (!given.json && process.stderr.isTTY) tell('Livebrush starts: the model is made ready …');
  await using server = await openServerParts(settings, version, signal);
  signal.throwIfAborted();
  const { parts, made, begin } = server;
  const served = await listen(parts);
  await begin();
  greet({ url: served.url, token: made, ...parts.about }, given.json);
  if (given.open) openBrowser(made ? `${served.url}/#token=${made}` : `${served.url}/`);
  if (!signal.aborted) await once(signal, 'abort');
  await served.drain(async () => server[Symbol.asyncDispose]());
}

const examples = `
Every option is also a setting: livebrush config print shows them all, livebrush config init writes a file of them.
Stronger comes later: defaults, livebrush.yaml (or the files of --config), LIVEBRUSH_… variables, -c, other options.
On an address that others reach, a token is needed; where there is none, one is made and shown once.

Examples:
  livebrush serve
  livebrush serve --style starry-night --open
  livebrush serve --host 0.0.0.0 --public-url https://paint.example
  livebrush serve --config stage.yaml -c limits.viewers=20`;

/** `livebrush serve`: the server with its panel. */
export const serve = (parent: Command, signal: AbortSignal): void => {
  parent
    .command('serve')
    .summary('paint live: the server and its panel (what livebrush does without a command)')
    .description('Paint live streams: publish over WHIP, watch over WHEP, play styles from the panel.')
    .option('--host <address>', 'address to listen on (default: 127.0.0.1, this machine alone)')
    .option('--port <number>', 'port to listen on (default: 8080; 0 takes a free one)')
    .option('--public-url <url>', 'URL under which others reach it')
    .option('--style <name>', 'style that streams begin with')
    .option('--model <name>', 'a model by name or file (default: fast)')
    .option('--engine <name>', 'what runs the networks (default: auto, the fastest)')
    .option('--no-demo', 'without the built-in stream "demo"')
    .option('--config <file>', 'a settings file (repeatable, the last one wins)', gather)
    .option('-c, --set <key=value>', 'one setting, such as listen.port=9000 (repeatable)', gather)
    .option('--open', 'open the panel in the browser')
    .option('--json', 'tell the address as JSON')
    .addHelpText('after', examples)
    .action((given: Given) => run(given, signal));
};
