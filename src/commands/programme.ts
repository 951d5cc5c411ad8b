import { Usage } from '../errors.js';
import type { Cue } from '../pipeline/cues.js';
import type { Frame } from '../pipeline/frame.js';
import type { Look, Mood } from '../pipeline/look.js';
import { type Studio, sharesOf } from './studio.js';

/** What a video is painted with: a look to begin with, and cues that change it. */
export interface Programme {
  /** The look of the first frame. */
  readonly mood: Mood;
  readonly cues: readonly Cue[];
  /** Every style that it names, once. */
  readonly names: readonly string[];
}

/** Where the looks of a video come from: options, or a cue list. */
export interface ProgrammeOptions {
  readonly style?: readonly string[];
  readonly strength: number;
  readonly keepColor?: boolean;
  readonly steady?: number;
  /** A file with a cue list. */
  readonly cues?: string;
}

const MAX_CUE_BYTES = 8e6;

type Part = { readonly style: string; readonly weight: number };

/** The styles of the first frame: those asked for, or those of a cue that stands at the very beginning. */
function openingOf(asked: readonly Part[], cues: readonly Cue[], file: string | undefined): readonly Part[] {
  if (asked.length > 0) return asked;
  const first = cues.find(({ at, frame, style }) => style !== undefined && (at === 0 || frame === 0));
  if (first?.style)
    return typeof first.style === 'string' ? [{ style: first.style, weight: 1 }] : first.style;
  if (file === undefined)
    throw new Usage('There is no style to paint with.', { hint: 'Add --style NAME or --style PICTURE.' });
  throw new Usage(`${file} names no style for the first frame.`, {
    hint: 'Add --style for what comes before its first cue, or begin it with {"at": 0, "style": …}.',
  });
}

/** Reads what the options say about looks. @throws Usage, NotFound, BadInput (cue list). */
export async function readProgramme(options: ProgrammeOptions): Promise<Programme> {
  const [{ mixOf }, { readCues, stylesOf }, { readWhole }] = await Promise.all([
    import('../pipeline/look.js'),
    import('../pipeline/cues.js'),
    import('../models/files.js'),
  ]);
  const shares = await sharesOf(options.style);
  const asked = shares
    .filter(({ weight }) => weight > 0)
    .map(({ name, weight }) => ({ style: name, weight }));
  if (shares.length > 0 && asked.length === 0)
    throw new Usage('There is nothing to paint with: no style has a weight above 0.');
  const file = options.cues;
  const cues =
    file === undefined ? [] : readCues(new TextDecoder().decode(await readWhole(file, MAX_CUE_BYTES)), file);
  const opening = openingOf(asked, cues, file);
  return {
    mood: {
      mix: mixOf(opening),
      strength: options.strength,
      keepColor: Number(options.keepColor ?? false),
      steady: options.steady ?? 0,
      show: 'paint',
    },
    cues,
    names: [...new Set([...opening.map(({ style }) => style), ...stylesOf(cues)])],
  };
}

/** The look of each frame in turn. The studio has all styles that the programme names. */
export async function playProgramme(
  { cues, mood }: Programme,
  studio: Studio,
): Promise<(frame: Pick<Frame, 'timestamp'>) => Look> {
  const [{ Mixer }, { playCues }] = await Promise.all([
    import('../pipeline/look.js'),
    import('../pipeline/cues.js'),
  ]);
  const mixer = new Mixer(studio.styles);
  const play = playCues(cues, mood);
  return (frame) => mixer.look(play(frame));
}
