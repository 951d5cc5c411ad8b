import type { AVPixelFormat, FFHWDeviceType } from 'node-av/constants';
import type { Frame, HardwareDeviceContext, HardwareFramesContext } from 'node-av/lib';
import type { Size } from '../../../models/pixels.js';
import { type Av, check } from '../av.js';
import type { HardwareEncoder, Surfaces } from './kinds.js';

/** FFmpeg's number of a pixel format. @throws Error where this build does not know it. */
export function pixelFormat(av: Av, name: string): AVPixelFormat {
  const format = av.avGetPixFmtFromName(name);
  if (format === av.C.AV_PIX_FMT_NONE) throw new Error(`FFmpeg knows no pixels named ${name}.`);
  return format;
}

/** Opens the device behind surfaces. @throws AvFailure where there is none. */
export function openDevice(av: Av, { device }: Surfaces): HardwareDeviceContext {
  const opened = new av.HardwareDeviceContext();
  const type = av.avGetHardwareDeviceTypeFromName(device as FFHWDeviceType);
  check(av, opened.create(type, null, null), `Cannot open the device of ${device}`);
  return opened;
}

/** How many pictures may lie in an encoder at once. */
const POOL = 20;

/** Brings pictures into the device's memory, for encoders that take them from there. */
export class Uploads implements Disposable {
  readonly frames: HardwareFramesContext;
  readonly format: AVPixelFormat;
  readonly #av: Av;
  readonly #device: HardwareDeviceContext;

  /** @throws AvFailure where the device or room in its memory is missing. */
  constructor(av: Av, { surfaces, pixels }: HardwareEncoder & { surfaces: Surfaces }, size: Size) {
    this.#av = av;
    this.#device = openDevice(av, surfaces);
    this.format = pixelFormat(av, surfaces.format);
    this.frames = new av.HardwareFramesContext();
    try {
      this.frames.alloc(this.#device);
      this.frames.format = this.format;
      this.frames.swFormat = pixelFormat(av, pixels);
      this.frames.width = size.width;
      this.frames.height = size.height;
      this.frames.initialPoolSize = POOL;
      check(av, this.frames.init(), 'Cannot get memory of the device');
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** The same picture in the device's memory. The caller frees both. */
  async upload(picture: Frame): Promise<Frame> {
    const surface = new this.#av.Frame();
    surface.alloc();
    try {
      check(this.#av, this.frames.getBuffer(surface, 0), 'Cannot get memory of the device');
      check(
        this.#av,
        await this.frames.transferData(surface, picture),
        'Cannot move a picture to the device',
      );
      check(this.#av, surface.copyProps(picture), 'Cannot describe a picture');
      surface.pictType = picture.pictType;
      return surface;
    } catch (error) {
      surface.free();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.frames.free();
    this.#device.free();
  }
}
