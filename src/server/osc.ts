import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { z } from 'zod';
import { BadInput, CannotWrite, codeOf, LivebrushError, Usage } from '../errors.js';
import { log } from '../log.js';
import { type OscMessage, readPacket } from './osc-packet.js';
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

/** @throws CannotWrite when the port is taken. */
async function bound(host: string, port: number): Promise<Socket> {
  const socket = createSocket('udp4');
  try {
    socket.bind(port, host);
    await once(socket, 'listening');
    return socket;
  } catch (cause) {
    socket.close();
    throw new CannotWrite(`OSC cannot listen on ${host}:${port} (${codeOf(cause) ?? String(cause)}).`, {
      cause,
      hint: 'Choose another osc.port.',
    });
  }
}

/** Messages a second that are listened to, and of one packet. */
const [MOST, MOST_TOGETHER] = [500, 100];

/**
 * Takes changes of streams' looks over UDP. Nobody is answered: what is wrong is in the log.
 * @throws CannotWrite when the port is taken.
 */
export async function openOsc(
  { host, port }: { readonly host: string; readonly port: number },
  sessions: Pick<Sessions, 'get'>,
): Promise<AsyncDisposable & { readonly port: number }> {
  const socket = await bound(host, port);
  let count = 0;
  const quota = setInterval(() => {
    count = 0;
  }, 1000).unref();
  const tell = (error: unknown) => {
    if (error instanceof LivebrushError) log.info(error.message);
    else log.error({ err: error }, 'an OSC message failed');
  };
  const take = async (message: OscMessage) => {
    try {
      const { stream, change: wanted } = readOsc(message);
      await sessions.get(stream).change(wanted);
    } catch (error) {
      tell(error);
    }
  };
  socket.on('message', (packet) => {
    if (count >= MOST) return;
    try {
      for (const message of readPacket(packet).slice(0, MOST_TOGETHER))
        if (++count <= MOST) void take(message);
    } catch (error) {
      // Counts as well: what is none of OSC shall not fill the log.
      count++;
      tell(error);
    }
  });
  socket.on('error', (error) => log.debug({ err: error }, 'the OSC socket has an error'));
  return {
    port: socket.address().port,
    async [Symbol.asyncDispose]() {
      clearInterval(quota);
      await new Promise<void>((resolve) => socket.close(() => resolve()));
    },
  };
}
