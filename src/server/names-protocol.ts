import { z } from 'zod';

/** Names of streams: a part of a URL, without escapes. */
export const STREAM_NAME = /^[a-z0-9][a-z0-9_-]{0,63}$/i;
export const streamName = z.string().regex(STREAM_NAME, 'is 1 to 64 letters, digits, _ and -');
/** Names of styles in the gallery. */
export const styleName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'is not the name of a style');
