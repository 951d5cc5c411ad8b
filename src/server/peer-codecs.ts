import { Unsupported } from '../errors.js';
import { allOf, type Section } from './sdp.js';

/** A codec of an offer, with the lines that describe it. */
export interface Codec {
  /** `h264`, `vp8`, `opus`, `rtx`. */
  readonly name: string;
  readonly payload: number;
  /** Parameters of its fmtp line. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly lines: readonly string[];
}

/**
 * Feedback that is used here. Not `ccm fir`, which asks for key pictures in a way that is not understood; of publishers
 * `transport-cc`, from which they learn what their network carries; of viewers `goog-remb`, in which they tell it.
 */
const FEEDBACK = { publish: ['nack', 'nack pli', 'transport-cc'], read: ['nack', 'nack pli', 'goog-remb'] };

/** Codecs of an m-line in the order of the offer, damaged ones left out. */
function codecsOf(section: Section, part: 'publish' | 'read'): Codec[] {
  const maps = allOf(section.attributes, 'rtpmap');
  return section.formats.flatMap((format) => {
    const payload = Number(format);
    if (!/^\d{1,3}$/.test(format) || payload > 127) return [];
    const map = maps
      .map((value) => /^(\d+) ([\w.-]+)\/(\d{1,6})(\/\d)?$/.exec(value))
      .find((it) => it?.[1] === format);
    if (!map) return [];
    const own = (name: string) =>
      allOf(section.attributes, name)
        .filter((value) => value.startsWith(`${format} `))
        .map((value) => value.slice(format.length + 1).trim());
    const [parameters] = own('fmtp');
    const feedback = own('rtcp-fb').filter(
      (value) => section.kind === 'video' && FEEDBACK[part].includes(value),
    );
    const name = map[2]!.toLowerCase();
    return [
      {
        name,
        payload,
        parameters: parametersOf(parameters ?? ''),
        lines: [
          `a=rtpmap:${payload} ${map[2]}/${map[3]}${map[4] ?? ''}`,
          ...(name === 'rtx' ? [] : [...new Set(feedback)].map((value) => `a=rtcp-fb:${payload} ${value}`)),
          ...(parameters && /^[\x20-\x7e]{1,512}$/.test(parameters)
            ? [`a=fmtp:${payload} ${parameters}`]
            : []),
        ],
      },
    ];
  });
}

const parametersOf = (text: string): Map<string, string> =>
  new Map(
    text.split(';').map((pair) => {
      const [name, ...value] = pair.trim().split('=');
      return [name!.toLowerCase(), value.join('=')];
    }),
  );

/** How well an H.264 variant suits: the lower the better, undefined where it cannot be used. */
function h264Rank({ parameters }: Codec, part: 'publish' | 'read'): number | undefined {
  const fragmented = parameters.get('packetization-mode') === '1';
  const profile = (parameters.get('profile-level-id') ?? '42e01f').toLowerCase();
  if (!/^[0-9a-f]{6}$/.test(profile)) return undefined;
  // What is sent is baseline in fragments. What is received may be anything with 4:2:0 and 8 bits.
  if (part === 'read' && !fragmented) return undefined;
  const order = ['42e0', '42c0', '4200', '4d', '64'];
  const rank = order.findIndex((start) => profile.startsWith(start));
  if (rank < 0 && !profile.startsWith('42')) return undefined;
  return (rank < 0 ? order.length : rank) + (fragmented ? 0 : 10);
}

/**
 * The one codec for pictures: of publishers the first that they name, of viewers H.264, which costs the server least.
 * @throws Unsupported where there is neither H.264 nor VP8.
 */
export function pictureCodecOf(section: Section, part: 'publish' | 'read'): Codec {
  const codecs = codecsOf(section, part).filter(({ lines }) => /\/90000$/.test(lines[0]!));
  const h264 = codecs
    .filter(({ name }) => name === 'h264')
    .map((codec) => ({ codec, rank: h264Rank(codec, part) }))
    .filter(({ rank }) => rank !== undefined)
    .sort((one, other) => one.rank! - other.rank!)[0]?.codec;
  const vp8 = codecs.find(({ name }) => name === 'vp8');
  const first = codecs.find(({ name }) => (name === 'h264' && h264) || name === 'vp8')?.name;
  const codec = part === 'publish' && first === 'vp8' ? vp8 : (h264 ?? vp8);
  if (!codec) throw new Unsupported('The offer has neither H.264 nor VP8, the codecs that work here.');
  return codec;
}

/** The retransmission format of a codec, if it is offered. */
export const rtxOf = (section: Section, { payload }: Codec): Codec | undefined =>
  codecsOf(section, 'publish').find(
    ({ name, parameters }) => name === 'rtx' && parameters.get('apt') === String(payload),
  );

/** @throws Unsupported where an audio m-line has no Opus. */
export function opusOf(section: Section): Codec {
  const codec = codecsOf(section, 'publish').find(
    ({ name, lines }) => name === 'opus' && lines[0]!.endsWith('/48000/2'),
  );
  if (!codec)
    throw new Unsupported('The offer has audio without Opus, the only codec for sound that works here.');
  return codec;
}
