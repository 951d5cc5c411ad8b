import { LivebrushError, Overloaded } from '../errors.js';
import type { Frame } from '../pipeline/frame.js';
import { type Mood, mixOf } from '../pipeline/look.js';
import { Branch, type BranchOptions, type BranchParts } from './branch.js';
import { LINGER_MS } from './encoders.js';
import type { Input } from './input.js';
import type { OwnLook } from './own-look.js';

/** What the branches of a stream grow from. */
export interface BranchesOptions {
  readonly parts: BranchParts;
  readonly input: Input;
  /** The look that own looks change. */
  readonly opening: Mood;
  /** The stream's own look, asked for once for each frame. */
  readonly moodOf: (frame: Frame) => Mood;
  /** Different looks that may be painted at once. */
  readonly most: number;
  /** How old a frame may be when its turn to be painted comes, in milliseconds, as it is set now. */
  readonly maxAge: () => number;
  /** Whether the stream's own look is needed by more than viewers. */
  readonly keepMain: () => boolean;
  /** The work size of the stream's own look changed. */
  readonly onLoad: () => void;
  /** A branch ended. */
  readonly onChange: () => void;
}

const MAIN = 'main';

/** The looks that a stream is painted in at the moment: its own, and those of viewers who asked for another. */
export class Branches implements AsyncDisposable {
  readonly #options: BranchesOptions;
  readonly #branches = new Map<string, Branch>();
  /** Styles of viewers' own looks, by the keys of their branches. */
  readonly #styles = new Map<string, readonly string[]>();
  /** Styles that are being made ready, for each who waits. */
  readonly #awaited = new Set<readonly string[]>();
  /** Counts of the stream's own look, of branches that are over. */
  readonly #past = { in: 0, painted: 0, onTime: 0, unsent: 0, busy: 0, late: 0 };
  #closing: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: BranchesOptions) {
    this.#options = options;
  }

  /** The branch of the stream's own look, where it is being painted. */
  get painting(): Branch | undefined {
    return this.#branches.get(MAIN);
  }

  get all(): Branch[] {
    return [...this.#branches.values()];
  }

  get viewers(): number {
    return this.all.reduce((sum, { encoders }) => sum + encoders.viewers, 0);
  }

  /** Frames of the stream's own look so far, by what became of them. */
  get counts(): Readonly<Record<'in' | 'painted' | 'onTime' | 'unsent' | 'busy' | 'late', number>> {
    const past = this.#past;
    const { painting } = this;
    if (!painting) return { ...past };
    const { painted, onTime, late } = painting.tally.counts;
    return {
      in: past.in + painting.offered,
      painted: past.painted + painted,
      onTime: past.onTime + onTime,
      unsent: past.unsent + painting.encoders.unsent,
      busy: past.busy + painting.dropped,
      late: past.late + late,
    };
  }

  /** How often the painter ran for each look that is being painted, by look. */
  painted(): Record<string, number> {
    return Object.fromEntries([...this.#branches].map(([key, { tally }]) => [key, tally.counts.painted]));
  }

  /** The branch of the stream's own look, painting from now on. */
  main(): Branch {
    const { moodOf, onLoad } = this.#options;
    return this.#branches.get(MAIN) ?? this.#grow(MAIN, { moodOf, onLoad });
  }

  /** The branch of a viewer's own look, shared by all who want the same. @throws NotFound (style), Overloaded. */
  async own(own: OwnLook): Promise<Branch> {
    const { opening, most } = this.#options;
    const mood: Mood = {
      ...opening,
      ...(own.mix ? { mix: mixOf(own.mix) } : {}),
      ...(own.strength === undefined ? {} : { strength: own.strength }),
      ...(own.keepColor === undefined ? {} : { keepColor: own.keepColor }),
    };
    const styles = [...mood.mix.keys()];
    using _ready = await this.ready(styles);
    const key = JSON.stringify({ ...mood, mix: [...mood.mix].sort() });
    const known = this.#branches.get(key);
    if (known) return known;
    if (this.#branches.size >= most)
      throw new Overloaded(`This stream is painted in ${most} looks already.`, {
        hint: 'Watch it without a look of your own.',
        retryAfterS: 10,
      });
    const branch = this.#grow(key, { moodOf: () => mood });
    this.#styles.set(key, styles);
    return branch;
  }

  /** Styles of viewers' own looks, and those that `ready` was asked for and that no look names yet. */
  get styles(): string[] {
    return [...this.#styles.values(), ...this.#awaited].flat();
  }

  /**
   * Readies styles for every model; a lighter one may lack some, and is not used for those.
   * @returns what holds them until a look names them. @throws NotFound
   */
  async ready(names: readonly string[]): Promise<Disposable> {
    const [first, ...lighter] = this.#options.parts.tiers;
    const hold = [...names];
    this.#awaited.add(hold);
    const letGo = () => void this.#awaited.delete(hold);
    try {
      await first.palette.ready(hold);
      await Promise.allSettled(lighter.map(({ palette }) => palette.ready(hold)));
    } catch (error) {
      letGo();
      throw error;
    }
    return { [Symbol.dispose]: letGo };
  }

  /** Ends branches that nobody needs, once they were not needed for a while. */
  tidyLater(): void {
    clearTimeout(this.#closing);
    this.#closing = setTimeout(() => void this.#tidy(), LINGER_MS + 500);
    this.#closing.unref();
  }

  #grow(key: string, look: Pick<BranchOptions, 'moodOf' | 'onLoad'>): Branch {
    if (this.#closed) throw new LivebrushError('This stream is closed.');
    const { parts, input, maxAge } = this.#options;
    // One owner for all: a stream with many looks has no larger share of the engine than one with a single look.
    const branch = new Branch(parts, input.tap(), { ...look, maxAge, owner: this });
    this.#branches.set(key, branch);
    return branch;
  }

  async #tidy(): Promise<void> {
    for (const [key, branch] of this.#branches) {
      if (branch.encoders.viewers > 0 || (key === MAIN && this.#options.keepMain())) continue;
      this.#branches.delete(key);
      this.#styles.delete(key);
      if (key === MAIN) this.#remember(branch);
      await branch[Symbol.asyncDispose]();
    }
    this.#options.onChange();
  }

  #remember(branch: Branch): void {
    const { painted, onTime, late } = branch.tally.counts;
    this.#past.in += branch.offered;
    this.#past.painted += painted;
    this.#past.onTime += onTime;
    this.#past.unsent += branch.encoders.unsent;
    this.#past.late += late;
    // What was on its way when the branch ended is shown to nobody.
    this.#past.busy += branch.offered - painted - late;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#closing);
    await Promise.all(this.all.map((branch) => branch[Symbol.asyncDispose]()));
    this.#branches.clear();
  }
}
