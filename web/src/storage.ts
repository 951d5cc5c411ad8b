/** Values kept in this browser under `livebrush.<key>`; a browser that keeps nothing is no error. */
export function kept<T>(key: string, otherwise: T): T {
  try {
    const text = localStorage.getItem(`livebrush.${key}`);
    return text === null ? otherwise : (JSON.parse(text) as T);
  } catch {
    return otherwise;
  }
}

/** Calls the listener when another tab of this browser has changed something under a key. */
export function onKept(listener: (key: string) => void): void {
  addEventListener('storage', ({ key, storageArea }) => {
    if (key?.startsWith('livebrush.') && storageArea === localStorage)
      listener(key.slice('livebrush.'.length));
  });
}

export function keep(key: string, value: unknown): void {
  try {
    localStorage.setItem(`livebrush.${key}`, JSON.stringify(value));
  } catch {
    // Private windows may refuse.
  }
}
