/**
 * Lets native steps run one after the other, and closing wait for those under way: FFmpeg's objects are for one call at
 * a time, and freeing one in use would take the process down.
 */
export class Turns implements AsyncDisposable {
  readonly #free: () => void;
  #last: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;
  #waiting = 0;

  /** `free` runs once, when the last step is over. */
  constructor(free: () => void) {
    this.#free = free;
  }

  /** Steps that have not begun. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Runs `step` in its turn; undefined, without running it, once closed. */
  take<T>(step: () => Promise<T>): Promise<T | undefined> {
    if (this.#closing) return Promise.resolve(undefined);
    this.#waiting++;
    const turn = this.#last.then(() => {
      this.#waiting--;
      return this.#closing ? undefined : step();
    });
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#last.then(() => this.#free());
    return this.#closing;
  }
}
