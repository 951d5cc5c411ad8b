import { stat } from 'node:fs/promises';
import type { z } from 'zod';
import { BadInput, type LivebrushError, Usage } from '../errors.js';
import { readWhole } from '../models/files.js';
import { type Settings, settings } from './settings.js';
import { dotted, fieldAt, fields } from './settings-fields.js';
import { type Entry, envEntries, fileEntries, inlineEntry } from './settings-read.js';

/** Where settings come from, the strongest last: defaults, files in order, environment, `-c` and other flags. */
export interface SettingsSources {
  /** Of `--config`. Without any, `livebrush.yaml` of the working folder, where there is one. */
  readonly files?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Of `-c`. */
  readonly inline?: readonly string[];
  /** Of flags of their own, such as `--port`. */
  readonly flags?: readonly Entry[];
}

/** Settings, and where each came from. */
export interface Loaded {
  readonly settings: Settings;
  /** By dotted path: `default`, `livebrush.yaml:3:1`, `LIVEBRUSH_LISTEN_PORT`, `--port`. */
  readonly origins: ReadonlyMap<string, string>;
}

export const STANDARD_FILE = 'livebrush.yaml';
const MAX_FILE = 1e6;

async function readFiles({ files = [], env = {} }: SettingsSources): Promise<Entry[]> {
  const there = async () =>
    (await stat(STANDARD_FILE).catch(() => undefined))?.isFile() ? [STANDARD_FILE] : [];
  const names = files.length > 0 ? files : await there();
  const entries: Entry[] = [];
  for (const name of names)
    entries.push(...fileEntries(new TextDecoder().decode(await readWhole(name, MAX_FILE)), name, env));
  return entries;
}

/** Streams are merged by name; of all else, the last one who says something is heard. */
function merged(path: readonly string[], before: unknown, value: unknown): unknown {
  const map = (it: unknown) => typeof it === 'object' && it !== null && !Array.isArray(it);
  return dotted(path) === 'streams' && map(before) && map(value)
    ? { ...(before as object), ...(value as object) }
    : value;
}

function put(into: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path;
  if (rest.length === 0) {
    into[key!] = merged(path, into[key!], value);
    return;
  }
  into[key!] ??= {};
  put(into[key!] as Record<string, unknown>, rest, value);
}

function failure(issue: z.core.$ZodIssue, entries: readonly Entry[]): LivebrushError {
  const field = fieldAt(issue.path);
  const entry = entries.findLast(({ path }) => field && dotted(path) === dotted(field.path));
  const extra = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]!] : issue.path;
  const where = entry?.locate?.(extra) ?? entry?.origin ?? 'settings';
  // What is wrong with a name lies one deeper.
  const { message } = issue.code === 'invalid_key' ? (issue.issues[0] ?? issue) : issue;
  const said = message.replace(/\.$/, '');
  const inText = `${where}: ${dotted(issue.path)}: ${said.charAt(0).toLowerCase()}${said.slice(1)}.`;
  const hint = field?.description;
  const ours = entry?.locate === undefined;
  return ours ? new Usage(inText, { hint }) : new BadInput(inText, { hint });
}

/** Reads the settings. @throws BadInput (a file), Usage (a flag, the environment), NotFound (a file that is not there). */
export async function loadSettings(sources: SettingsSources = {}): Promise<Loaded> {
  const entries = [
    ...(await readFiles(sources)),
    ...envEntries(sources.env ?? {}),
    ...(sources.inline ?? []).map(inlineEntry),
    ...(sources.flags ?? []),
  ];
  const raw: Record<string, unknown> = {};
  for (const { path, value } of entries) put(raw, path, value);
  const read = settings.safeParse(raw);
  if (!read.success) throw failure(read.error.issues[0]!, entries);
  const origins = new Map(fields.map(({ path }) => [dotted(path), 'default']));
  for (const { path, origin } of entries) origins.set(dotted(path), origin);
  return { settings: read.data, origins };
}
