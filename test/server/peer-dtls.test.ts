import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Handshake, InOrder, keepInOrder } from '../../src/server/peer-dtls.js';
import { closeConnection, loadWerift, type Werift } from '../../src/server/peer-werift.js';

const message = (message_seq: number, msg_type = 11): Handshake => ({ message_seq, msg_type });
const hello = (seq: number) => message(seq, 1);
const finished = (seq: number) => message(seq, 20);

describe('messages of a handshake', () => {
  it('are handled once each and in order, however they come', () => {
    const flight = Array.from({ length: 6 }, (_, i) => message(i));
    const coming = fc
      .array(fc.constantFrom(...flight), { maxLength: 12 })
      .chain((more) => fc.shuffledSubarray([...flight, ...more], { minLength: 6 + more.length }));
    fc.assert(
      fc.property(coming, (messages) => {
        const order = new InOrder();
        expect(messages.flatMap((one) => order.take([one], false))).toEqual(flight);
      }),
    );
  });

  it('come through twice where werift answers by repeating its own: greetings and the end', () => {
    const order = new InOrder();
    expect(order.take([hello(0), hello(1), message(2), finished(3)], false)).toHaveLength(4);
    expect(order.take([hello(1), message(2), finished(3)], false)).toEqual([hello(1), finished(3)]);
  });

  it('do not begin anew what is connected, but repeat its end', () => {
    const order = new InOrder();
    order.take([hello(0), hello(1), message(2), finished(3)], false);
    expect(order.take([hello(0), hello(4), finished(3)], true)).toEqual([finished(3)]);
  });

  it('wait in no greater number than a handshake has', () => {
    const order = new InOrder();
    for (let seq = 1; seq < 1000; seq++) expect(order.take([message(seq)], false)).toEqual([]);
    expect(order.take([message(0)], false).length).toBeLessThan(20);
  });
});

/** Two connections of werift's own, the first of which greets; `lose` says which datagrams of its DTLS are lost. */
async function handshake(werift: typeof Werift, lose: (type: number, count: number) => boolean) {
  const open = () =>
    new werift.RTCPeerConnection({
      iceServers: [],
      iceUseIpv4: false,
      iceUseIpv6: false,
      iceAdditionalHostAddresses: ['127.0.0.1'],
      iceInterfaceAddresses: { udp4: '127.0.0.1' },
    });
  const [server, client] = [open(), open()];
  onTestFinished(async () => {
    await Promise.all([closeConnection(server), closeConnection(client)]);
  });
  server.addTransceiver('audio');
  await server.setLocalDescription(await server.createOffer());
  await client.setRemoteDescription(server.localDescription!);
  await client.setLocalDescription(await client.createAnswer());
  const [ours] = server.dtlsTransports;
  keepInOrder(ours!);
  const counts = new Map<number, number>();
  const [theirs] = client.dtlsTransports;
  theirs!.onStateChange.subscribe((state) => {
    if (state !== 'connecting') return;
    queueMicrotask(() => {
      const { socket } = (theirs!.dtls as unknown as { transport: { socket: { send: Send } } }).transport;
      const send = socket.send;
      socket.send = (bytes, ...rest) => {
        // The type of a message, or 0 for what is encrypted already and for a change of cipher.
        const type = bytes[0] === 22 && bytes.readUInt16BE(3) === 0 ? bytes[13]! : 0;
        const count = (counts.get(type) ?? 0) + 1;
        counts.set(type, count);
        return lose(type, count) ? Promise.resolve() : send(bytes, ...rest);
      };
    });
  });
  const connected = new Promise<void>((resolve) =>
    ours!.onStateChange.subscribe((state) => {
      if (state === 'connected') resolve();
    }),
  );
  await server.setRemoteDescription(client.localDescription!);
  await connected;
  return counts;
}
type Send = (bytes: Buffer, ...rest: unknown[]) => Promise<void>;

const [ENCRYPTED, CERTIFICATE, KEY_EXCHANGE] = [0, 11, 16];

describe('a handshake of which datagrams are lost', () => {
  it.each([
    ['the end, so that the key exchange is repeated', ENCRYPTED],
    ['the key exchange, so that what follows it comes first', KEY_EXCHANGE],
    ['the certificate, so that the key exchange comes first', CERTIFICATE],
  ])(
    'succeeds where it is %s',
    async (_, lost) => {
      const counts = await handshake(await loadWerift(), (type, count) => {
        // The first of what is encrypted is the change of cipher, the second the end.
        return type === lost && count <= (lost === ENCRYPTED ? 2 : 1);
      });
      expect(counts.get(KEY_EXCHANGE)).toBeGreaterThan(1);
    },
    60_000,
  );
});
