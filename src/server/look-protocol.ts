import { z } from 'zod';
import { styleName } from './names-protocol.js';

/** A share of a whole. */
export const unit = z.number().min(0).max(1);

/** A style and its share of a mix; shares count against their sum. */
export const share = z.strictObject({ style: styleName, weight: z.number().positive().max(1e6).default(1) });
export type Share = z.infer<typeof share>;

/** Styles mixed by their shares. */
export const mix = z.array(share).min(1).max(64);

/** A new style every so many frames, from the frame at which it begins, until the style is changed in another way. */
export const cycle = z.strictObject({
  styles: z.array(styleName).min(2).max(64),
  /** 1 paints every frame in another style. */
  everyFrames: z.int().min(1).max(100_000),
});
export type Cycle = z.infer<typeof cycle>;

/** How a stream looks: what the session's state holds. */
export const look = z.object({
  /** Shares that add up to 1. */
  mix,
  /** 0 leaves the source as it is, 1 is the painting alone. */
  strength: unit,
  /** 0 takes the painting's colours, 1 the source's. */
  keepColor: unit,
  /** 0 paints every frame afresh, 1 holds what does not move. */
  steady: unit,
  /** `paint`, `bypass` (the source, unpainted) or `blackout` (black). */
  show: z.enum(['paint', 'bypass', 'blackout']),
});
export type LookState = z.infer<typeof look>;

/** What a change may name; what it does not name stays. */
export const changed = {
  style: z.union([styleName, mix]).optional(),
  cycle: cycle.optional(),
  strength: unit.optional(),
  keepColor: z.union([z.boolean(), unit]).optional(),
  steady: unit.optional(),
  show: look.shape.show.optional(),
  /** Milliseconds over which the old look becomes the new one, in weight space. A cycle and `show` do not fade. */
  fadeMs: z.number().min(0).max(86_400_000).default(0),
  /** The frame to begin at, as `applied` and `stats` count them; without it and `atTimestamp`, the next one. */
  atFrame: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  /** Or the first frame at or after this time, in microseconds of the stream's clock. */
  atTimestamp: z.number().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
};

const something = ({ style, cycle: turns, strength, keepColor, steady, show }: Record<string, unknown>) =>
  [style, turns, strength, keepColor, steady, show].some((it) => it !== undefined);
const NOTHING = 'changes nothing: it names no style, cycle, strength, keepColor, steady or show';
const oneStyle = ({ style, cycle: turns }: Record<string, unknown>) => !(style && turns);
const TWO_STYLES = 'names both a style and a cycle';
const oneTime = ({ atFrame, atTimestamp }: Record<string, unknown>) =>
  atFrame === undefined || atTimestamp === undefined;
const TWO_TIMES = 'names both a frame and a time';

/** Refuses changes that say nothing, or two things at once. */
export const sensible = <T extends z.ZodObject>(schema: T) =>
  schema.refine(something, NOTHING).refine(oneStyle, TWO_STYLES).refine(oneTime, TWO_TIMES);

/** A change of the look, as the REST API takes it. */
export const change = sensible(z.strictObject(changed));
export type Change = z.infer<typeof change>;
/** A change as a client writes it, defaults left out. */
export type ChangeInput = z.input<typeof change>;
