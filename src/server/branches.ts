import { LivebrushError, Overloaded } from '../errors.js';
import type { Frame } from '../pipeline/frame.js';
import { type Mood, mixOf } from '../pipeline/look.js';
import { Branch, type BranchParts } from './branch.js';
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
  /** Counts of the stream's own look, of branches that are over. */
  readonly #past = { in: 0, painted: 0, busy: 0 };
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
  get counts(): { readonly in: number; readonly painted: number; readonly busy: number } {
    const { painting } = this;
    return {
      in: this.#past.in + (painting?.offered ?? 0),
      painted: this.#past.painted + (painting?.counts.painted ?? 0),
      busy: this.#past.busy + (painting?.dropped ?? 0),
    };
  }

  /** How often the painter ran for each look that is being painted, by look. */
  painted(): Record<string, number> {
    return Object.fromEntries([...this.#branches].map(([key, { counts }]) => [key, counts.painted]));
  }

  /** The branch of the stream's own look, painting from now on. */
  main(): Branch {
    const { parts, input, moodOf, onLoad } = this.#options;
    return this.#branches.get(MAIN) ?? this.#grow(MAIN, () => new Branch(parts, input.tap(), moodOf, onLoad));
  }

  /** The branch of a viewer's own look, shared by all who want the same. @throws NotFound (style), Overloaded. */
  async own(own: OwnLook): Promise<Branch> {
    const { parts, input, opening, most } = this.#options;
    const mood: Mood = {
      ...opening,
      ...(own.mix ? { mix: mixOf(own.mix) } : {}),
      ...(own.strength === undefined ? {} : { strength: own.strength }),
      ...(own.keepColor === undefined ? {} : { keepColor: own.keepColor }),
    };
    await this.ready([...mood.mix.keys()]);
    const key = JSON.stringify({ ...mood, mix: [...mood.mix].sort() });
    const known = this.#branches.get(key);
    if (known) return known;
    if (this.#branches.size >= most)
      throw new Overloaded(`This stream is painted in ${most} looks already.`, {
        hint: 'Watch it without a look of your own.',
        retryAfterS: 10,
      });
    return this.#grow(key, () => new Branch(parts, input.tap(), () => mood));
  }

  /** Readies styles for every model; a lighter one may lack some, and is not used for those. @throws NotFound */
  async ready(names: readonly string[]): Promise<void> {
    const [first, ...lighter] = this.#options.parts.tiers;
    await first.palette.ready(names);
    await Promise.allSettled(lighter.map(({ palette }) => palette.ready(names)));
  }

  /** Ends branches that nobody needs, once they were not needed for a while. */
  tidyLater(): void {
    clearTimeout(this.#closing);
    this.#closing = setTimeout(() => void this.#tidy(), LINGER_MS + 500);
    this.#closing.unref();
  }

  #grow(key: string, make: () => Branch): Branch {
    if (this.#closed) throw new LivebrushError('This stream is closed.');
    const branch = make();
    this.#branches.set(key, branch);
    return branch;
  }

  async #tidy(): Promise<void> {
    for (const [key, branch] of this.#branches) {
      if (branch.encoders.viewers > 0 || (key === MAIN && this.#options.keepMain())) continue;
      this.#branches.delete(key);
      if (key === MAIN) this.#remember(branch);
      await branch[Symbol.asyncDispose]();
    }
    this.#options.onChange();
  }

  #remember(branch: Branch): void {
    this.#past.in += branch.offered;
    this.#past.painted += branch.counts.painted;
    // What was on its way when the branch ended is shown to nobody.
    this.#past.busy += branch.offered - branch.counts.painted;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#closing);
    await Promise.all(this.all.map((branch) => branch[Symbol.asyncDispose]()));
    this.#branches.clear();
  }
}
