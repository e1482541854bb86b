/** An engine that writes down when it is told to end. */
import type { Rig } from '../machine/rig.ts';

/** For `bash -c`, `$0` is the file: the wall clock in microseconds when TERM comes, which bash knows without a further process. */
export const TELLS_TERM = `trap 'echo "$EPOCHREALTIME" >> "$0"; exit 0' TERM; while :; do sleep 1000 & wait; done`;

/** Milliseconds since 1970 at which TERM came, the first one first. */
export function termsIn(rig: Rig, file: string): number[] {
  return rig
    .text(file)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => Number(line.replace(',', '.')) * 1_000);
}
