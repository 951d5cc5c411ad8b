const KEY = 'livebrush.token';

/** Moves a token from `#token=…` of the address into this browser, so that the address can be shown and shared. */
export function takeToken(): void {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get('token');
  if (!token) return;
  setToken(token, false);
  fragment.delete('token');
  const rest = fragment.toString();
  history.replaceState(history.state, '', location.pathname + location.search + (rest ? `#${rest}` : ''));
}

/** The token at hand, empty when there is none. */
export function token(): string {
  try {
    return sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY) ?? '';
  } catch {
    return '';
  }
}

/** @param remember also after the browser is closed. */
export function setToken(value: string, remember: boolean): void {
  try {
    sessionStorage.removeItem(KEY);
    localStorage.removeItem(KEY);
    if (value) (remember ? localStorage : sessionStorage).setItem(KEY, value);
  } catch {
    // Private windows may refuse; the token is then asked for again.
  }
}

/** The header that carries the token, if there is one. */
export function bearer(): Record<string, string> {
  const value = token();
  return value ? { Authorization: `Bearer ${value}` } : {};
}
