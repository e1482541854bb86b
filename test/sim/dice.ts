/**
 * Chance by name. Every decision is drawn from the seed and its own name, never from a shared sequence, so leaving one out changes no other:
 * that is what lets a failing schedule be shrunk. An `upset` is a decision that harms; only those are left out.
 */

/** Draws from [0, 1). */
export type Stream = () => number;

export interface DiceOptions {
  readonly seed: number;
  /** The upsets that may happen; null = all of them. */
  readonly only: ReadonlySet<string> | null;
}

export class Dice {
  /** Names of the upsets that have happened, in their order. */
  readonly upsets = new Set<string>();
  readonly #seed: number;
  readonly #only: ReadonlySet<string> | null;

  constructor({ seed, only }: DiceOptions) {
    this.#seed = seed;
    this.#only = only;
  }

  /** A sequence of its own for one decision. */
  stream(kind: string, id = 0): Stream {
    let state = mixed(mixed(mixed(0x9e3779b9, this.#seed), textHash(kind)), id);
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let word = Math.imul(state ^ (state >>> 15), state | 1);
      word ^= word + Math.imul(word ^ (word >>> 7), word | 61);
      return ((word ^ (word >>> 14)) >>> 0) / 4_294_967_296;
    };
  }

  /** Whether this harm happens: with that probability, and unless the shrinker has taken it out. */
  upset(probability: number, kind: string, id: number): boolean {
    if (this.stream(kind, id)() >= probability) return false;
    const name = `${kind}:${id}`;
    if (this.#only !== null && !this.#only.has(name)) return false;
    this.upsets.add(name);
    return true;
  }
}

export function between(draw: Stream, low: number, high: number): number {
  return low + (high - low) * draw();
}

export function whole(draw: Stream, low: number, high: number): number {
  return Math.floor(between(draw, low, high + 1));
}

export function chance(draw: Stream, probability: number): boolean {
  return draw() < probability;
}

/** One of the values; those named twice come twice as often. */
export function pick<const T>(draw: Stream, values: readonly [T, ...T[]]): T {
  return values[Math.floor(draw() * values.length)] ?? values[0];
}

function mixed(hash: number, value: number): number {
  const word = Math.imul(hash ^ value, 0x85ebca6b);
  return Math.imul(word ^ (word >>> 13), 0xc2b2ae35) ^ (word >>> 16);
}

const texts = new Map<string, number>();

function textHash(text: string): number {
  const known = texts.get(text);
  if (known !== undefined) return known;
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  texts.set(text, hash);
  return hash;
}
