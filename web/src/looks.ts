import type { ChangeInput, LookState } from '../../src/server/protocol.js';

/** At most so many changes a second leave here, whatever a hand or a knob does. */
const INTERVAL_MS = 33;
/** What a person set is shown for so long before the server's word counts again. */
const PATIENCE_MS = 2000;

/** The look after a change, as far as the change names it. */
export function changed(
  look: LookState,
  { style, strength, keepColor, steady, show }: ChangeInput,
): LookState {
  const mix = typeof style === 'string' ? [{ style, weight: 1 }] : style;
  const sum = mix?.reduce((total, { weight = 1 }) => total + weight, 0) ?? 1;
  return {
    mix: mix?.map(({ style: name, weight = 1 }) => ({ style: name, weight: weight / sum })) ?? look.mix,
    strength: strength ?? look.strength,
    keepColor: keepColor === undefined ? look.keepColor : Number(keepColor),
    steady: steady ?? look.steady,
    show: show ?? look.show,
  };
}

/** Two changes as one: the later one counts where both name the same. */
export function merged(first: ChangeInput | undefined, second: ChangeInput): ChangeInput {
  const both = { ...first, ...second };
  if (second.style) delete both.cycle;
  if (second.cycle) delete both.style;
  return both;
}

/**
 * Changes of the look on their way: gathered so that few leave, and shown as if they had been applied until the
 * server says so.
 */
export class Looks {
  #held: LookState | undefined;
  #wish: ChangeInput | undefined;
  #queued: ChangeInput | undefined;
  #last = '';
  #sent = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #patience: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param send sends a change and says its id, or undefined when it cannot.
   * @param show shows a look.
   */
  constructor(
    readonly send: (change: ChangeInput) => string | undefined,
    readonly show: (look: LookState) => void,
  ) {}

  /** @returns whether it was sent or will be. */
  change(change: ChangeInput): boolean {
    this.#wish = merged(this.#wish, change);
    this.#queued = merged(this.#queued, change);
    this.#draw();
    const wait = this.#sent + INTERVAL_MS - performance.now();
    if (wait <= 0) return this.#flush();
    this.#timer ??= setTimeout(() => this.#flush(), wait);
    return true;
  }

  #flush(): boolean {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const change = this.#queued;
    this.#queued = undefined;
    if (!change) return true;
    this.#sent = performance.now();
    const id = this.send(change);
    if (!id) {
      // Nothing left: the next one need not wait, and is told as truly.
      this.#sent = Number.NEGATIVE_INFINITY;
      this.settle();
      return false;
    }
    this.#last = id;
    clearTimeout(this.#patience);
    this.#patience = setTimeout(() => this.settle(), PATIENCE_MS);
    return true;
  }

  /** The server's word on what holds. */
  hold(look: LookState): void {
    this.#held = look;
    this.#draw();
  }

  /** A change took effect; when it was the last of ours, nothing is on its way any more. */
  applied(id: string, look: LookState): void {
    this.#held = look;
    if (id === this.#last && !this.#queued) this.settle();
    else this.#draw();
  }

  /** A change was refused: what it wished for is shown no longer. */
  refused(id: string | undefined): void {
    if (id === this.#last && !this.#queued) this.settle();
  }

  /** Shows what holds, and forgets what was wished for. */
  settle(): void {
    this.#wish = undefined;
    this.#draw();
  }

  #draw(): void {
    if (this.#held) this.show(this.#wish ? changed(this.#held, this.#wish) : this.#held);
  }
}
