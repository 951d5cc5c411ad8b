/** `http://…`, `rtsp://…`: anything else is a path. */
const SCHEME = /^([a-z][a-z0-9+.-]+):\/\//i;

/** The scheme of a URL in small letters; undefined for a path. */
export const schemeOf = (address: string): string | undefined => SCHEME.exec(address)?.[1]?.toLowerCase();

/** An address as people and logs may see it: without user, password, stream key and query. */
export function masked(address: string): string {
  const scheme = schemeOf(address);
  if (!scheme) return address;
  const rest = address.slice(scheme.length + 3).replace(/[?#].*$/s, '');
  const [authority = '', ...path] = rest.split('/');
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  // The last part of an RTMP address is what lets a person publish.
  const shown = /^rtmp/.test(scheme) && path.length > 1 ? [...path.slice(0, -1), '…'] : path;
  return `${scheme}://${[host, ...shown].join('/')}`;
}
