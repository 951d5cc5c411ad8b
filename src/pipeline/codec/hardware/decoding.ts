import type { AVCodecID, FFDecoderCodec } from 'node-av/constants';
import type { Codec, CodecContext, Frame, HardwareDeviceContext } from 'node-av/lib';
import type { VideoCodec } from '../../media.js';
import { type Av, AvFailure, check } from '../av.js';
import type { Hardware } from './hardware.js';
import { baseNames, type HardwareDecoder } from './kinds.js';
import { openDevice, pixelFormat } from './surfaces.js';

/** The decoder of a hardware that goes by a name of its own, or FFmpeg's own one that takes a device. */
export function decoderFor(av: Av, name: string, hardware: HardwareDecoder): Codec | undefined {
  const wanted = 'decoder' in hardware ? hardware.decoder : name;
  return av.Codec.findDecoderByName(wanted as FFDecoderCodec) ?? undefined;
}

/**
 * Pictures of a decoder in hardware, brought back into our memory. A stream that the device cannot decode is decoded
 * by the processor, as FFmpeg does by itself.
 */
export class Downloads implements Disposable {
  /** Pictures that came from the device. */
  fetched = 0;
  readonly #av: Av;
  readonly #device: HardwareDeviceContext | undefined;
  readonly #host: Frame;

  /** Prepares a context that is not open yet. @throws AvFailure where there is no such device. */
  constructor(av: Av, context: CodecContext, hardware: HardwareDecoder) {
    this.#av = av;
    this.#device = 'surfaces' in hardware ? openDevice(av, hardware.surfaces) : undefined;
    this.#host = new av.Frame();
    this.#host.alloc();
    if (!this.#device || !('surfaces' in hardware)) return;
    context.hwDeviceCtx = this.#device;
    context.setHardwarePixelFormat(pixelFormat(av, hardware.surfaces.format));
  }

  /** The picture in our memory: itself where it is, else a copy, valid until the next call. @throws AvFailure */
  async fetch(picture: Frame): Promise<Frame> {
    if (!picture.isHwFrame()) return picture;
    this.#host.unref();
    check(this.#av, await picture.hwframeTransferData(this.#host), 'Cannot fetch a picture from the device');
    check(this.#av, this.#host.copyProps(picture), 'Cannot describe a picture');
    this.fetched++;
    return this.#host;
  }

  [Symbol.dispose](): void {
    this.#host.free();
    this.#device?.free();
  }
}

/** A decoder that is open. */
export interface OpenDecoder {
  readonly context: CodecContext;
  readonly downloads: Downloads | undefined;
}

/**
 * Opens a decoder: by hardware where it proved itself for the codec, else by software. `open` sets the context up and
 * opens it; it is called again when hardware refuses.
 * @returns undefined when this build has no decoder.
 * @throws AvFailure when the software refuses.
 */
export async function openDecoder(
  av: Av,
  codecId: AVCodecID,
  hardware: Hardware | undefined,
  open: (context: CodecContext, codec: Codec) => Promise<void>,
): Promise<OpenDecoder | undefined> {
  const name = av.avGetCodecName(codecId);
  const codec = videoCodecs.find((known) => baseNames[known] === name);
  const found = codec && (await hardware?.decoder(codec));
  const decoder = found && decoderFor(av, baseNames[codec], found);
  if (decoder)
    try {
      return await openWith(av, decoder, found, open);
    } catch (error) {
      if (!(error instanceof AvFailure)) throw error;
      hardware?.note(`Hardware does not decode this ${codec}, so software does (${error.message}).`);
    }
  const software = av.Codec.findDecoder(codecId);
  return software ? openWith(av, software, undefined, open) : undefined;
}

const videoCodecs = Object.keys(baseNames) as VideoCodec[];

async function openWith(
  av: Av,
  codec: Codec,
  hardware: HardwareDecoder | undefined,
  open: (context: CodecContext, codec: Codec) => Promise<void>,
): Promise<OpenDecoder> {
  const context = new av.CodecContext();
  context.allocContext3(codec);
  let downloads: Downloads | undefined;
  try {
    downloads = hardware && new Downloads(av, context, hardware);
    await open(context, codec);
    return { context, downloads };
  } catch (error) {
    context.freeContext();
    downloads?.[Symbol.dispose]();
    throw error;
  }
}
