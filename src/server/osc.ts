import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { Server } from 'node-osc';
import { z } from 'zod';
import { BadInput, CannotWrite, codeOf, LivebrushError, Usage } from '../errors.js';
import { log } from '../log.js';
import { type ChangeInput, change } from './protocol.js';
import type { Sessions } from './sessions.js';

type Value = unknown;
type Read = (values: readonly Value[]) => ChangeInput;

/** One OSC address, below `/livebrush/{stream}/`. */
export interface OscAddress {
  readonly name: string;
  /** Its arguments, in words. */
  readonly takes: string;
  readonly does: string;
  readonly read: Read;
}

const fade = (ms: Value): Pick<ChangeInput, 'fadeMs'> => (ms === undefined ? {} : { fadeMs: ms as number });
/** `wave 0.7 scream 0.3` as shares. */
function pairs(values: readonly Value[]): { style: string; weight: number }[] {
  if (values.length < 2 || values.length % 2 !== 0)
    throw new BadInput('A mix is pairs of a style and its weight.');
  const shares = Array.from({ length: values.length / 2 }, (_, i) => ({
    style: values[2 * i] as string,
    weight: values[2 * i + 1] as number,
  }));
  return shares.filter(({ weight }) => weight !== 0);
}

/** Every address, once: what is understood and what `/api/osc` tells of. */
export const addresses: readonly OscAddress[] = [
  {
    name: 'style',
    takes: 'name [fadeMs]',
    does: 'paints in a style',
    read: ([style, ms]) => ({ style: style as string, ...fade(ms) }),
  },
  {
    name: 'mix',
    takes: 'name weight name weight …',
    does: 'paints in a mix of styles',
    read: (values) => ({ style: pairs(values) }),
  },
  {
    name: 'cycle',
    takes: 'everyFrames name name …',
    does: 'takes the next style every so many frames',
    read: ([everyFrames, ...styles]) => ({
      cycle: { everyFrames: everyFrames as number, styles: styles as string[] },
    }),
  },
  {
    name: 'strength',
    takes: '0..1 [fadeMs]',
    does: 'sets how much of the painting shows',
    read: ([strength, ms]) => ({ strength: strength as number, ...fade(ms) }),
  },
  {
    name: 'color',
    takes: '0..1 [fadeMs]',
    does: 'sets how much of the source’s colours stays',
    read: ([keepColor, ms]) => ({ keepColor: keepColor as number, ...fade(ms) }),
  },
  {
    name: 'steady',
    takes: '0..1',
    does: 'sets how much of the painting is held where nothing moves',
    read: ([steady]) => ({ steady: steady as number }),
  },
  {
    name: 'show',
    takes: 'paint, bypass or blackout',
    does: 'shows the painting, the source or black',
    read: ([show]) => ({ show: show as 'paint' }),
  },
];

/** Which stream a message is for and what it changes there. @throws BadInput, Usage */
export function readOsc([address, ...values]: readonly Value[]): {
  stream: string;
  change: z.infer<typeof change>;
} {
  const [, stream, name] = /^\/livebrush\/([^/]{1,64})\/([a-z]+)$/i.exec(String(address)) ?? [];
  const known = addresses.find((one) => one.name === name);
  if (!stream || !known)
    throw new Usage(`OSC: ${JSON.stringify(String(address).slice(0, 100))} is no address here.`);
  const read = change.safeParse(known.read(values));
  if (read.success) return { stream, change: read.data };
  throw new BadInput(`OSC: ${known.name} takes ${known.takes}: ${z.prettifyError(read.error).slice(0, 200)}`);
}

/** node-osc shares its port with whoever else asks to share it: two servers would each hear half of the messages. */
async function assertFree(host: string, port: number): Promise<void> {
  const probe = createSocket('udp4');
  try {
    probe.bind(port, host);
    await once(probe, 'listening');
  } catch (cause) {
    throw new CannotWrite(`OSC cannot listen on ${host}:${port} (${codeOf(cause) ?? String(cause)}).`, {
      cause,
      hint: 'Choose another osc.port.',
    });
  } finally {
    await new Promise<void>((resolve) => probe.close(() => resolve()));
  }
}

/** Messages a second that are listened to. */
const MOST = 500;

/**
 * Takes changes of streams' looks over UDP. Nobody is answered: what is wrong is in the log.
 * @throws CannotWrite when the port is taken.
 */
export async function openOsc(
  { host, port }: { readonly host: string; readonly port: number },
  sessions: Pick<Sessions, 'get'>,
): Promise<AsyncDisposable & { readonly port: number }> {
  await assertFree(host, port);
  const server = new Server(port, host);
  let count = 0;
  const quota = setInterval(() => {
    count = 0;
  }, 1000).unref();
  const take = async (message: readonly Value[]) => {
    if (++count > MOST) return;
    try {
      const { stream, change: wanted } = readOsc(message);
      await sessions.get(stream).change(wanted);
    } catch (error) {
      if (error instanceof LivebrushError) log.info(error.message);
      else log.error({ err: error }, 'an OSC message failed');
    }
  };
  server.on('message', (message: Value[]) => void take(message));
  server.on('bundle', (bundle: { elements?: readonly unknown[] }) => {
    for (const element of (bundle.elements ?? []).slice(0, 100))
      if (Array.isArray(element)) void take(element);
  });
  await once(server, 'listening');
  server.on('error', (error) => log.debug({ err: error }, 'an OSC packet is none'));
  return {
    port: server._sock.address().port,
    async [Symbol.asyncDispose]() {
      clearInterval(quota);
      await server.close();
    },
  };
}
