import type { Command } from 'commander';
import { Usage } from '../errors.js';
import { print } from '../log.js';
import type { StyleEntry } from '../models/gallery.js';
import { gather } from './options.js';

interface Given {
  readonly name?: string;
  readonly title?: string;
  readonly artist?: string;
  readonly year?: string;
  readonly overwrite?: boolean;
  readonly tuned?: string[];
  readonly model?: string;
  readonly json?: boolean;
}

const origins = { preset: 'preset', user: 'yours', file: 'file', model: 'its model' } as const;

const modelsOf = ({ models }: StyleEntry) => (models === 'all' ? 'all' : models.join(', '));

/** Columns as wide as their widest cell, two spaces between. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}

/** Every style at hand, or those that one model paints. */
async function stylesOf(model: string | undefined): Promise<StyleEntry[]> {
  const { listStyles, openGallery } = await import('../models/gallery.js');
  if (model === undefined) return listStyles();
  const { openModel } = await import('../models/models.js');
  const engine = () => Promise.reject(new Error('A list needs no engine.'));
  return openGallery({ model: await openModel(model), engine }).list();
}

async function list({ json, model }: Given): Promise<void> {
  const styles = await stylesOf(model);
  if (json) return print(JSON.stringify({ styles }));
  if (styles.length === 0) print('There are no styles yet.');
  else {
    const rows = styles.map((style) => [
      style.name,
      style.title,
      style.artist ?? '',
      style.year ?? '',
      origins[style.source],
      modelsOf(style),
    ]);
    for (const line of table([['NAME', 'TITLE', 'ARTIST', 'YEAR', 'FROM', 'MODELS'], ...rows])) print(line);
  }
  if (styles.some(({ source }) => source === 'model') && model !== undefined) return;
  print(
    '\nAny picture is a style too: --style painting.jpg. Keep one by name: livebrush styles add painting.jpg',
  );
}

async function presetsNamed(name: string) {
  const { listPresets } = await import('../models/presets.js');
  return (await listPresets()).filter(({ card }) => card.name === name);
}

async function add(picture: string, { json, ...given }: Given): Promise<void> {
  const [{ addTuned, addUserStyle, listUserStyles }, { checkName, nameFrom }, { basename }] =
    await Promise.all([
      import('../models/user-styles.js'),
      import('../models/style.js'),
      import('node:path'),
    ]);
  if (given.tuned && (await listUserStyles()).some((style) => style.name === picture)) {
    const style = await addTuned(picture, given.tuned);
    return print(json ? JSON.stringify({ tuned: style }) : `${style.name} is tuned now.`);
  }
  const name = given.name === undefined ? nameFrom(basename(picture)) : checkName(given.name);
  if (name !== undefined && (await presetsNamed(name)).length > 0)
    throw new Usage(`There is a preset called ${name}.`, { hint: 'Choose another name with --name.' });
  const style = await addUserStyle(picture, given);
  if (json) return print(JSON.stringify({ added: style }));
  print(`Added ${style.name}. Paint with it:`);
  print(`  livebrush transcode video.mp4 painted.mp4 --style ${style.name}`);
}

async function show(name: string, { json }: Given): Promise<void> {
  const [{ findStyle }, { tunedFor }] = await Promise.all([
    import('../models/gallery.js'),
    import('../models/user-styles.js'),
  ]);
  const style = await findStyle(name);
  const tuned = style.source === 'user' ? await tunedFor(name) : [];
  const card = style.source === 'preset' ? (await presetsNamed(name))[0]?.card : undefined;
  const more = card ? { licence: card.licence, provenance: card.provenance, date: card.date } : {};
  if (json)
    return print(JSON.stringify({ style: { ...style, ...more, ...(tuned.length > 0 && { tuned }) } }));
  const rows = [
    ['name', style.name],
    ['title', style.title],
    ['artist', style.artist],
    ['year', style.year],
    ['from', origins[style.source]],
    ['models', modelsOf(style)],
    ['tuned for', tuned.join(', ')],
    ['picture', style.picture],
    ['made from', card?.provenance],
    ['licence', card?.licence],
  ].filter((row): row is [string, string] => Boolean(row[1]));
  for (const line of table(rows)) print(line);
}

/** Why a style that is none of a person's own is not removed. @throws NotFound when there is none of that name. */
async function refuseRemoval(name: string): Promise<Usage> {
  const { findStyle } = await import('../models/gallery.js');
  const style = await findStyle(name);
  const why =
    style.source === 'model'
      ? `lies in the file of the model ${modelsOf(style)}`
      : 'is a preset: it ships with Livebrush';
  return new Usage(`${name} ${why} and cannot be removed.`, {
    hint: 'Only styles that you added can be removed.',
  });
}

async function remove(
  name: string,
  { json, tuned }: Pick<Given, 'json'> & { tuned?: string },
): Promise<void> {
  const { dropTuned, isUserStyle, removeUserStyle } = await import('../models/user-styles.js');
  // Not by its card: a damaged style wants to be removed most.
  if (!(await isUserStyle(name))) throw await refuseRemoval(name);
  if (tuned !== undefined) {
    await dropTuned(name, tuned);
    return print(
      json ? JSON.stringify({ removed: name, tuned }) : `${name} is as its picture makes it for ${tuned}.`,
    );
  }
  await removeUserStyle(name);
  print(json ? JSON.stringify({ removed: name }) : `Removed ${name}.`);
}

/** `livebrush styles`: what there is to paint with, and a person's own additions to it. */
export const styles = (parent: Command, signal: AbortSignal): void => {
  const command = parent.command('styles').description('list, add, show and remove styles');
  const json = ['--json', 'print the result as JSON'] as const;
  command
    .command('list', { isDefault: true })
    .description('list every style (what `livebrush styles` does)')
    .option('--model <name>', 'only those that this model paints, by name or file')
    .option(...json)
    .action((given: Given) => {
      signal.throwIfAborted();
      return list(given);
    });
  command
    .command('add <picture>')
    .description('keep a picture as a style of yours, for every model')
    .option('--name <name>', "a to z, digits and hyphens (default: made of the file's name)")
    .option('--title <text>', 'what lists call it')
    .option('--artist <text>', 'who made the picture')
    .option('--year <text>', 'when')
    .option(
      '--tuned <file>',
      'what `livebrush train style` made of the picture, for its model (repeatable)',
      gather,
    )
    .option('--overwrite', 'replace a style of yours that has this name')
    .option(...json)
    .addHelpText(
      'after',
      `
Examples:
  livebrush styles add painting.jpg
  livebrush styles add painting.jpg --tuned runs/painting/style.safetensors
  livebrush styles add painting --tuned runs/painting/style.safetensors    (a style of yours, kept before)
  livebrush styles add scan.png --name kitchen --title "The kitchen wall"`,
    )
    .action((picture: string, given: Given) => add(picture, given));
  command
    .command('show <name>')
    .description('tell about one style')
    .option(...json)
    .action((name: string, given: Given) => show(name, given));
  command
    .command('remove <name>')
    .description('forget a style of yours')
    .option('--tuned <model>', 'only what it was tuned to for that model')
    .option(...json)
    .action((name: string, given: Parameters<typeof remove>[1]) => remove(name, given));
};
