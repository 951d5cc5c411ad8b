/** OSC as bytes, as senders write what the library of the tests does not: doubles, longs, bundles in bundles. */

const bytes = (size: number, write: (buffer: Buffer) => void): Buffer => {
  const buffer = Buffer.alloc(size);
  write(buffer);
  return buffer;
};

export const int = (value: number): Buffer => bytes(4, (buffer) => buffer.writeInt32BE(value));
export const long = (value: number): Buffer => bytes(8, (buffer) => buffer.writeBigInt64BE(BigInt(value)));
export const float = (value: number): Buffer => bytes(4, (buffer) => buffer.writeFloatBE(value));
export const double = (value: number): Buffer => bytes(8, (buffer) => buffer.writeDoubleBE(value));

/** With at least one zero behind it, up to a multiple of four bytes. */
export function text(value: string): Buffer {
  const { length } = Buffer.from(value);
  return Buffer.concat([Buffer.from(value), Buffer.alloc(4 - (length % 4))]);
}

/** A message; its arguments are of the types that the tags name. */
export const packed = (address: string, tags: string, ...values: Buffer[]): Buffer =>
  Buffer.concat([text(address), text(`,${tags}`), ...values]);

/** A bundle to be done at once. */
export const bundled = (...parts: Buffer[]): Buffer =>
  Buffer.concat([text('#bundle'), long(1), ...parts.flatMap((part) => [int(part.length), part])]);
