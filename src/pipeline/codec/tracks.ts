import type { FormatContext, Packet, Stream } from 'node-av/lib';
import type { Container } from '../containers.js';
import type { Av } from './av.js';
import { nameOf } from './info.js';
import type { Muxer } from './mux.js';
import { SoundTranscoder } from './sound.js';
import { textConverter } from './subtitles.js';
import { canHold } from './trial.js';

/** Takes one stream of the source along. */
export interface Track {
  readonly from: Stream;
  /** Takes a packet of the stream, whose times are shifted already; leaves it to its owner. */
  put(packet: Packet): Promise<void>;
  /** The stream has ended. */
  end(): Promise<void>;
  close(): void;
}

/** Where a track leads, and who hears of what cannot come along. */
export interface TrackTarget {
  readonly av: Av;
  readonly muxer: Muxer;
  readonly container: Container;
  /** Gains a sentence for every stream that is converted or left out. */
  readonly notes: string[];
}

/** Adds a stream of the source to the muxer: as it is, converted, or not at all. */
export async function openTrack(target: TrackTarget, from: Stream): Promise<Track | undefined> {
  const { av, container } = target;
  const { C } = av;
  const kind = from.codecpar.codecType;
  const cover = (from.disposition & C.AV_DISPOSITION_ATTACHED_PIC) !== 0;
  if (kind === C.AVMEDIA_TYPE_VIDEO && !cover) return leave(target, from, 'only one video stream is painted');
  // QuickTime keeps chapters in a text track; they go along as chapters.
  if (kind === C.AVMEDIA_TYPE_DATA && from.codecpar.codecTagString === 'text') return undefined;
  if (await canHold(av, container, from)) return copy(target, from);
  if (kind === C.AVMEDIA_TYPE_AUDIO) return transcode(target, from);
  if (kind === C.AVMEDIA_TYPE_SUBTITLE) return convert(target, from);
  return leave(target, from, `${container.format} files cannot hold it`);
}

function leave({ av, notes }: TrackTarget, from: Stream, why: string): undefined {
  notes.push(`Stream ${from.index} (${nameOf(av, from)}) is left out: ${why}.`);
}

/** Packets go untouched. Another kind of container has other tags for the same codec. */
function copy({ av, muxer }: TrackTarget, from: Stream): Track {
  const to = muxer.addStream();
  from.codecpar.copy(to.codecpar);
  if (from.codecpar.codecType !== av.C.AVMEDIA_TYPE_DATA) to.codecpar.codecTag = 0;
  describeLike(av, to, from);
  to.timeBase = from.timeBase;
  return {
    from,
    put: (packet) => muxer.write(packet, to, from.timeBase),
    end: async () => {},
    close: () => {},
  };
}

async function transcode(target: TrackTarget, from: Stream): Promise<Track | undefined> {
  const { av, muxer, container, notes } = target;
  const transcoder = await SoundTranscoder.open(av, from, container, muxer.wantsGlobalHeader);
  if (!transcoder) return leave(target, from, 'it can neither be copied nor converted');
  const to = muxer.addStream();
  to.codecpar.fromContext(transcoder.encoder);
  to.codecpar.codecTag = 0;
  to.timeBase = transcoder.encoder.timeBase;
  describeLike(av, to, from);
  const name = av.avGetCodecName(to.codecpar.codecId);
  notes.push(
    `Stream ${from.index} (${nameOf(av, from)}) becomes ${name}, as ${container.format} files cannot hold it.`,
  );
  const take = (packet: Packet) => muxer.write(packet, to, transcoder.encoder.timeBase);
  return {
    from,
    put: (packet) => transcoder.put(packet, take),
    end: () => transcoder.end(take),
    close: () => transcoder[Symbol.dispose](),
  };
}

function convert(target: TrackTarget, from: Stream): Track | undefined {
  const { av, muxer, container, notes } = target;
  const converter = textConverter(av, from.codecpar.codecId, container);
  if (!converter) return leave(target, from, `${container.format} files cannot hold it`);
  const to = muxer.addStream();
  to.codecpar.codecType = av.C.AVMEDIA_TYPE_SUBTITLE;
  to.codecpar.codecId = converter.codecId;
  to.timeBase = new av.Rational(1, 1000);
  describeLike(av, to, from);
  const name = av.avGetCodecName(converter.codecId);
  notes.push(`Stream ${from.index} (${nameOf(av, from)}) becomes ${name}, without its styling.`);
  return {
    from,
    put: async (packet) => {
      const text = converter.convert(packet.data ?? Buffer.alloc(0));
      if (!text) return;
      const { pts, dts, duration } = packet;
      // Giving a packet new data takes all else from it.
      packet.data = text;
      Object.assign(packet, { pts, dts, duration, isKeyframe: true });
      await muxer.write(packet, to, from.timeBase);
    },
    end: async () => {},
    close: () => {},
  };
}

/** A stream's own description for the new file: tags, language, disposition. */
export function describeLike(av: Av, to: Stream, from: Stream): void {
  to.metadata = av.Dictionary.fromObject(tagsOf(from));
  to.disposition = from.disposition;
}

/** Tags that describe the old file's bytes and not what they mean. */
const ofTheFile =
  /^(major_brand|minor_version|compatible_brands|encoder|duration|rotate|bps|number_of_(frames|bytes)|_statistics.*|vendor_id)(-\w+)?$/i;

/** The tags of a file or stream that are still true of a new one. */
export function tagsOf({ metadata }: FormatContext | Stream): Record<string, string> {
  const all = Object.entries(metadata?.getAll() ?? {});
  return Object.fromEntries(all.filter(([key]) => !ofTheFile.test(key)));
}
