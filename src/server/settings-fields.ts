import type { z } from 'zod';
import { settings } from './settings.js';

/** One setting. */
export interface Field {
  /** `['listen', 'port']`. */
  readonly path: readonly string[];
  readonly schema: z.ZodType;
  readonly standard: unknown;
  readonly description: string | undefined;
}

/** The schema inside `default`, `prefault` and `optional`. */
function bare(schema: z.ZodType): z.ZodType {
  const { def } = schema as unknown as { def: { innerType?: z.ZodType } };
  return def.innerType ? bare(def.innerType) : schema;
}

const shapeOf = (schema: z.ZodType) => (bare(schema) as Partial<z.ZodObject>).shape;

function walk(schema: z.ZodType, path: readonly string[]): Field[] {
  const shape = shapeOf(schema);
  if (shape) return Object.entries(shape).flatMap(([key, inner]) => walk(inner as z.ZodType, [...path, key]));
  return [{ path, schema, standard: schema.parse(undefined), description: schema.description }];
}

/** Every setting, in the order of the schema. A list or a map is one setting. */
export const fields: readonly Field[] = walk(settings, []);

/** `listen.port`. */
export const dotted = (path: readonly PropertyKey[]): string => path.map(String).join('.');

/** The setting that a path leads to or into: `streams.stage.input` is in `streams`. */
export function fieldAt(path: readonly PropertyKey[]): Field | undefined {
  return fields.find((field) => field.path.every((key, i) => key === path[i]));
}

/** Keys that may stand below a path that is a group of settings; undefined where it is none. */
export function keysBelow(path: readonly string[]): string[] | undefined {
  const below = fields.filter(
    (field) => field.path.length > path.length && path.every((key, i) => key === field.path[i]),
  );
  return below.length > 0 ? [...new Set(below.map((field) => field.path[path.length]!))] : undefined;
}

/** `LIVEBRUSH_WEBRTC_UDP_PORTS` for `webrtc.udpPorts`. */
export const envName = (path: readonly string[]): string =>
  `LIVEBRUSH_${path.map((key) => key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()).join('_')}`;
