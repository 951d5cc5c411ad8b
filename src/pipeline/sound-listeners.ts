import { log } from '../log.js';
import type { SoundPacket } from './live.js';

/** Those who take a source's sound. */
export class SoundListeners {
  readonly #takers = new Set<(packet: SoundPacket) => void>();

  get any(): boolean {
    return this.#takers.size > 0;
  }

  on(take: (packet: SoundPacket) => void): Disposable {
    // The same function may listen twice; each stops by itself.
    const own = (packet: SoundPacket) => take(packet);
    this.#takers.add(own);
    return { [Symbol.dispose]: () => void this.#takers.delete(own) };
  }

  /** Hands a packet to all. One that throws harms neither the others nor the source. */
  tell(packet: SoundPacket): void {
    for (const take of this.#takers) {
      try {
        take(packet);
      } catch (error) {
        log.warn(`A listener failed at a packet of sound: ${error instanceof Error ? error.message : error}`);
      }
    }
  }
}
