const KEY = 'livebrush.token';
/** The watch page's own key: a link that is opened there must not take the panel's token from this browser. */
const VISITOR = 'livebrush.visitor';
/** Holds also where the browser keeps nothing. */
let visitor = '';

/** Takes what `#token=…` of the address says, so that the address can be shown and shared. */
function fromAddress(): string {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get('token');
  if (!token) return '';
  fragment.delete('token');
  const rest = fragment.toString();
  history.replaceState(history.state, '', location.pathname + location.search + (rest ? `#${rest}` : ''));
  return token;
}

/** Moves a token from the address into this browser. */
export function takeToken(): void {
  const token = fromAddress();
  if (token) setToken(token, false);
}

/** The same for a page that only shows a stream: for this tab, and beside the panel's token. */
export function takeVisitorToken(): void {
  visitor = fromAddress();
  try {
    if (visitor) sessionStorage.setItem(VISITOR, visitor);
    else visitor = sessionStorage.getItem(VISITOR) ?? '';
  } catch {
    // Private windows may refuse; it is then gone after a reload.
  }
}

/** The token at hand, empty when there is none. */
export function token(): string {
  if (visitor) return visitor;
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
