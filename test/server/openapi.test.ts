import { describe, expect, it } from 'vitest';
import { asked } from './app-doubles.js';

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly responses: Readonly<Record<string, { readonly description: string }>>;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly security?: unknown;
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Record<string, unknown>; readonly securitySchemes: object };
}

const { ask, app } = asked();
const document = (await (await ask('/openapi.json')).json()) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

describe('the description of the API', () => {
  it('is OpenAPI 3.1 and tells of every route of the API', () => {
    expect(document.openapi).toBe('3.1.0');
    const described = operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`);
    const routes = app.routes
      .filter(
        ({ method, path }) => method !== 'ALL' && path.startsWith('/api/') && !path.endsWith('/control'),
      )
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`);
    for (const route of new Set(routes)) expect(described).toContain(route);
  });

  it('declares every part of a path, and answers of every operation', () => {
    for (const { path, operation } of operations) {
      const parts = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      const declared = (operation.parameters ?? []).filter((it) => it.in === 'path').map(({ name }) => name);
      expect([path, [...declared].sort()]).toEqual([path, parts.sort()]);
      expect(Object.keys(operation.responses).some((status) => /^2\d\d$/.test(status))).toBe(true);
      for (const response of Object.values(operation.responses)) expect(response.description).not.toBe('');
      expect(operation.summary).not.toBe('');
    }
  });

  it('refers to nothing that is not there', () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref!);
    expect(refs.length).toBeGreaterThan(10);
    for (const ref of refs) {
      const found = ref
        .replace(/^#\//, '')
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
      expect([ref, typeof found]).toEqual([ref, 'object']);
    }
  });

  it('holds the bounds of the protocol', () => {
    const body = JSON.stringify(document.paths['/api/streams/{stream}/look']?.patch);
    expect(body).toContain('"maximum":1');
    expect(body).toContain('"fadeMs"');
    expect(JSON.stringify(document.paths['/api/streams/{stream}/input']?.put)).toContain('"demo"');
  });
});
