import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { Denied, TooLarge } from '../errors.js';
import { inWords } from '../models/files.js';
import { errorBody } from './answers.js';
import { allows } from './auth.js';
import type { Ctx, Env } from './parts.js';
import type { Role } from './protocol.js';

export type App = OpenAPIHono<Env>;

/** What a route answers: JSON by a schema, another media type, or nothing. */
export interface Answer {
  readonly description: string;
  readonly schema?: z.ZodType;
  readonly type?: string;
}

/** A route of the API, with all that its description says. */
export interface RouteSpec<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly method: 'get' | 'put' | 'post' | 'patch' | 'delete';
  /** With `{parts}` in braces. */
  readonly path: string;
  /** What a token must allow. */
  readonly role: Role;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly params?: P;
  readonly query?: Q;
  /** A JSON body and the most bytes that it may have. */
  readonly body?: { readonly schema: B; readonly maxBytes: number };
  /** Media types of a body that is no JSON; its handler reads and bounds it. */
  readonly raw?: readonly string[];
  readonly answers: Readonly<Record<number, Answer>>;
}

/** What a handler is given: all checked. */
export interface Given<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly params: z.output<P>;
  readonly query: z.output<Q>;
  readonly body: z.output<B>;
}

/** Lets those pass whose token allows it. */
export const need =
  (role: Role): MiddlewareHandler<Env> =>
  async (c, next) => {
    const has = c.get('role');
    if (!allows(has, role))
      throw !c.get('known')
        ? new Denied('This needs a token.', { hint: 'Send it as "Authorization: Bearer …".' })
        : new Denied(`This needs a token for ${role}, and this one is for ${has}.`);
    await next();
  };

/** Refuses a body of more than so many bytes, however it is sent. */
export const within = (maxBytes: number): MiddlewareHandler =>
  bodyLimit({
    maxSize: maxBytes,
    onError: () => {
      throw new TooLarge(`The request is too large: ${inWords(maxBytes)} are allowed.`);
    },
  });

const json = (schema: z.ZodType) => ({ 'application/json': { schema } });
const binary = z.string().openapi({ format: 'binary' });

const content = ({ schema, type }: Answer) =>
  schema ? { content: json(schema) } : type ? { content: { [type]: { schema: binary } } } : {};

/** Adds a route and its description. */
export function route<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType>(
  app: App,
  spec: RouteSpec<P, Q, B>,
  handle: (c: Ctx, given: Given<P, Q, B>) => Response | Promise<Response>,
): void {
  const { method, path, role, tag, summary, description, params, query, body, raw, answers } = spec;
  const taken = body
    ? { content: json(body.schema), required: true }
    : raw && { content: Object.fromEntries(raw.map((type) => [type, { schema: binary }])), required: true };
  const described = createRoute({
    method,
    path,
    summary,
    ...(description ? { description } : {}),
    tags: [tag],
    ...(role === 'none' ? {} : { security: [{ bearer: [] }] }),
    'x-role': role,
    request: {
      ...(params ? { params: params as never } : {}),
      ...(query ? { query: query as never } : {}),
      ...(taken ? { body: taken } : {}),
    },
    middleware: body ? [need(role), within(body.maxBytes)] : [need(role)],
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, answer]) => [
          status,
          { description: answer.description, ...content(answer) },
        ]),
      ),
      default: { description: 'It cannot be done.', content: json(errorBody) },
    },
  });
  app.openapi(described, ((c: Ctx) => {
    const valid = (target: string) => c.req.valid(target as never);
    return handle(c, {
      params: params ? valid('param') : undefined,
      query: query ? valid('query') : undefined,
      body: body ? valid('json') : undefined,
    } as Given<P, Q, B>);
  }) as never);
}
