import type { Command } from 'commander';
import { print } from '../log.js';
import { gather } from './options.js';

interface Given {
  readonly config?: readonly string[];
  readonly set?: readonly string[];
  readonly origin?: boolean;
  readonly json?: boolean;
  readonly overwrite?: boolean;
}

async function show({ config, set, origin, json }: Given): Promise<void> {
  const [{ loadSettings }, { maskSettings, printSettings }] = await Promise.all([
    import('../server/settings-load.js'),
    import('../server/settings-write.js'),
  ]);
  const { settings, origins } = await loadSettings({ files: config, inline: set, env: process.env });
  if (json)
    print(
      JSON.stringify({
        settings: maskSettings(settings),
        ...(origin ? { origins: Object.fromEntries(origins) } : {}),
      }),
    );
  else print(printSettings(settings, origin ? origins : undefined));
}

async function init(file: string, { overwrite = false, json }: Given): Promise<void> {
  const [{ writeSettingsFile }, { writeWhole }] = await Promise.all([
    import('../server/settings-write.js'),
    import('../models/files.js'),
  ]);
  await writeWhole(file, writeSettingsFile(), { overwrite });
  print(json ? JSON.stringify({ written: file }) : `Wrote ${file}: every setting, with what it does.`);
}

async function schema(): Promise<void> {
  const { settingsSchema } = await import('../server/settings-write.js');
  print(JSON.stringify(settingsSchema(), null, 2));
}

const examples = `
Examples:
  livebrush config init
  livebrush config print --origin
  livebrush config print --config stage.yaml -c listen.port=9000 --json
  livebrush config schema > livebrush.schema.json`;

/** `livebrush config`: the settings of the server. */
export const config = (parent: Command): void => {
  const command = parent
    .command('config')
    .summary('write, show and describe the settings of the server')
    .description('The settings of the server: livebrush.yaml, environment variables and flags.')
    .addHelpText('after', examples);
  command
    .command('init')
    .description('write a commented livebrush.yaml with every setting at its default')
    .argument('[file]', 'where to', 'livebrush.yaml')
    .option('--overwrite', 'replace the file if it exists')
    .option('--json', 'print the result as JSON')
    .action(init);
  command
    .command('print')
    .description('print every setting as the server would use it; tokens are covered')
    .option('--config <file>', 'a settings file (repeatable, the last one wins)', gather)
    .option('-c, --set <key=value>', 'one setting, such as listen.port=9000 (repeatable)', gather)
    .option('--origin', 'and where each comes from')
    .option('--json', 'print the result as JSON')
    .action(show);
  command.command('schema').description('print the JSON Schema of livebrush.yaml').action(schema);
};
