import { useEffect, useState } from 'preact/hooks';

type Listener = () => void;

/** A value that tells when it changes. */
export class Cell<T> {
  #value: T;
  readonly #listeners = new Set<Listener>();

  constructor(value: T) {
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }

  set value(next: T) {
    if (Object.is(next, this.#value)) return;
    this.#value = next;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Calls the listener after each change; returns what ends that. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}

/** The value of a cell; the component is drawn again when it changes. */
export function useCell<T>(cell: Cell<T>): T {
  const [, redraw] = useState(0);
  useEffect(() => {
    const seen = cell.value;
    const stop = cell.subscribe(() => redraw((n) => n + 1));
    if (!Object.is(seen, cell.value)) redraw((n) => n + 1);
    return stop;
  }, [cell]);
  return cell.value;
}
