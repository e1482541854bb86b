/** The older files of one log: `<log>.1` is the newest, a higher number an older one, no number is left out. */
import { lstatSync, renameSync, rmSync } from 'node:fs';
import type { OlderPart } from './log-index.ts';

export function olderPath(logPath: string, number: number): string {
  return `${logPath}.${number}`;
}

/**
 * Closes the holes that a death in mid-shift left in the numbers; the sizes in bytes, `.1` first. Looks for numbers up to `highest`, and beyond
 * it as long as there are files: reading the directory for each of a thousand logs would take seconds.
 */
export function settleNumbers(logPath: string, highest: number): number[] {
  const sizes: number[] = [];
  for (let number = 1; ; number += 1) {
    const found = lstatSync(olderPath(logPath, number), { throwIfNoEntry: false });
    if (found === undefined && number > highest) return sizes;
    if (found === undefined) continue;
    sizes.push(found.size);
    if (number !== sizes.length) renameSync(olderPath(logPath, number), olderPath(logPath, sizes.length));
  }
}

/**
 * Makes `.1` free and leaves at most `keep - 1` files behind it. ORDER: the oldest go first, then the shift from the highest number down, so
 * that no rename ever covers a file; a death in between leaves a hole, which `settleNumbers` closes.
 */
export function shiftNumbers(logPath: string, files: { readonly count: number; readonly keep: number }): void {
  for (let number = files.count; number >= Math.max(1, files.keep); number -= 1) rmSync(olderPath(logPath, number), { force: true });
  for (let number = Math.min(files.count, files.keep - 1); number >= 1; number -= 1) {
    renameSync(olderPath(logPath, number), olderPath(logPath, number + 1));
  }
}

/**
 * Where each older file stands in the stream: what the index says as long as the sizes agree; behind a difference (files removed or put there by
 * hand, a lost index) each ends where the next newer one begins.
 */
export function placeOlder(sizes: readonly number[], known: readonly OlderPart[], base: number): OlderPart[] {
  const parts: OlderPart[] = [];
  let agreed = true;
  let end = base;
  sizes.forEach((bytes, at) => {
    const said = known[at];
    agreed = agreed && said?.bytes === bytes;
    const from = agreed && said !== undefined ? said.from : end - bytes;
    parts.push({ from, bytes });
    end = from;
  });
  return parts;
}
