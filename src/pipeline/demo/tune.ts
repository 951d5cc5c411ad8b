import { dice } from './noise.js';

const RATE = 48_000;
/** Seconds of a step; a note begins on most. */
const STEP = 0.44;
/** D major pentatonic, in half tones from its root. */
const SCALE = [0, 2, 4, 7, 9] as const;
const ROOT = 146.83;
/** Roots of the slow chords below, in half tones. */
const BASSES = [0, -3, -5, -7] as const;
/** Steps that a chord lasts. */
const CHORD = 16;
/** Seconds until an echo comes back. */
const ECHO = 0.66;
/** Brings it all to about -20 dBFS. */
const LEVEL = 0.55;
const MOST_NOTES = 24;

interface Note {
  /** Place in the wave, and how far a sample moves it. */
  phase: number;
  readonly pace: number;
  /** Seconds since it was struck. */
  age: number;
  readonly attack: number;
  readonly decay: number;
  readonly left: number;
  readonly right: number;
}

/** A few plucked notes over slow chords and the sound of the sea, never twice the same and always as before. */
export class Tune {
  readonly #roll = dice(7);
  readonly #echoes = [new Float32Array(ECHO * RATE), new Float32Array(ECHO * RATE)] as const;
  #notes: Note[] = [];
  #samples = 0;
  #step = 0;
  #degree = 5;
  /** The sea's noise, filtered, for each side. */
  readonly #sea = [0, 0];

  /** The next sample pairs, left before right, in -1 to 1. */
  next(pairs: number): Float32Array {
    const out = new Float32Array(2 * pairs);
    while (this.#samples + pairs > this.#step * STEP * RATE) this.#begin(this.#step++);
    for (const note of this.#notes) sound(note, out, pairs);
    this.#notes = this.#notes.filter(({ age, decay }) => age < 5 * decay).slice(-MOST_NOTES);
    this.#finish(out, pairs);
    this.#samples += pairs;
    return out;
  }

  #begin(step: number): void {
    if (step % CHORD === 0) this.#beginChord(step / CHORD);
    const strong = step % 4 === 0;
    if (this.#roll() > (strong ? 0.9 : 0.5)) return;
    this.#degree += Math.floor(this.#roll() * 5) - 2;
    if (this.#degree < 3) this.#degree = 5;
    if (this.#degree > 12) this.#degree = 9;
    const tone = SCALE[this.#degree % 5]! + 12 * Math.floor(this.#degree / 5);
    const pan = 0.25 + 0.5 * this.#roll();
    this.#strike(tone, { loud: strong ? 0.3 : 0.2, attack: 0.004, decay: 0.75, pan });
  }

  #beginChord(index: number): void {
    const bass = BASSES[index % BASSES.length]!;
    this.#strike(bass - 12, { loud: 0.3, attack: 0.9, decay: 2.6, pan: 0.5 });
    this.#strike(bass, { loud: 0.14, attack: 1.4, decay: 2.6, pan: 0.3 });
    this.#strike(bass + 7, { loud: 0.14, attack: 1.8, decay: 2.6, pan: 0.7 });
  }

  #strike(
    tone: number,
    { loud, attack, decay, pan }: { loud: number; attack: number; decay: number; pan: number },
  ): void {
    const pace = (WAVES * ROOT * 2 ** (tone / 12)) / RATE;
    const [left, right] = [loud * Math.cos((pan * Math.PI) / 2), loud * Math.sin((pan * Math.PI) / 2)];
    this.#notes.push({ phase: 0, pace, age: 0, attack, decay, left, right });
  }

  /** Adds the echoes and the sea, and brings it all to its level. */
  #finish(out: Float32Array, pairs: number): void {
    const size = this.#echoes[0].length;
    for (let i = 0; i < pairs; i++) {
      const at = (this.#samples + i) % size;
      const swell = 0.5 + 0.5 * Math.sin(((this.#samples + i) / RATE) * 0.7);
      for (const side of [0, 1] as const) {
        // Echoes cross over to the other side.
        const wet = out[2 * i + side]! + this.#echoes[(1 - side) as 0 | 1]![at]! * 0.38;
        this.#sea[side]! += (this.#roll() - 0.5 - this.#sea[side]!) * (0.02 + 0.05 * swell);
        out[2 * i + side] = (wet + this.#sea[side]! * (0.12 + 0.3 * swell)) * LEVEL;
        this.#echoes[side][at] = wet;
      }
    }
  }
}

const WAVES = 4096;
const sine = Float32Array.from({ length: WAVES }, (_, i) => Math.sin((i / WAVES) * 2 * Math.PI));

/** Adds a note's next samples: a tone with two soft overtones that fade sooner. */
function sound(note: Note, out: Float32Array, pairs: number): void {
  const fades = Math.exp(-1 / (RATE * note.decay));
  const rises = Math.exp(-1 / (RATE * note.attack));
  let fade = Math.exp(-note.age / note.decay);
  let rest = Math.exp(-note.age / note.attack);
  let phase = note.phase;
  for (let i = 0; i < 2 * pairs; i += 2) {
    const over = 0.35 * sine[(2 * phase) & (WAVES - 1)]! + 0.12 * sine[(3 * phase) & (WAVES - 1)]!;
    const value = (sine[phase & (WAVES - 1)]! + fade * over) * fade * (1 - rest);
    out[i]! += value * note.left;
    out[i + 1]! += value * note.right;
    phase += note.pace;
    fade *= fades;
    rest *= rises;
  }
  note.phase = phase % WAVES;
  note.age += pairs / RATE;
}
