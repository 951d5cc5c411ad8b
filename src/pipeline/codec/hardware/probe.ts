import { Hardware, type HardwareOptions } from './hardware.js';
import { type HardwareName, hardwareKinds } from './kinds.js';

/** What a family of codecs in hardware did on this machine. */
export interface HardwareProbe {
  readonly name: HardwareName;
  /** Whether H.264 went through it right: files, viewers, and back. */
  readonly file: boolean;
  readonly live: boolean;
  readonly decodes: boolean;
}

/** Tries every family that this system may have, for `livebrush doctor`. */
export function probeHardware(options: HardwareOptions = {}): Promise<readonly HardwareProbe[]> {
  const kinds = options.kinds ?? hardwareKinds();
  return Promise.all(
    kinds.map(async ({ name }) => {
      const hardware = new Hardware(name, { ...options, kinds });
      const file = (await hardware.file('h264')) !== undefined;
      const live = (await hardware.live()) !== undefined;
      const decodes = (await hardware.decoder('h264')) !== undefined;
      return { name, file, live, decodes };
    }),
  );
}
