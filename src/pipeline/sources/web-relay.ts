import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as requestHttp,
  type Server,
  type ServerResponse,
} from 'node:http';
import { request as requestHttps, Agent as SecureAgent } from 'node:https';
import { type AddressInfo, isIP, type LookupFunction } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { BadInput, LivebrushError, NotFound } from '../../errors.js';
import { masked } from '../address.js';

/** Lets an address of the web pass. @returns the addresses of its host. @throws LivebrushError where it may not be asked. */
export type Admit = (address: string) => Promise<readonly string[]>;

/** Ends the names that stand for https: FFmpeg asks the relay without encryption, and the relay asks with it. */
const SECURE = '.https.invalid';
const SIX = '.v6';
/** A playlist is read whole; one with a day of segments has some hundred kilobytes. */
const LIST_BYTES = 8e6;
const LIST = '#EXTM3U';
/** Of one connection, as RFC 9110, 7.6.1 has them, and what the relay says itself. */
const OWN = /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|accept-encoding)$/;

/** `https://a.example:8443/x` as `http://a.example.8443.https.invalid/x`. */
function plainly(user: string, host: string, port: string | undefined): string {
  const six = host.startsWith('[');
  const name = six ? host.slice(1, -1).replaceAll(':', '-') + SIX : host;
  return `http://${user}${name}.${port ?? 443}${SECURE}`;
}

const AUTHORITY = String.raw`([^\s"/?#@]*@)?(\[[0-9a-f:.]+\]|[^\s"/?#@:,]+)(?::(\d+))?`;
const ADDRESS = new RegExp(`^https://${AUTHORITY}`, 'i');
/** Where a playlist names an address: a line, or the attribute of a tag. */
const NAMED = new RegExp(`(^|URI="?)https://${AUTHORITY}`, 'gim');
const NAMED_BY_HOST = new RegExp(`(^|URI="?)(?:https:)?//${AUTHORITY}`, 'gim');

const plainAddress = (address: string): string =>
  address.replace(ADDRESS, (_, user = '', host, port) => plainly(user, host, port));

/** A playlist whose addresses the relay is asked for. What it does not know for one stays, and FFmpeg refuses it. */
const plainList = (text: string, secure: boolean): string =>
  text.replace(
    secure ? NAMED_BY_HOST : NAMED,
    (_, before, user = '', host, port) => before + plainly(user, host, port),
  );

/** What the relay is asked for; undefined where that is no address of the web. */
function addressOf(target: string): URL | undefined {
  if (!/^http:\/\//i.test(target) || !URL.canParse(target)) return undefined;
  const url = new URL(target);
  if (!url.hostname.endsWith(SECURE)) return url;
  const name = url.hostname.slice(0, -SECURE.length);
  const dot = name.lastIndexOf('.');
  const host = name.slice(0, dot);
  const named = host.endsWith(SIX) ? `[${host.slice(0, -SIX.length).replaceAll('-', ':')}]` : host;
  const address = `https://${named}:${name.slice(dot + 1)}${url.pathname}${url.search}`;
  return URL.canParse(address) ? new URL(address) : undefined;
}

/** Asks at these addresses alone: a name may lead elsewhere the next time it is looked up. */
const lookupOf =
  (addresses: readonly string[]): LookupFunction =>
  (_, { all }, done) => {
    const found = addresses.map((address) => ({ address, family: isIP(address) }));
    const [first] = found;
    if (all) done(null, found);
    else done(first ? null : new Error('There is no address.'), first?.address ?? '', first?.family);
  };

const kept = (headers: IncomingHttpHeaders): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN.test(name)));

/**
 * Through what FFmpeg asks the web where not all of it may be asked: a proxy of this machine alone, which lets each address
 * pass or not, those that a playlist names and those that an answer redirects to among them. FFmpeg cannot do that by
 * itself: it hands nothing on to playlists but the proxy, and never asks anybody but the proxy then.
 */
export class WebRelay implements AsyncDisposable {
  readonly #admit: Admit;
  readonly #secure: boolean;
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));
  readonly #agents = { http: new Agent({ keepAlive: true }), https: new SecureAgent({ keepAlive: true }) };
  /** What FFmpeg opens in place of the address. */
  readonly address: string;
  /** Why the last address that failed did. */
  problem: LivebrushError | undefined;

  private constructor(address: string, admit: Admit) {
    this.#admit = admit;
    this.#secure = /^https:/i.test(address);
    this.address = plainAddress(address);
  }

  /** @param address that is opened: what an https one names has to be https too. */
  static async open(address: string, admit: Admit): Promise<WebRelay> {
    const relay = new WebRelay(address, admit);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    // FFmpeg would ask the hosts in it by itself.
    delete process.env.no_proxy;
    return relay;
  }

  get #port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What FFmpeg is told besides the address. */
  get options(): Readonly<Record<string, string>> {
    return { http_proxy: `http://127.0.0.1:${this.#port}`, protocol_whitelist: 'http,tcp,crypto' };
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = addressOf(request.url ?? '');
    try {
      if (!url || request.method !== 'GET') throw new BadInput('The relay is asked for what is no address.');
      await this.#pass(url, request, response);
    } catch (error) {
      if (error instanceof LivebrushError) this.problem = error;
      else if (url && !response.headersSent)
        this.problem = new NotFound(`${masked(url.href)} does not answer.`, { cause: error });
      if (response.headersSent) response.destroy();
      else response.writeHead(error instanceof LivebrushError ? 403 : 502).end();
    }
  }

  async #pass(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const secure = url.protocol === 'https:';
    if (this.#secure && !secure)
      throw new BadInput(`${masked(url.href)} is not encrypted, and what leads there is.`);
    const lookup = lookupOf(await this.#admit(url.href));
    const ask = secure ? requestHttps : requestHttp;
    const agent = secure ? this.#agents.https : this.#agents.http;
    const headers = { ...kept(request.headers), 'accept-encoding': 'identity' };
    const asked = ask(url, { agent, headers, lookup }).end();
    response.once('close', () => asked.destroy());
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    const told = kept(answer.headers);
    if (told.location) told.location = plainAddress(new URL(told.location, url).href);
    const status = answer.statusCode ?? 502;
    if (status >= 300) {
      response.writeHead(status, told);
      return pipeline(answer, response);
    }
    const chunks = answer[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const head = await gathered(chunks, LIST.length);
    if (head.toString('latin1', 0, LIST.length) !== LIST) {
      response.writeHead(status, told);
      if (head.length > 0) response.write(head);
      return pipeline(rest(chunks), response);
    }
    const whole = Buffer.concat([head, await gathered(chunks, LIST_BYTES)]);
    if (whole.length > LIST_BYTES) throw new BadInput(`${masked(url.href)} is too long for a playlist.`);
    const list = Buffer.from(plainList(whole.toString('latin1'), secure), 'latin1');
    const { 'content-range': _, ...others } = told;
    response.writeHead(200, { ...others, 'content-length': String(list.length) }).end(list);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    for (const agent of Object.values(this.#agents)) agent.destroy();
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** At least so many bytes, or all there are. */
async function gathered(chunks: AsyncIterator<Buffer>, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let sum = 0; sum < bytes; ) {
    const { done, value } = await chunks.next();
    if (done) break;
    parts.push(value);
    sum += value.length;
  }
  return Buffer.concat(parts);
}

async function* rest(chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  for (;;) {
    const { done, value } = await chunks.next();
    if (done) return;
    yield value;
  }
}
