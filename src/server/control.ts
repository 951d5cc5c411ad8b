import type { WebSocket } from 'ws';
import type { ZodError } from 'zod';
import { Denied, LivebrushError } from '../errors.js';
import { log } from '../log.js';
import { liveNow } from '../pipeline/live.js';
import { statusOf } from './failures.js';
import {
  type ClientMessage,
  clientMessage,
  type ErrorCode,
  type Role,
  type ServerMessage,
} from './protocol.js';
import type { Session } from './session.js';
import type { Sessions } from './sessions.js';

/** What a control socket is opened with. */
export interface ControlContext {
  readonly sessions: Sessions;
  readonly stream: string;
  readonly version: string;
  /** What the handshake allows: `none` where a token has to follow. */
  readonly role: Role;
  /** Whether the handshake had a token, so that none has to follow. */
  readonly shown: boolean;
  /** What a token allows. @throws Denied */
  checkToken(token: string): Role | Promise<Role>;
}

/** How long a client without a token may take to send one, in milliseconds. */
const AUTH_MS = 5000;
const STATS_MS = 1000;
/** A client is asked this often whether it is there, and given up when it has not answered by the next time. */
const HEARTBEAT_MS = 15_000;
/** Bytes that may wait for a client: beyond the first number it gets no statistics, beyond the second it is closed. */
const [SLOW, TOO_SLOW] = [1e6, 4e6];
/** Wrong messages within a time, in milliseconds, that close the socket. */
const [MOST_WRONG, WRONG_MS] = [20, 10_000];
/** Messages a second, and in a burst. */
const [PER_SECOND, BURST] = [120, 240];

/** Close codes: going away, policy, slow; and those of our own for a missing token and for a stream that was removed. */
export const CLOSED = { goingAway: 1001, policy: 1008, slow: 1013, denied: 4401, gone: 4404 } as const;

/** One client of a stream's control socket. */
class Control {
  #role: Role;
  /** What may be heard and changed; none for who may only publish. */
  #session: Session | undefined;
  /** The stream whose end closes the socket. */
  #followed: Session | undefined;
  #subscription: Disposable | undefined;
  #stats: NodeJS.Timeout | undefined;
  #wrong: number[] = [];
  #tokens = BURST;
  #refilled = performance.now();
  #alive = true;
  /** Messages are answered in the order they came. */
  #turn: Promise<void> = Promise.resolve();
  #waiting = 0;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #patience: NodeJS.Timeout;

  constructor(
    readonly socket: WebSocket,
    readonly context: ControlContext,
  ) {
    this.#role = context.role;
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#patience = setTimeout(() => this.#impatient(), AUTH_MS);
    socket.on('pong', () => {
      this.#alive = true;
    });
    socket.on('message', (data, binary) => this.#take(binary ? undefined : String(data)));
    socket.on('error', (error) => log.debug({ err: error }, 'a control socket broke'));
    socket.on('close', () => this.#end());
    if (this.#role !== 'none' && !this.#mayRise) this.#greet();
  }

  /** Whether who may only read has no stream to read from yet, and may send the token of someone who may begin it. */
  get #mayRise(): boolean {
    const { role, shown, sessions, stream } = this.context;
    return role === 'read' && !shown && sessions.find(stream) === undefined;
  }

  #take(text: string | undefined): void {
    if (!this.#afford()) {
      this.#refuse('too-many', 'Too many messages a second.');
      return;
    }
    const message = this.#read(text);
    if (!message) return;
    if (this.#waiting >= BURST) {
      this.#refuse(
        'too-many',
        'Too many messages wait for their answer.',
        'id' in message ? message.id : undefined,
      );
      return;
    }
    this.#waiting++;
    this.#turn = this.#turn.then(() => this.#answer(message)).finally(() => this.#waiting--);
  }

  #read(text: string | undefined): ClientMessage | undefined {
    let raw: unknown;
    try {
      raw = JSON.parse(text ?? '');
    } catch {
      this.#wrongOne(undefined, 'The message is not JSON.');
      return undefined;
    }
    const read = clientMessage.safeParse(raw);
    if (read.success) return read.data;
    const id = (raw as { id?: unknown } | null)?.id;
    const usable = typeof id === 'string' && id.length > 0 && id.length <= 64 ? id : undefined;
    this.#wrongOne(usable, sentenceOf(read.error));
    return undefined;
  }

  async #answer(message: ClientMessage): Promise<void> {
    const id = 'id' in message ? message.id : undefined;
    try {
      if (message.type === 'auth') return await this.#authenticate(message.token);
      if (!this.#followed) throw notYet();
      if (message.type === 'ping') return this.#pong(message.id);
      if (!this.#session) throw mayOnlyPublish();
      await this.#do(message, this.#session);
    } catch (error) {
      if (!(error instanceof LivebrushError)) log.error({ err: error }, 'a control message failed');
      const ours = error instanceof LivebrushError ? error : new LivebrushError('That did not work.');
      this.#refuse(codeOf(ours), ours.message, id, ours.hint);
    }
  }

  async #do(message: Exclude<ClientMessage, { type: 'auth' | 'ping' }>, session: Session): Promise<void> {
    switch (message.type) {
      case 'change': {
        this.#assertAdmin();
        const { type: _, id, ...change } = message;
        this.#send({ type: 'accepted', id: await session.change(change, id) });
        return;
      }
      case 'set': {
        this.#assertAdmin();
        const { type: _, id, ...settings } = message;
        session.set(settings);
        if (id) this.#send({ type: 'accepted', id });
        return;
      }
      case 'cancel':
        this.#assertAdmin();
        if (session.cancel(message.id)) this.#send({ type: 'accepted', id: message.id });
        else this.#refuse('not-found', 'There is no such change waiting.', message.id);
        return;
      case 'stats':
        this.#telemetry(message.on);
    }
  }

  #pong(id: string | undefined): void {
    this.#send({ type: 'pong', ...(id ? { id } : {}), timestamp: liveNow() });
  }

  #assertAdmin(): void {
    if (this.#role !== 'admin')
      throw new Denied('Changing a look needs an admin token.', { hint: 'Send one with {"type": "auth"}.' });
  }

  async #authenticate(token: string): Promise<void> {
    try {
      this.#role = await this.context.checkToken(token);
    } catch (error) {
      if (!(error instanceof LivebrushError)) throw error;
      this.#refuse(codeOf(error), error.message, undefined, error.hint);
      if (!this.#followed) this.socket.close(CLOSED.denied, 'denied');
      return;
    }
    this.#greet();
  }

  #greet(): void {
    clearTimeout(this.#patience);
    const { sessions, stream, version } = this.context;
    try {
      this.#followed = this.#role === 'admin' ? sessions.open(stream) : sessions.get(stream);
    } catch (error) {
      if (!(error instanceof LivebrushError)) throw error;
      this.#refuse(codeOf(error), error.message, undefined, error.hint);
      this.socket.close(CLOSED.policy, 'no such stream');
      return;
    }
    this.#followed.over.addEventListener('abort', this.#over);
    if (this.#role === 'publish') {
      // It hears the end alone: else its publisher would come back by itself and make the stream anew.
      const { message, hint } = mayOnlyPublish();
      this.#refuse('denied', message, undefined, hint);
      return;
    }
    this.#session = this.#followed;
    this.#subscription ??= this.#session.on((message) => this.#tell(message));
    this.#send({ type: 'hello', version, role: this.#role, stream: this.#session.info() });
  }

  #telemetry(on: boolean): void {
    clearInterval(this.#stats);
    if (on) this.#stats = setInterval(() => this.#session && this.#tell(this.#session.stats()), STATS_MS);
  }

  /** Something that nobody asked for just now; left out where the client is slow. */
  #tell(message: ServerMessage): void {
    const { bufferedAmount } = this.socket;
    if (bufferedAmount > TOO_SLOW) {
      this.socket.close(CLOSED.slow, 'too slow');
      this.socket.terminate();
    } else if (bufferedAmount < SLOW || message.type === 'applied') this.#send(message);
  }

  #send(message: ServerMessage): void {
    if (this.socket.readyState === this.socket.OPEN) this.socket.send(JSON.stringify(message));
  }

  #refuse(code: ErrorCode, message: string, id?: string, hint?: string): void {
    this.#send({ type: 'error', ...(id ? { id } : {}), code, message, ...(hint ? { hint } : {}) });
  }

  #wrongOne(id: string | undefined, message: string): void {
    this.#refuse('bad-request', message, id);
    const now = performance.now();
    this.#wrong = [...this.#wrong.filter((at) => now - at < WRONG_MS), now];
    if (this.#wrong.length >= MOST_WRONG) this.socket.close(CLOSED.policy, 'too many wrong messages');
  }

  #afford(): boolean {
    const now = performance.now();
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#refilled) * PER_SECOND) / 1000);
    this.#refilled = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  #beat(): void {
    if (!this.#alive || this.socket.bufferedAmount > TOO_SLOW) this.socket.terminate();
    this.#alive = false;
    if (this.socket.readyState === this.socket.OPEN) this.socket.ping();
  }

  #impatient(): void {
    if (this.#followed) return;
    if (this.#role === 'none') {
      this.#refuse('denied', 'No token came.');
      this.socket.close(CLOSED.denied, 'no token');
    } else this.#greet();
  }

  /** The stream is over: removed, if the server goes on. */
  readonly #over = (): void => {
    const { sessions, stream } = this.context;
    if (sessions.find(stream) === this.#followed)
      this.socket.close(CLOSED.goingAway, 'the server is closing');
    else this.socket.close(CLOSED.gone, 'the stream was removed');
  };

  #end(): void {
    this.#followed?.over.removeEventListener('abort', this.#over);
    clearInterval(this.#heartbeat);
    clearTimeout(this.#patience);
    clearInterval(this.#stats);
    this.#subscription?.[Symbol.dispose]();
  }
}

const notYet = () => new Denied('Send {"type": "auth", "token": …} first.');
const mayOnlyPublish = () =>
  new Denied('A token to publish does not allow to control.', {
    hint: `The socket tells the end of the stream alone: it closes with ${CLOSED.gone} when that is removed.`,
  });

/** What is wrong with a message: where, and what was wanted. */
function sentenceOf(error: ZodError): string {
  const [issue] = error.issues;
  const where = issue?.path.length ? `${issue.path.join('.')}: ` : '';
  return `The message is not understood: ${where}${issue?.message ?? 'it is none of ours'}.`.slice(0, 400);
}

/** Serves one client of a stream's control socket until it closes. */
export function openControl(socket: WebSocket, context: ControlContext): void {
  new Control(socket, context);
}

/** The reason of an error, for programs; someone with a token may know that a thing is not there. */
const codeOf = (error: unknown): ErrorCode => statusOf(error, true)[1];
