import type { Frame } from 'node-av/lib';
import type { Pixels } from '../../../models/pixels.js';
import { frame as frameOf } from '../../frame.js';
import type { VideoCodec } from '../../media.js';
import { type Av, check, isDry, loadAv } from '../av.js';
import { FromPixels, ToPixels } from '../color.js';
import { PictureEncoder } from '../encode.js';
import { LiveDecoder } from '../live-decode.js';
import { LiveEncoder } from '../live-encode.js';
import { Downloads, decoderFor } from './decoding.js';
import { baseNames, type HardwareDecoder, type HardwareEncoder } from './kinds.js';
import { pixelFormat } from './surfaces.js';

/** What shall prove itself. Plain data. */
export type Trial =
  | { readonly kind: 'file'; readonly codec: VideoCodec; readonly encoder: HardwareEncoder }
  | { readonly kind: 'live'; readonly encoder: HardwareEncoder }
  | { readonly kind: 'decode'; readonly codec: VideoCodec; readonly decoder: HardwareDecoder };

/** Why it failed; without `why` it works. */
export interface Verdict {
  readonly why?: string;
}

const SIZE = { width: 640, height: 360 };
const PICTURES = 12;
const FPS = 25;
/** Decibels of the peak signal-to-noise ratio that each picture must keep: far below what looks good, far above wrong. */
const LEAST_PSNR = 30;
const LIVE_BITRATE = 4_000_000;
/** The picture that is asked to be a key picture. */
const KEY = 7;

/** Codes a short film and compares. Drivers may crash: call it in a process of its own. Never rejects. */
export async function tryHardware(trial: Trial): Promise<Verdict> {
  try {
    const av = await loadAv();
    if (trial.kind === 'file') await tryFile(av, trial.codec, trial.encoder);
    else if (trial.kind === 'live') await tryLive(trial.encoder);
    else await tryDecoder(av, trial.codec, trial.decoder);
    return {};
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
}

/** Soft shapes that move, in all colours. */
function picture(index: number): Pixels {
  const { width, height } = SIZE;
  const area = width * height;
  const data = new Uint8Array(3 * area);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      data[i] = 128 + 90 * Math.sin((x + 6 * index) / 41);
      data[area + i] = 128 + 90 * Math.sin((y - 4 * index) / 29);
      data[2 * area + i] = 128 + 90 * Math.cos((x + y) / 53);
    }
  return { ...SIZE, data };
}

function psnr(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return 10 * Math.log10((255 * 255 * a.length) / Math.max(sum, 1e-9));
}

function compare(index: number, shown: Pixels): void {
  const decibels = psnr(picture(index).data, shown.data);
  if (decibels < LEAST_PSNR)
    throw new Error(`its pictures come out wrong (${decibels.toFixed(0)} dB from what went in)`);
}

interface Coded {
  readonly packets: readonly { readonly data: Buffer; readonly pts: bigint; readonly dts: bigint }[];
  readonly parameters: InstanceType<Av['CodecParameters']>;
}

/** The film as packets. */
async function encode(av: Av, codec: VideoCodec, hardware?: HardwareEncoder): Promise<Coded> {
  using encoder = await PictureEncoder.open(av, {
    ...SIZE,
    codec,
    timeBase: { num: 1, den: FPS },
    frameRate: { num: FPS, den: 1 },
    pixelAspect: { num: 1, den: 1 },
    globalHeader: true,
    reorder: true,
    ...(hardware && { hardware }),
  });
  if (!encoder) throw new Error('this build of FFmpeg lacks it');
  using fromPixels = new FromPixels(av, SIZE, encoder.pixels);
  const packets: { data: Buffer; pts: bigint; dts: bigint }[] = [];
  const keep = async ({ data, pts, dts }: { data: Buffer | null; pts: bigint; dts: bigint }) => {
    if (data) packets.push({ data: Buffer.from(data), pts, dts });
  };
  for (let index = 0; index < PICTURES; index++) {
    const yuv = await fromPixels.convert(picture(index));
    yuv.pts = BigInt(index);
    yuv.duration = 1n;
    await encoder.encode(yuv, keep);
    yuv.free();
  }
  await encoder.encode(null, keep);
  const parameters = new av.CodecParameters();
  parameters.alloc();
  check(av, parameters.fromContext(encoder.context), 'Cannot describe the film');
  return { packets, parameters };
}

/** Decodes the film and compares every picture. Returns how many came from the device. */
async function decode(
  av: Av,
  codec: VideoCodec,
  { packets, parameters }: Coded,
  hardware?: HardwareDecoder,
): Promise<number> {
  const software = () => av.Codec.findDecoder(parameters.codecId) ?? undefined;
  const decoder = hardware ? decoderFor(av, baseNames[codec], hardware) : software();
  if (!decoder) throw new Error('this build of FFmpeg lacks it');
  const context = new av.CodecContext();
  context.allocContext3(decoder);
  check(av, context.parametersToContext(parameters), 'Cannot set up the decoder');
  context.pktTimebase = new av.Rational(1, FPS);
  using downloads = hardware && new Downloads(av, context, hardware);
  check(av, await context.open2(decoder, null), 'Cannot open the decoder');
  using toPixels = new ToPixels(av, SIZE);
  const frame = new av.Frame();
  frame.alloc();
  const packet = new av.Packet();
  packet.alloc();
  let shown = 0;
  const receive = async () => {
    for (;;) {
      frame.unref();
      const got = await context.receiveFrame(frame);
      if (isDry(got)) return;
      check(av, got, 'Cannot decode');
      const here: Frame = downloads ? await downloads.fetch(frame) : frame;
      compare(shown++, await toPixels.convert(here));
    }
  };
  try {
    for (const { data, pts, dts } of packets) {
      Object.assign(packet, { data, pts, dts });
      check(av, await context.sendPacket(packet), 'Cannot decode');
      packet.unref();
      await receive();
    }
    check(av, await context.sendPacket(null), 'Cannot decode');
    await receive();
    if (shown !== PICTURES) throw new Error(`of ${PICTURES} pictures ${shown} came out`);
    return hardware && 'decoder' in hardware ? shown : (downloads?.fetched ?? 0);
  } finally {
    packet.free();
    frame.free();
    context.freeContext();
  }
}

async function tryFile(av: Av, codec: VideoCodec, encoder: HardwareEncoder): Promise<void> {
  await decode(av, codec, await encode(av, codec, encoder));
}

async function tryDecoder(av: Av, codec: VideoCodec, decoder: HardwareDecoder): Promise<void> {
  const fetched = await decode(av, codec, await encode(av, codec), decoder);
  if (fetched === 0) throw new Error('the device cannot decode it');
}

async function tryLive(encoder: HardwareEncoder): Promise<void> {
  pixelFormat(await loadAv(), encoder.pixels);
  const options = { bitrate: LIVE_BITRATE, fps: FPS };
  await using live = await LiveEncoder.open('h264', { ...options, fixed: encoder });
  await using decoder = await LiveDecoder.open('h264');
  for (let index = 0; index < PICTURES; index++) {
    const frame = frameOf(picture(index), (index * 1e6) / FPS);
    const unit = await live.encode(frame, { key: index === KEY });
    frame[Symbol.dispose]();
    if (!unit) throw new Error('it keeps pictures back');
    const key = index === 0 || index === KEY;
    if (key && !unit.key) throw new Error('it makes no key picture when asked');
    if (unit.key) checkHeaders(unit.data);
    const shown = await decoder.decode(unit);
    if (!shown) throw new Error('its packets cannot be decoded one by one');
    compare(index, shown);
    shown[Symbol.dispose]();
  }
}

/** NAL units of H.264 (ITU-T H.264, 7.4.1): headers must come with a key picture, in a profile that viewers agreed to. */
const SPS = 7;
const PPS = 8;
const BASELINE = 66;

function checkHeaders(data: Uint8Array): void {
  const found = new Map<number, number>();
  for (let i = 0; i + 4 < data.length; i++)
    if (data[i] === 0 && data[i + 1] === 0 && data[i + 2] === 1) found.set(data[i + 3]! & 31, i + 4);
  const sps = found.get(SPS);
  if (sps === undefined || !found.has(PPS)) throw new Error('its key pictures lack their headers');
  if (data[sps] !== BASELINE) throw new Error(`it cannot be held to the baseline profile (${data[sps]})`);
}
