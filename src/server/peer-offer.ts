import { BadInput, Unsupported } from '../errors.js';
import type { LiveCodec } from '../pipeline/live.js';
import { CANDIDATES, candidateOf } from './peer-candidates.js';
import { type Codec, opusOf, pictureCodecOf, rtxOf } from './peer-codecs.js';
import {
  type Attribute,
  allOf,
  type Description,
  firstOf,
  isPassword,
  isUfrag,
  parseSdp,
  type Section,
} from './sdp.js';

/** What a client asks for: to send its stream, or to see one. */
export type Part = 'publish' | 'read';

/** How the offer of a client is read. */
export interface OfferOptions {
  readonly part: Part;
  /** Address that the request came from; decides which candidates are tried. */
  readonly client?: string | undefined;
  /** Whether ICE over TCP is on. */
  readonly tcp?: boolean;
}

/** An offer that can be answered, written anew with nothing in it but what is used. */
export interface Offer {
  readonly sdp: string;
  readonly codec: LiveCodec;
  readonly sound: boolean;
  readonly ufrag: string;
  /** Whether the client insists on opening DTLS itself. */
  readonly active: boolean;
}

const EXTENSIONS: Record<'audio' | 'video', readonly string[]> = {
  audio: ['urn:ietf:params:rtp-hdrext:sdes:mid'],
  video: [
    'urn:ietf:params:rtp-hdrext:sdes:mid',
    'urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id',
    'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
    'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
    'http://www.webrtc.org/experiments/rtp-hdrext/color-space',
  ],
};
const TRANSPORT_CC = /transport-wide-cc/;
const SETUPS = ['actpass', 'active', 'passive'];
const DIRECTIONS = ['sendrecv', 'sendonly', 'recvonly', 'inactive'];
/** Which way media goes, as its client sees it. */
const wayOf = (part: Part) => (part === 'publish' ? 'sendonly' : 'recvonly');

/**
 * Reads an offer and cuts it down: one video with one codec and its retransmission, at most one Opus, one layer of
 * simulcast, candidates that may be tried.
 * @throws BadInput where it is no offer, Unsupported where nothing in it, or not all of it, can be done here.
 */
export function readOffer(text: string, options: OfferOptions): Offer {
  const description = parseSdp(text);
  const { video, audio } = sectionsOf(description, options.part);
  const codec = pictureCodecOf(video, options.part);
  const sections = description.sections;
  const first = sections[0]!;
  const transport = transportOf(description, first);
  const written = sections.map((section) => {
    const lines =
      section === video
        ? videoLines(section, codec, options.part)
        : codecLines(section, [opusOf(section)], options.part);
    return [...lines, ...transport.lines, ...(section === first ? candidateLines(section, options) : [])];
  });
  return {
    sdp: `${[...headLines(sections), ...written.flat()].join('\r\n')}\r\n`,
    codec: codec.name as LiveCodec,
    sound: audio !== undefined,
    ufrag: transport.ufrag,
    active: transport.setup === 'active',
  };
}

const midOf = (section: Section): string => {
  const mid = firstOf(section.attributes, 'mid');
  if (mid === undefined || !/^[A-Za-z0-9_.+-]{1,32}$/.test(mid))
    throw new BadInput('Every m-line needs a mid of letters and digits.');
  return mid;
};

/** Exactly one video, at most one audio, nothing else, in one bundle, each in the right direction. */
function sectionsOf(description: Description, part: Part): { video: Section; audio: Section | undefined } {
  const { sections } = description;
  const [video, ...videos] = sections.filter(({ kind }) => kind === 'video');
  const [audio, ...audios] = sections.filter(({ kind }) => kind === 'audio');
  const rest = sections.length - (video ? 1 : 0) - (audio ? 1 : 0);
  if (!video) throw new Unsupported('The offer has no video, and this server paints video.');
  if (videos.length + audios.length > 0) throw new Unsupported('The offer has more than one video or audio.');
  if (rest > 0) throw new Unsupported('The offer has something else than video and audio, such as data.');
  const mids = sections.map(midOf);
  if (new Set(mids).size < mids.length) throw new BadInput('Two m-lines have the same mid.');
  const bundled = allOf(description.attributes, 'group')
    .map((group) => group.split(' '))
    .some(([semantics, ...members]) => semantics === 'BUNDLE' && mids.every((mid) => members.includes(mid)));
  if (sections.length > 1 && !bundled)
    throw new Unsupported('The offer does not bundle its video and audio.');
  for (const section of sections) {
    checkTransport(section);
    checkDirection(section, description, part);
  }
  return { video, audio };
}

const has = (attributes: readonly Attribute[], wanted: string): boolean =>
  attributes.some(({ name }) => name === wanted);

function checkTransport({ attributes, protocol, port }: Section): void {
  if (!/^(UDP|TCP)\/TLS\/RTP\/SAVPF$/.test(protocol))
    throw new Unsupported('The offer uses another transport than RTP over DTLS (SAVPF).');
  if (port === 0 && !has(attributes, 'bundle-only'))
    throw new Unsupported('The offer has an m-line that is switched off.');
}

/**
 * The way that is wanted, or both (RFC 9725), which whoever merely adds a track offers; the answer goes one way all the
 * same. An m-line without a direction has that of the session, else both (RFC 8866).
 */
function checkDirection({ attributes }: Section, session: Description, part: Part): void {
  const named = (where: readonly Attribute[]) => DIRECTIONS.filter((direction) => has(where, direction));
  const own = named(attributes);
  if (own.length > 1) throw new BadInput('An m-line names two directions.');
  const [direction = 'sendrecv'] = [...own, ...named(session.attributes)];
  const wanted = wayOf(part);
  if (direction !== wanted && direction !== 'sendrecv')
    throw new Unsupported(`The offer must be ${wanted} or sendrecv here.`);
}

interface Transport {
  readonly lines: readonly string[];
  readonly ufrag: string;
  readonly setup: string;
}

/** ICE and DTLS of the bundle: those of its first m-line, where it has none those of the session. */
function transportOf(description: Description, first: Section): Transport {
  const find = (name: string) => firstOf(first.attributes, name) ?? firstOf(description.attributes, name);
  const ufrag = find('ice-ufrag');
  const password = find('ice-pwd');
  const fingerprint = find('fingerprint');
  const setup = find('setup')?.toLowerCase() ?? '';
  if (!isUfrag(ufrag) || !isPassword(password)) throw new BadInput('The offer has no valid ICE credentials.');
  if (!/^sha-(1|224|256|384|512) ([0-9a-f]{2}:){19,63}[0-9a-f]{2}$/i.test(fingerprint ?? ''))
    throw new BadInput('The offer has no valid fingerprint of its certificate.');
  if (!SETUPS.includes(setup)) throw new BadInput('The offer does not say who opens DTLS (a=setup).');
  return {
    ufrag,
    setup,
    lines: [
      `a=ice-ufrag:${ufrag}`,
      `a=ice-pwd:${password}`,
      'a=ice-options:trickle',
      `a=fingerprint:${fingerprint}`,
      `a=setup:${setup}`,
    ],
  };
}

function candidateLines({ attributes }: Section, { client, tcp = false }: OfferOptions): string[] {
  return allOf(attributes, 'candidate')
    .map((value) => candidateOf(value, client, tcp))
    .filter((candidate) => candidate !== undefined)
    .slice(0, CANDIDATES)
    .map((candidate) => `a=candidate:${candidate}`);
}

const headLines = (sections: readonly Section[]): string[] => [
  'v=0',
  'o=- 0 0 IN IP4 0.0.0.0',
  's=-',
  't=0 0',
  `a=group:BUNDLE ${sections.map(midOf).join(' ')}`,
];

function codecLines(section: Section, codecs: readonly Codec[], part: Part): string[] {
  const kind = section.kind as 'audio' | 'video';
  return [
    `m=${kind} 9 UDP/TLS/RTP/SAVPF ${codecs.map(({ payload }) => payload).join(' ')}`,
    'c=IN IP4 0.0.0.0',
    'a=rtcp:9 IN IP4 0.0.0.0',
    'a=rtcp-mux',
    `a=mid:${midOf(section)}`,
    `a=${wayOf(part)}`,
    ...extensionLines(section, part),
    ...codecs.flatMap(({ lines }) => lines),
    ...(part === 'publish' ? ssrcLines(section) : []),
  ];
}

/** Extensions by their numbers; viewers are not asked for transport-wide feedback, so that they send REMB. */
function extensionLines({ kind, attributes }: Section, part: Part): string[] {
  const known = EXTENSIONS[kind as 'audio' | 'video'];
  return allOf(attributes, 'extmap')
    .map((value) => /^(\d{1,3})(?:\/\w+)? (\S+)/.exec(value))
    .filter((found) => found !== null)
    .filter(([, id, uri]) => Number(id) >= 1 && Number(id) <= 255 && known.includes(uri!))
    .filter(([, , uri]) => part === 'publish' || !TRANSPORT_CC.test(uri!))
    .map(([, id, uri]) => `a=extmap:${id} ${uri}`);
}

function videoLines(section: Section, codec: Codec, part: Part): string[] {
  const rtx = rtxOf(section, codec);
  const lines = codecLines(section, rtx ? [codec, rtx] : [codec], part);
  const layer = part === 'publish' ? layerOf(section) : undefined;
  return layer ? [...lines, `a=rid:${layer} send`, `a=simulcast:send ${layer}`] : lines;
}

/** The layer of a simulcast offer that its sender prefers. */
function layerOf({ attributes }: Section): string | undefined {
  const sent = /\bsend (\S+)/.exec(firstOf(attributes, 'simulcast') ?? '')?.[1];
  const layers = (sent ?? '').split(/[;,]/).map((layer) => layer.replace(/^~/, ''));
  const declared = allOf(attributes, 'rid').map((value) => value.split(' '));
  return layers.find(
    (layer) =>
      /^[A-Za-z0-9_-]{1,16}$/.test(layer) && declared.some(([id, way]) => id === layer && way === 'send'),
  );
}

/** The first stream's SSRC and that of its retransmissions. */
function ssrcLines({ kind, attributes }: Section): string[] {
  const groups = allOf(attributes, 'ssrc-group').map((value) => value.split(' '));
  const known = allOf(attributes, 'ssrc').map((value) => value.split(' ')[0]!);
  const first = groups.find(([semantics]) => semantics === 'SIM')?.[1] ?? known[0];
  if (first === undefined || !isSsrc(first)) return [];
  const pair = groups.find(([semantics, main]) => semantics === 'FID' && main === first);
  const retransmission = kind === 'video' && pair && isSsrc(pair[2]) ? pair[2] : undefined;
  return [
    ...(retransmission ? [`a=ssrc-group:FID ${first} ${retransmission}`] : []),
    `a=ssrc:${first} cname:-`,
    ...(retransmission ? [`a=ssrc:${retransmission} cname:-`] : []),
  ];
}

const isSsrc = (text: string | undefined): boolean =>
  /^\d{1,10}$/.test(text ?? '') && Number(text) <= 0xffffffff;
