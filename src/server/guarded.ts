import { log } from '../log.js';

/** A callback for a library: what it throws is logged, and goes no further. */
export function guarded<A extends unknown[]>(call: (...args: A) => void): (...args: A) => void {
  return (...args) => {
    try {
      call(...args);
    } catch (error) {
      log.debug({ err: error }, 'a callback failed');
    }
  };
}
