/** NAL unit types of H.264 (7.4.1) and payload types of RFC 6184 that matter here. */
export const Nal = { slice: 1, idr: 5, sps: 7, pps: 8, delimiter: 9, stapA: 24, fuA: 28 } as const;

/** In front of each NAL unit of an Annex B stream. */
export const START_CODE: Uint8Array = Uint8Array.of(0, 0, 0, 1);

export const nalType = (nal: Uint8Array): number => nal[0]! & 31;

/** The NAL units of an Annex B stream, without start codes; views of `data`. */
export function splitAnnexB(data: Uint8Array): Uint8Array[] {
  const units: Uint8Array[] = [];
  let start = -1;
  const close = (end: number) => {
    // Zeros before a start code belong to it: no NAL unit ends in one.
    while (end > start && data[end - 1] === 0) end--;
    if (start >= 0 && end > start) units.push(data.subarray(start, end));
  };
  for (let i = 0; i + 2 < data.length; ) {
    const third = data[i + 2]!;
    if (third > 1) i += 3;
    else if (third === 1 && data[i] === 0 && data[i + 1] === 0) {
      close(i);
      i += 3;
      start = i;
    } else i++;
  }
  close(data.length);
  return units;
}

/** The unsigned Exp-Golomb number at the front of `bytes`; undefined when there is none below 2^16. */
function expGolomb(bytes: Uint8Array): number | undefined {
  const word = ((bytes[0] ?? 0) << 24) | ((bytes[1] ?? 0) << 16) | ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
  const zeros = Math.clz32(word);
  if (bytes.length === 0 || zeros > 15) return undefined;
  return (word >>> (31 - 2 * zeros)) - 1;
}

/** Most bytes of a parameter set that is worth remembering; real ones have some dozens. */
const MAX_PARAMETER_SET = 1024;

/** Remembers the newest parameter sets of a stream by their ids: some senders send them apart from key pictures, once. */
export class ParameterSets {
  readonly #sps = new Map<number, Uint8Array>();
  readonly #pps = new Map<number, Uint8Array>();

  /** Takes note of an SPS or PPS; others, and such as make no sense, are left alone. */
  note(nal: Uint8Array): void {
    if (nal.length > MAX_PARAMETER_SET) return;
    if (nalType(nal) === Nal.sps) {
      // Profile, constraints and level come before the id.
      const id = expGolomb(nal.subarray(4, 8));
      if (id !== undefined && id < 32) this.#sps.set(id, nal);
    } else if (nalType(nal) === Nal.pps) {
      const id = expGolomb(nal.subarray(1, 5));
      if (id !== undefined && id < 256) this.#pps.set(id, nal);
    }
  }

  /** All of them as Annex B pieces, SPS first. */
  pieces(): Uint8Array[] {
    return [...this.#sps.values(), ...this.#pps.values()].flatMap((nal) => [START_CODE, nal]);
  }
}
