/** What is left of a flood: how many bytes, and whether they are its numbered lines, one after the other up to the last. */
import { closeSync, openSync, readSync } from 'node:fs';

export const FLOOD_LINE_BYTES = 128;
const DIGITS = 10;
const CHUNK_BYTES = 1024 * 1024;

export interface Kept {
  readonly bytes: number;
  readonly inOrder: boolean;
}

/** `paths`: the files of one log, `NAME` and `NAME.1` (the newest of the older ones) and so on, in any order. */
export function keptOf(paths: readonly string[]): Kept {
  const numberOf = (path: string): number => Number(/\.(\d+)$/.exec(path)?.[1] ?? 0);
  const oldestFirst = paths.toSorted((one, other) => numberOf(other) - numberOf(one));
  const lines = new Lines();
  for (const path of oldestFirst) {
    const fd = openSync(path, 'r');
    try {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      for (let bytes = readSync(fd, chunk); bytes > 0; bytes = readSync(fd, chunk)) lines.push(chunk.subarray(0, bytes));
    } finally {
      closeSync(fd);
    }
  }
  return { bytes: lines.bytes, inOrder: lines.inOrder };
}

/** Lines may be cut in two between chunks and between files. */
class Lines {
  bytes = 0;
  inOrder = true;
  #rest = Buffer.alloc(0);
  #last: number | null = null;

  push(chunk: Buffer): void {
    this.bytes += chunk.length;
    const all = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (; at + FLOOD_LINE_BYTES <= all.length; at += FLOOD_LINE_BYTES) {
      const number = numberAt(all, at);
      if (all[at + FLOOD_LINE_BYTES - 1] !== 10 || (this.#last !== null && number !== this.#last + 1)) this.inOrder = false;
      this.#last = number;
    }
    this.#rest = Buffer.from(all.subarray(at));
  }
}

function numberAt(bytes: Buffer, at: number): number {
  let number = 0;
  for (let digit = 0; digit < DIGITS; digit += 1) number = number * 10 + ((bytes[at + digit] ?? 0) - 48);
  return number;
}
