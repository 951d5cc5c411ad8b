import {
  type Document,
  isMap,
  isScalar,
  LineCounter,
  type Node,
  parse,
  parseDocument,
  type YAMLMap,
} from 'yaml';
import type { z } from 'zod';
import { BadInput, type LivebrushError, Usage } from '../errors.js';
import { closest } from '../models/closest.js';
import { dotted, envName, fieldAt, fields, keysBelow } from './settings-fields.js';

/** A value that was given for one setting, and by whom. */
export interface Entry {
  readonly path: readonly string[];
  readonly value: unknown;
  /** `livebrush.yaml:12:3`, `LIVEBRUSH_LISTEN_PORT`, `--port`. */
  readonly origin: string;
  /** Where a part of the value stands. */
  locate?(path: readonly PropertyKey[]): string;
}

type Env = Readonly<Record<string, string | undefined>>;

function read(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return text;
  }
}

/**
 * A setting written as text: as it stands where it may be text, else as YAML (`8080`, `true`, `[8189, 8289]`,
 * `{a: 1}`), or as a list whose parts are parted by commas. What fits nothing is returned as it is, to be refused.
 */
export function parseText(text: string, schema: z.ZodType): unknown {
  const parts = text === '' ? [] : text.split(',').map((part) => part.trim());
  const readings = [text, read(text), parts, parts.map(read)];
  return readings.find((reading) => schema.safeParse(reading).success) ?? read(text);
}

function unknownKey(
  path: readonly string[],
  where: string,
  Failure: new (m: string, o: object) => LivebrushError,
) {
  const known = keysBelow(path.slice(0, -1)) ?? [];
  const near = closest(path.at(-1)!, known);
  const elsewhere = fields.find((field) => field.path.at(-1) === path.at(-1));
  const meant = near ? dotted([...path.slice(0, -1), near]) : elsewhere && dotted(elsewhere.path);
  return new Failure(`${where}: there is no setting ${dotted(path)}.`, {
    hint: meant ? `Did you mean ${meant}?` : `Settings here are ${known.join(', ')}.`,
  });
}

/** `${NAME}` and `${NAME:otherwise}` by the environment. @throws BadInput */
function filled(text: string, env: Env, where: string): string {
  return text.replace(
    /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::([^}]*))?\}/g,
    (_, name: string, otherwise?: string) => {
      const value = env[name] ?? otherwise;
      if (value !== undefined) return value;
      throw new BadInput(`${where}: the environment variable ${name} is not set.`, {
        hint: `Set it, or give another value for that case: \${${name}:value}.`,
      });
    },
  );
}

function filledDeep(value: unknown, env: Env, where: string): unknown {
  if (typeof value === 'string') return filled(value, env, where);
  if (Array.isArray(value)) return value.map((item) => filledDeep(item, env, where));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filledDeep(item, env, where)]));
}

/** What a node holds, aliases followed. @throws BadInput for an alias of nothing, or of too much. */
function plain(node: Node | null, doc: Document, where: string): unknown {
  try {
    return node?.toJS(doc, { maxAliasCount: 100 });
  } catch (cause) {
    throw new BadInput(`${where}: ${(cause as Error).message.replace(/\.?$/, '.')}`, { cause });
  }
}

/** The settings that a YAML file gives. @throws BadInput that names file, line and column. */
export function fileEntries(text: string, file: string, env: Env): Entry[] {
  const lines = new LineCounter();
  const doc = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  const [damage] = doc.errors;
  if (damage) throw new BadInput(`${at(damage.pos[0])}: ${damage.message.replace(/\.?$/, '.')}`);
  const locate = (path: readonly PropertyKey[]): string => {
    for (let length = path.length; length > 0; length--) {
      const node = doc.getIn(path.slice(0, length), true) as Node | undefined;
      if (node?.range) return at(node.range[0]);
    }
    return file;
  };
  const entries: Entry[] = [];
  const walk = (map: YAMLMap, path: readonly string[]): void => {
    for (const { key, value } of map.items) {
      const node = key as Node;
      const here = [...path, String(isScalar(key) ? key.value : key)];
      const where = at(node.range?.[0] ?? 0);
      const field = fieldAt(here);
      if (!field && !keysBelow(here)) throw unknownKey(here, where, BadInput);
      if (field) {
        const raw = plain(value as Node | null, doc, where);
        const full = filledDeep(raw, env, where);
        const changed = typeof full === 'string' && full !== raw;
        entries.push({
          path: here,
          value: changed ? parseText(full, field.schema) : full,
          origin: where,
          locate,
        });
      } else if (isMap(value)) walk(value, here);
      else if (!isScalar(value) || value.value !== null)
        throw new BadInput(`${where}: ${dotted(here)} is a group of settings, not a value.`, {
          hint: `Settings in it are ${keysBelow(here)!.join(', ')}.`,
        });
    }
  };
  if (isMap(doc.contents)) walk(doc.contents, []);
  else if (doc.contents !== null && !(isScalar(doc.contents) && doc.contents.value === null))
    throw new BadInput(`${file}:1:1: settings are written as "key: value".`);
  return entries;
}

/** What the environment gives: `LIVEBRUSH_LISTEN_PORT=9000`. `LIVEBRUSH_LOG` is short for the log's level. */
export function envEntries(env: Env): Entry[] {
  const entries = fields.flatMap(({ path, schema }): Entry[] => {
    const name = envName(path);
    const text = env[name];
    return text === undefined ? [] : [{ path, value: parseText(text, schema), origin: name }];
  });
  const level = env.LIVEBRUSH_LOG;
  return level === undefined
    ? entries
    : [{ path: ['log', 'level'], value: level, origin: 'LIVEBRUSH_LOG' }, ...entries];
}

/** Variables that begin like ours and are none, with what was meant: likely typing errors. */
export function strayEnv(env: Env): { name: string; meant: string }[] {
  const known = fields.map(({ path }) => envName(path));
  const others = ['LIVEBRUSH_CACHE', 'LIVEBRUSH_HOME', 'LIVEBRUSH_LOG', 'LIVEBRUSH_TEST'];
  return Object.keys(env)
    .filter((name) => name.startsWith('LIVEBRUSH_') && !known.includes(name) && !others.includes(name))
    .flatMap((name) => {
      const near = closest(
        name.slice(10),
        known.map((other) => other.slice(10).toLowerCase()),
      );
      return near ? [{ name, meant: `LIVEBRUSH_${near.toUpperCase()}` }] : [];
    });
}

/** One `-c listen.port=9000`. @throws Usage */
export function inlineEntry(text: string): Entry {
  const [, key, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined)
    throw new Usage(`-c ${text} is no setting.`, { hint: 'Write -c listen.port=9000.' });
  const path = key.trim().split('.');
  const field = fieldAt(path);
  if (!field || field.path.length !== path.length) throw unknownKey(path, '-c', Usage);
  return { path, value: parseText(value.trim(), field.schema), origin: '-c' };
}
