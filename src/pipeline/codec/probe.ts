import type { FFEncoderCodec } from 'node-av/constants';

/** What node-av brings, for `livebrush doctor`. */
export interface CodecProbe {
  readonly present: boolean;
  /** Such as `8.1-Jellyfin`. */
  readonly version?: string;
  /** Encoders in software that sinks use. */
  readonly encoders: readonly string[];
  readonly missing: readonly string[];
  readonly why?: string;
}

const WANTED = ['libx264', 'libx265', 'libvpx-vp9', 'libsvtav1', 'aac', 'libopus'];

/** Loads node-av and looks its codecs up; a package that does not load is not an error but the answer. */
export async function probeCodecs(): Promise<CodecProbe> {
  try {
    const { Codec, getFFmpegInfo } = await import('node-av/lib');
    const has = (name: string) => Codec.findEncoderByName(name as FFEncoderCodec) !== null;
    return {
      present: true,
      version: getFFmpegInfo().version,
      encoders: WANTED.filter(has),
      missing: WANTED.filter((name) => !has(name)),
    };
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return { present: false, encoders: [], missing: WANTED, why };
  }
}
