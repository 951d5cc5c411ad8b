import { Nal, nalType, ParameterSets, START_CODE, splitAnnexB } from './nal.js';
import { PictureParts } from './parts.js';
import {
  type Depacketizer,
  MAX_PAYLOAD,
  type Packetizer,
  type Payload,
  type RtpPayload,
  type Unit,
} from './types.js';

/** Puts H.264 access units together (RFC 6184, packetization-mode 1: single NAL units, STAP-A, FU-A). */
export class H264Depacketizer extends PictureParts implements Depacketizer {
  readonly #sets = new ParameterSets();
  /** Types of the NAL units of this picture. */
  readonly #types = new Set<number>();
  /** Header byte of the NAL unit whose fragments are coming. */
  #fragmented: number | undefined;

  protected add({ payload }: RtpPayload): boolean {
    const type = nalType(payload);
    if (type === Nal.fuA) return this.#addFragment(payload);
    // The end of the fragments did not come.
    if (this.#fragmented !== undefined) return false;
    if (type === Nal.stapA) return this.#addAll(payload);
    if (type > Nal.stapA && type < 30) return false;
    return this.#addNal(payload);
  }

  #addNal(nal: Uint8Array): boolean {
    const type = nalType(nal);
    // Types that have no meaning yet are to be ignored; delimiters are of no use.
    if (type === 0 || type >= Nal.stapA || type === Nal.delimiter) return true;
    if (!this.#begins(nal[0]!, nal[1])) return false;
    this.#sets.note(nal);
    return this.keep(START_CODE, nal);
  }

  #addAll(payload: Uint8Array): boolean {
    for (let at = 1; at < payload.length; ) {
      const length = ((payload[at]! << 8) | (payload[at + 1] ?? 0)) >>> 0;
      const nal = payload.subarray(at + 2, at + 2 + length);
      if (length === 0 || nal.length < length || !this.#addNal(nal)) return false;
      at += 2 + length;
    }
    return true;
  }

  #addFragment(payload: Uint8Array): boolean {
    const [indicator, header] = payload;
    if (header === undefined || payload.length < 3) return false;
    const nalHeader = (indicator! & 0xe0) | (header & 31);
    const fragment = payload.subarray(2);
    if (header & 0x80) {
      const type = header & 31;
      if (this.#fragmented !== undefined || type === 0 || type >= Nal.stapA) return false;
      if (!this.#begins(nalHeader, fragment[0])) return false;
      this.#fragmented = nalHeader;
      this.keep(START_CODE, Uint8Array.of(nalHeader));
    } else if (((this.#fragmented ?? 0) & 31) !== (header & 31)) return false;
    if (header & 0x40) this.#fragmented = undefined;
    return this.keep(fragment);
  }

  /** Notes a NAL unit's type. @returns false when the picture's first slice is not its first: some went missing. */
  #begins(header: number, next: number | undefined): boolean {
    const type = header & 31;
    const isSlice = type === Nal.slice || type === Nal.idr;
    // A slice begins with the number of its first macroblock; zero is a single set bit.
    const opens = ((next ?? 0) & 0x80) !== 0;
    if (isSlice && !opens && !this.#types.has(Nal.slice) && !this.#types.has(Nal.idr)) return false;
    this.#types.add(type);
    return true;
  }

  protected finish(timestamp: number): Unit | undefined {
    const key = this.#types.has(Nal.idr);
    const isPicture = key || this.#types.has(Nal.slice);
    // Parameter sets that come by themselves are remembered; they are no picture.
    if (!isPicture) return undefined;
    const complete = this.#types.has(Nal.sps) && this.#types.has(Nal.pps);
    return { data: this.joined(key && !complete ? this.#sets.pieces() : []), timestamp, key };
  }

  protected override get closed(): boolean {
    return this.#fragmented === undefined;
  }

  protected override reset(): void {
    this.#types.clear();
    this.#fragmented = undefined;
  }
}

/** Cuts Annex B access units: small NAL units whole, parameter sets together (STAP-A), large ones in equal pieces (FU-A). */
export class H264Packetizer implements Packetizer {
  packetize(data: Uint8Array): Payload[] {
    const payloads: Uint8Array[] = [];
    let sets: Uint8Array[] = [];
    const flush = () => {
      if (sets.length) payloads.push(sets.length === 1 ? sets[0]!.slice() : together(sets));
      sets = [];
    };
    for (const nal of splitAnnexB(data)) {
      const type = nalType(nal);
      if (type === Nal.delimiter) continue;
      if (type === Nal.sps || type === Nal.pps) {
        if (stapSize([...sets, nal]) > MAX_PAYLOAD) flush();
        if (nal.length <= MAX_PAYLOAD) {
          sets.push(nal);
          continue;
        }
      }
      flush();
      if (nal.length <= MAX_PAYLOAD) payloads.push(nal.slice());
      else payloads.push(...fragments(nal));
    }
    flush();
    return payloads.map((payload, i) => ({ payload, marker: i === payloads.length - 1 }));
  }
}

const stapSize = (nals: readonly Uint8Array[]): number =>
  nals.reduce((sum, { length }) => sum + 2 + length, 1);

/** A STAP-A: one header, then each NAL unit behind its 16-bit length. */
function together(nals: readonly Uint8Array[]): Uint8Array {
  const payload = new Uint8Array(stapSize(nals));
  payload[0] = Math.max(...nals.map((nal) => nal[0]! & 0x60)) | Nal.stapA;
  let at = 1;
  for (const nal of nals) {
    payload[at] = nal.length >> 8;
    payload[at + 1] = nal.length & 0xff;
    payload.set(nal, at + 2);
    at += 2 + nal.length;
  }
  return payload;
}

/** The FU-As of a NAL unit. */
function fragments(nal: Uint8Array): Uint8Array[] {
  const header = nal[0]!;
  const body = nal.subarray(1);
  const count = Math.ceil(body.length / (MAX_PAYLOAD - 2));
  return Array.from({ length: count }, (_, i) => {
    const piece = body.subarray(
      Math.floor((i * body.length) / count),
      Math.floor(((i + 1) * body.length) / count),
    );
    const payload = new Uint8Array(2 + piece.length);
    payload[0] = (header & 0xe0) | Nal.fuA;
    payload[1] = (i === 0 ? 0x80 : 0) | (i === count - 1 ? 0x40 : 0) | (header & 31);
    payload.set(piece, 2);
    return payload;
  });
}
