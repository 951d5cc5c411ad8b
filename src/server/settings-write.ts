import { stringify } from 'yaml';
import { z } from 'zod';
import { masked } from '../pipeline/address.js';
import { type Settings, settings } from './settings.js';
import { dotted, envName, fields } from './settings-fields.js';

const WIDTH = 100;

function comment(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line && indent.length + 2 + line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line].map((part) => `${indent}# ${part}`);
}

/** A value on one line. */
const flow = (value: unknown): string =>
  stringify(value, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: false }).trim();

/** A commented file with every setting at its default. */
export function writeSettingsFile(): string {
  const lines = [
    '# yaml-language-server: $schema=http://127.0.0.1:8080/schema.json',
    '# Settings of `livebrush serve`, all at their defaults. Stronger than this file, in this order: later files of',
    `# --config, environment variables (${envName(['listen', 'port'])}=9000 for listen.port), -c listen.port=9000, flags.`,
    '# Any value may hold $' + '{NAME} or $' + '{NAME:otherwise} of the environment.',
  ];
  let group: string | undefined;
  for (const { path, standard, description } of fields) {
    const inner = path.length > 1;
    if (!inner || path[0] !== group) lines.push('');
    if (inner && path[0] !== group) lines.push(`${path[0]}:`);
    group = path[0];
    const indent = inner ? '  ' : '';
    if (description) lines.push(...comment(description, indent));
    lines.push(`${indent}${path.at(-1)}: ${flow(standard)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** JSON Schema of the file, for editors. */
export function settingsSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(settings, { io: 'input' });
  return { $schema, title: 'livebrush.yaml', ...schema };
}

const MASK = '********';

/** Settings with tokens and passwords covered, to be shown. */
export function maskSettings(whole: Settings): Settings {
  const { admin, publish, read, anonymous } = whole.tokens;
  const cover = (list: readonly string[]) => list.map(() => MASK);
  return {
    ...whole,
    tokens: { admin: cover(admin), publish: cover(publish), read: cover(read), anonymous },
    webrtc: {
      ...whole.webrtc,
      iceServers: whole.webrtc.iceServers.map((server) => ({
        ...server,
        ...(server.credential === undefined ? {} : { credential: MASK }),
      })),
    },
    streams: Object.fromEntries(
      Object.entries(whole.streams).map(([name, stream]) => [
        name,
        stream.input?.kind === 'url'
          ? { ...stream, input: { ...stream.input, url: masked(stream.input.url) } }
          : stream,
      ]),
    ),
  };
}

/** Every setting as `listen.port: 8080`, with where it came from if asked for. */
export function printSettings(whole: Settings, origins?: ReadonlyMap<string, string>): string {
  const shown = maskSettings(whole) as unknown as Record<string, unknown>;
  const rows = fields.map(({ path }) => {
    const value = path.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], shown);
    return [`${dotted(path)}: ${flow(value)}`, origins?.get(dotted(path)) ?? ''] as const;
  });
  const width = Math.min(60, Math.max(...rows.map(([text]) => text.length)));
  return rows.map(([text, origin]) => (origin ? `${text.padEnd(width)}  # ${origin}` : text)).join('\n');
}
