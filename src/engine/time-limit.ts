/** The limit of a question or a command, by a daemon that may itself be held up: stopped, starved of its processor, in a long garbage collection. */
import type { Clock, Timer } from '../clock.ts';

/** A busy machine is late by less; then the answer has been read, if there was one. */
const HELD_UP_MS = 250;

/**
 * Calls `over` once when the time is over. Timers come before what has arrived meanwhile, so a daemon that was held up beyond the limit would call late
 * what has answered in time, and end a healthy engine for that: then the limit counts once more, from now, and no third time.
 */
export function timeLimit(clock: Clock, limitMs: number, over: () => void): Timer {
  const dueMs = clock.nowMs() + limitMs;
  let timer = clock.after(limitMs, () => {
    if (clock.nowMs() <= dueMs + HELD_UP_MS) return over();
    timer = clock.after(limitMs, over);
  });
  return { cancel: () => timer.cancel() };
}
