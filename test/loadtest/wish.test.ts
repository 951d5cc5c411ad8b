import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Conflict, Denied, LivebrushError, NotFound, Overloaded, TooMany } from '../../src/errors.js';
import { asked, pause } from '../../src/loadtest/wish.js';

const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function serving(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const refusing = (status: number, headers: Record<string, string> = {}) =>
  serving((_, response) => {
    response.writeHead(status, headers);
    response.end(
      JSON.stringify({ error: { code: 'x', message: `Refused with ${status}.`, hint: 'A hint.' } }),
    );
  });

describe('a request to the server', () => {
  it.each([
    [401, Denied],
    [403, Denied],
    [404, NotFound],
    [409, Conflict],
    [503, Overloaded],
    [500, LivebrushError],
  ])('that is refused with %s is an error of its class, in the words of the server', async (status, kind) => {
    const url = await refusing(status, { 'retry-after': '7' });
    const error = await asked({ url, token: undefined }, '/x').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ message: `Refused with ${status}.`, hint: 'A hint.' });
    if (error instanceof Overloaded) expect(error.retryAfterS).toBe(7);
  });

  it('carries the token, its body and its type', async () => {
    const seen: unknown[] = [];
    const url = await serving(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      const { authorization, 'content-type': type } = request.headers;
      seen.push([request.method, request.url, authorization, type, body]);
      response.writeHead(201, { location: '/there' }).end('answer');
    });
    const ask = { method: 'POST', type: 'application/sdp', body: 'offer' };
    const { status, text, headers } = await asked({ url, token: 'secret-token' }, '/a/whip', ask);
    expect([status, text, headers.location]).toEqual([201, 'answer', '/there']);
    expect(seen).toEqual([['POST', '/a/whip', 'Bearer secret-token', 'application/sdp', 'offer']]);
  });

  it('that comes too often is asked again after a while', async () => {
    let count = 0;
    const url = await serving((_, response) => {
      count++;
      if (count < 3) response.writeHead(429, { 'retry-after': '0' }).end();
      else response.end('at last');
    });
    expect((await asked({ url, token: undefined }, '/x')).text).toBe('at last');
    expect(count).toBe(3);
  });

  it('that comes too often can be given up meanwhile', async () => {
    const url = await refusing(429, { 'retry-after': '3600' });
    const control = new AbortController();
    const asking = asked({ url, token: undefined }, '/x', { signal: control.signal });
    setTimeout(() => control.abort(new TooMany('Enough.')), 100);
    await expect(asking).rejects.toThrow('Enough.');
  });

  it('is told in one sentence where something else listens there, or nobody', async () => {
    const url = await serving((_, response) => response.writeHead(502).end('<html>Bad Gateway</html>'));
    await expect(asked({ url, token: undefined }, '/x')).rejects.toThrow(
      'GET /x was answered with status 502.',
    );
    const gone = await serving(() => {});
    open[1]!.closeAllConnections();
    await new Promise((resolve) => open[1]!.close(resolve));
    const error = await asked({ url: gone, token: undefined }, '/x').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      message: `The server at ${gone} does not answer (ECONNREFUSED).`,
      hint: expect.stringContaining('livebrush serve'),
    });
  });
});

describe('a pause', () => {
  it('ends early when it is called off', async () => {
    const control = new AbortController();
    const waiting = pause(60_000, control.signal);
    control.abort(new Error('called off'));
    await expect(waiting).rejects.toThrow('called off');
    await expect(pause(60_000, control.signal)).rejects.toThrow('called off');
    await pause(1);
  });
});
