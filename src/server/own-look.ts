import { z } from 'zod';
import { BadInput } from '../errors.js';
import { type Share, share } from './protocol.js';

/** How one viewer wants to see a stream, apart from all others. */
export interface OwnLook {
  readonly mix?: readonly Share[];
  readonly strength?: number;
  readonly keepColor?: number;
}

const unit = z.coerce.number().min(0).max(1);
const mix = z.array(share).min(1).max(8);

/** `wave:0.7,scream:0.3`: styles with their shares; a share left out is 1. */
function mixOf(text: string): Share[] {
  const shares = text.split(',').map((part) => {
    const [style, weight, ...rest] = part.trim().split(':');
    if (rest.length > 0 || weight === '') return { style: part };
    return weight === undefined ? { style } : { style, weight: Number(weight) };
  });
  const read = mix.safeParse(shares);
  if (!read.success)
    throw new BadInput(
      'The query style is a list of up to 8 styles with their shares, such as wave:0.7,scream:0.3.',
    );
  return read.data;
}

function unitOf(name: string, text: string): number {
  const read = unit.safeParse(text === '' ? undefined : text);
  if (!read.success) throw new BadInput(`The query ${name} is a number from 0 to 1.`);
  return read.data;
}

/**
 * The look that a viewer's address asks for: `?style=wave:0.7,scream:0.3&strength=0.5&keepColor=1`; undefined where it
 * asks for none. Other parameters are left to others.
 * @throws BadInput where a value makes no sense.
 */
export function ownLookOf(query: URLSearchParams): OwnLook | undefined {
  for (const name of ['style', 'strength', 'keepColor'])
    if (query.getAll(name).length > 1) throw new BadInput(`The query names ${name} twice.`);
  const [style, strength, keepColor] = ['style', 'strength', 'keepColor'].map((name) => query.get(name));
  if (style == null && strength == null && keepColor == null) return undefined;
  return {
    ...(style != null && { mix: mixOf(style) }),
    ...(strength != null && { strength: unitOf('strength', strength) }),
    ...(keepColor != null && { keepColor: keepColorOf(keepColor) }),
  };
}

const keepColorOf = (text: string): number =>
  text === 'true' ? 1 : text === 'false' ? 0 : unitOf('keepColor', text);
