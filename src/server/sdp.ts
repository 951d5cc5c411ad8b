import { BadInput } from '../errors.js';

/** Bytes of the longest offer that is read, and of the longest PATCH. */
export const OFFER_BYTES = 128 * 1024;
export const FRAGMENT_BYTES = 16 * 1024;
const LINES = 4000;
const LINE_LENGTH = 4096;
const SECTIONS = 32;

/** An attribute: `a=name:value`, or `a=name` with an empty value. */
export interface Attribute {
  readonly name: string;
  readonly value: string;
}

/** One m-line and what belongs to it. */
export interface Section {
  readonly kind: string;
  readonly port: number;
  readonly protocol: string;
  readonly formats: readonly string[];
  readonly attributes: readonly Attribute[];
}

/** A session description as text says it, taken apart but not judged. */
export interface Description {
  readonly attributes: readonly Attribute[];
  readonly sections: readonly Section[];
}

const TOKEN = "[!#-'*+\\-.0-9A-Z^-~]+";
const M_LINE = new RegExp(
  `^m=(${TOKEN}) (\\d{1,5})(?:/\\d{1,5})? (${TOKEN}(?:/${TOKEN})*) (\\S+(?: \\S+)*) ?$`,
);
const A_LINE = new RegExp(`^a=(${TOKEN})(?::(.*))?$`);

/** Lines as they are written, whatever ends them. @throws BadInput where something is no line of SDP. */
function linesOf(text: string): string[] {
  const lines = text.split(/\r\n|\n|\r/);
  while (lines.at(-1) === '') lines.pop();
  if (lines.length > LINES) throw new BadInput('The session description has too many lines.');
  for (const line of lines) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
    if (line.length > LINE_LENGTH || !/^[a-z]=/.test(line) || /[\x00-\x08\x0e-\x1f\x7f]/.test(line))
      throw new BadInput('The session description has a line that is none of SDP.');
  }
  return lines;
}

function attributeOf(line: string): Attribute {
  const found = A_LINE.exec(line);
  if (!found) throw new BadInput('The session description has a damaged attribute.');
  return { name: found[1]!.toLowerCase(), value: found[2] ?? '' };
}

function sectionOf(lines: readonly string[]): Section {
  const found = M_LINE.exec(lines[0]!);
  if (!found || Number(found[2]) > 65_535)
    throw new BadInput('The session description has a damaged m-line.');
  const [, kind, port, protocol, formats] = found;
  return {
    kind: kind!.toLowerCase(),
    port: Number(port),
    protocol: protocol!,
    formats: formats!.split(' '),
    attributes: lines.filter((line) => line.startsWith('a=')).map(attributeOf),
  };
}

/** Cuts lines before each m-line: the session's own first. */
function partsOf(lines: readonly string[]): string[][] {
  const parts: string[][] = [[]];
  for (const line of lines) {
    if (line.startsWith('m=')) parts.push([]);
    parts.at(-1)!.push(line);
  }
  if (parts.length - 1 > SECTIONS) throw new BadInput('The session description has too many m-lines.');
  return parts;
}

/**
 * Takes a whole session description apart.
 * @throws BadInput where it is none: too long, without its head or m-lines, with damaged lines.
 */
export function parseSdp(text: string): Description {
  if (text.length > OFFER_BYTES) throw new BadInput('The session description is too long.');
  const lines = linesOf(text);
  if (lines[0] !== 'v=0' || !lines[1]?.startsWith('o='))
    throw new BadInput('This is no session description.');
  const [head, ...sections] = partsOf(lines);
  if (sections.length === 0) throw new BadInput('The session description has no m-line.');
  return {
    attributes: head!.filter((line) => line.startsWith('a=')).map(attributeOf),
    sections: sections.map(sectionOf),
  };
}

/** What a PATCH says: RFC 8840's fragment. */
export interface Fragment {
  readonly ufrag: string | undefined;
  readonly password: string | undefined;
  /** Values of `a=candidate`, of every section. */
  readonly candidates: readonly string[];
}

/** @throws BadInput where it is no fragment. */
export function parseFragment(text: string): Fragment {
  if (text.length > FRAGMENT_BYTES) throw new BadInput('The fragment is too long.');
  const parts = partsOf(linesOf(text));
  const attributes = parts.flatMap((part, index) =>
    index === 0 ? part.filter((line) => line.startsWith('a=')).map(attributeOf) : sectionOf(part).attributes,
  );
  const ufrag = firstOf(attributes, 'ice-ufrag');
  const password = firstOf(attributes, 'ice-pwd');
  const candidates = allOf(attributes, 'candidate');
  const ended = attributes.some(({ name }) => name === 'end-of-candidates');
  if (!ufrag && candidates.length === 0 && !ended) throw new BadInput('The fragment says nothing about ICE.');
  if (ufrag !== undefined && !(isUfrag(ufrag) && isPassword(password)))
    throw new BadInput('The fragment has damaged ICE credentials.');
  return { ufrag, password, candidates };
}

/** The first value of an attribute. */
export const firstOf = (attributes: readonly Attribute[], name: string): string | undefined =>
  attributes.find((attribute) => attribute.name === name)?.value;

/** All values of an attribute, in their order. */
export const allOf = (attributes: readonly Attribute[], name: string): string[] =>
  attributes.filter((attribute) => attribute.name === name).map(({ value }) => value);

/** RFC 8839: 4 to 256 and 22 to 256 characters of base64. */
export const isUfrag = (text: string | undefined): text is string =>
  /^[A-Za-z0-9+/]{4,256}$/.test(text ?? '');
export const isPassword = (text: string | undefined): text is string =>
  /^[A-Za-z0-9+/]{22,256}$/.test(text ?? '');
