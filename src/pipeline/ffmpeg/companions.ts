import { Interrupted } from '../../errors.js';
import type { Container } from '../containers.js';
import { storable } from '../storable.js';
import { allowedOnly, fileUrl } from './allow.js';
import { checkFile } from './check-file.js';
import { argumentsOf } from './command.js';
import { type Cut, timing, trimming } from './cut.js';
import { nameOf, videoStream } from './info.js';
import { type Probed, type ProbedStream, probe } from './probe.js';
import { IsolatedProcess } from './process.js';
import { type Ffmpeg, hasEncoder } from './tool.js';

/** How one stream of the source goes along. */
interface Track {
  readonly from: ProbedStream;
  /** Output options, for the stream of this number. */
  readonly codec: (to: number, cut: Cut) => readonly string[];
}

/** Everything of a file but its moving picture, on its way into another. */
export interface Companions {
  readonly path: string;
  readonly probed: Probed;
  readonly main: ProbedStream | undefined;
  readonly tracks: readonly Track[];
  /** What cannot go along or is converted. */
  readonly notes: readonly string[];
}

/**
 * Looks at a file and decides how its streams go along: untouched where the container can hold them, converted where
 * it cannot, else left out with a note.
 * @throws NotFound, BadInput, Unsupported, Interrupted
 */
export async function planCompanions(
  tool: Ffmpeg,
  path: string,
  container: Container,
  signal?: AbortSignal,
): Promise<Companions> {
  await checkFile(path);
  const probed = await probe(tool, path, { signal });
  const main = videoStream(probed);
  const notes: string[] = [];
  const leave = (from: ProbedStream, why: string) =>
    void notes.push(`Stream ${from.index} (${nameOf(from)}) is left out: ${why}.`);
  const others = probed.streams.filter((stream) => stream.index !== main?.index && !isChapterText(stream));
  const extra = others.filter((stream) => stream.codec_type === 'video' && !stream.disposition?.attached_pic);
  for (const stream of extra) leave(stream, 'only one video stream is painted');
  const wanted = others.filter((stream) => !extra.includes(stream));
  const tracks: Track[] = [];
  const holds = (streams: readonly ProbedStream[]) => canHold(tool, path, container, { streams, signal });
  const allAtOnce = wanted.length > 0 && (await holds(wanted));
  for (const from of wanted) {
    if (allAtOnce || (await holds([from]))) tracks.push({ from, codec: copied });
    else {
      const conversion = await convert(tool, from, container, signal);
      if (typeof conversion === 'string') leave(from, conversion);
      else {
        tracks.push({ from, codec: conversion.codec });
        notes.push(`Stream ${from.index} (${nameOf(from)}) becomes ${conversion.note}.`);
      }
    }
  }
  return { path, probed, main, tracks, notes };
}

/** Untouched, sound before 0 that primes its decoder included. */
const copied = (to: number): readonly string[] => [`-c:${to}`, 'copy', `-copypriorss:${to}`, '1'];

/** QuickTime keeps chapters in a text track; they go along as chapters. */
const isChapterText = ({ codec_type, codec_tag_string }: ProbedStream): boolean =>
  codec_type === 'data' && codec_tag_string === 'text';

/** Whether streams can be copied into a kind of file: asked by writing one without packets, too. */
async function canHold(
  tool: Ffmpeg,
  path: string,
  container: Container,
  { streams, signal }: { streams: readonly ProbedStream[]; signal?: AbortSignal },
): Promise<boolean> {
  if (!streams.every(({ codec_name = '' }) => storable(container, codec_name))) return false;
  const maps = streams.flatMap(({ index }) => ['-map', `0:${index}`]);
  const args = await argumentsOf((command) =>
    command
      .input(fileUrl(path))
      .inputOptions('-nostdin', '-hide_banner', '-loglevel', 'level+error', ...allowedOnly)
      .outputOptions(...maps, '-c', 'copy', '-t', '0', '-map_chapters', '-1', '-y', '-f', container.format)
      // In the process's own folder, which goes with it.
      .output('file:trial'),
  );
  await using child = await IsolatedProcess.start(tool.ffmpeg, args, { signal, limitMs: 60_000 });
  child.stdout.resume();
  const { code } = await child.ended;
  if (signal?.aborted) throw new Interrupted();
  return code === 0;
}

/** Bits a second for each channel. */
const BIT_RATE = { libopus: 64_000, aac: 96_000 };
/** Text formats that can be turned into one another, by the name of their decoder's codec. */
const TEXTS = ['mov_text', 'subrip', 'text', 'webvtt', 'ass', 'ssa'];
const TEXT_OF: Readonly<Record<string, { readonly encoder: string; readonly name: string }>> = {
  mp4: { encoder: 'mov_text', name: 'mov_text' },
  mov: { encoder: 'mov_text', name: 'mov_text' },
  matroska: { encoder: 'srt', name: 'subrip' },
  webm: { encoder: 'webvtt', name: 'webvtt' },
};

interface Conversion extends Pick<Track, 'codec'> {
  /** What becomes of the stream, for people. */
  readonly note: string;
}

/** How a stream gets into a container that does not hold it as it is, or why it does not. */
async function convert(
  tool: Ffmpeg,
  from: ProbedStream,
  { format }: Container,
  signal?: AbortSignal,
): Promise<Conversion | string> {
  if (from.codec_type === 'audio') {
    const encoder = format === 'webm' ? 'libopus' : 'aac';
    if (!(await hasEncoder(tool, encoder, signal))) return 'it can neither be copied nor converted';
    const channels = (from.channels ?? 2) > 2 ? 6 : (from.channels ?? 2);
    const rate = encoder === 'libopus' ? 48_000 : Math.min(from.sample_rate ?? 48_000, 96_000);
    const note = `${encoder === 'libopus' ? 'opus' : 'aac'}, as ${format} files cannot hold it`;
    const sound = (to: number, cut: Cut) => [
      ...[`-c:${to}`, encoder, `-b:${to}`, `${BIT_RATE[encoder] * channels}`],
      ...[`-ac:${to}`, `${channels}`, `-ar:${to}`, `${rate}`],
      // Gaps become silence, so that sound stays with the picture.
      ...[`-filter:${to}`, [...trimming(cut), 'aresample=async=1'].join(',')],
    ];
    return { codec: sound, note };
  }
  const text = TEXT_OF[format];
  if (from.codec_type === 'subtitle' && text && TEXTS.includes(from.codec_name ?? ''))
    return { codec: (to) => [`-c:${to}`, text.encoder], note: `${text.name}, without its styling` };
  return `${format} files cannot hold it`;
}

/** Tags that describe the old file's bytes and not what they mean. */
const ofTheFile =
  /^(major_brand|minor_version|compatible_brands|encoder|duration|rotate|bps|number_of_(frames|bytes)|_statistics.*|vendor_id)(-\w+)?$/i;

/** Options that take a stream's (or, without one, the file's) description along, but for such tags. */
function describeLike(specifier: string, tags: Readonly<Record<string, string>> | undefined): string[] {
  const stale = Object.keys(tags ?? {}).filter((key) => ofTheFile.test(key));
  return stale.flatMap((key) => [`-metadata${specifier}`, `${key}=`]);
}

const dispositionOf = ({ disposition = {} }: ProbedStream): string =>
  Object.keys(disposition)
    .filter((name) => disposition[name])
    .join('+') || '0';

/** Output options for all that goes along; the source is input 1. */
export function companionOptions({ probed, main, tracks }: Companions, cut: Cut): string[] {
  const video = main
    ? [
        '-map_metadata:s:0',
        `1:s:${main.index}`,
        ...describeLike(':s:0', main.tags),
        '-disposition:0',
        dispositionOf(main),
      ]
    : [];
  const others = tracks.flatMap(({ from, codec }, i) => [
    ...['-map', `1:${from.index}`, ...codec(i + 1, cut), ...timing(from, i + 1, codec(i + 1, cut), cut)],
    ...[`-map_metadata:s:${i + 1}`, `1:s:${from.index}`, ...describeLike(`:s:${i + 1}`, from.tags)],
    ...[`-disposition:${i + 1}`, dispositionOf(from)],
  ]);
  return [
    '-map_metadata',
    '1',
    ...describeLike('', probed.format.tags),
    '-map_chapters',
    '1',
    ...video,
    ...others,
  ];
}
