/** Asks again and again, never twice at the same time. */
import type { Clock, Timer } from '../../clock.ts';

export interface Repetition {
  readonly clock: Clock;
  readonly firstDelayMs: number;
  /** One round; resolves to the delay until the next, counted from the START of this one, or null when it was the last. Must not reject. */
  readonly round: () => Promise<number | null>;
}

/** Returns what ends it: the round under way still ends, no other begins. */
export function repeat({ clock, firstDelayMs, round }: Repetition): () => void {
  let timer: Timer | null = null;
  let stopped = false;
  const arm = (delayMs: number): void => {
    timer = clock.after(delayMs, () => void begin());
  };
  const begin = async (): Promise<void> => {
    const startedMs = clock.nowMs();
    const periodMs = await round();
    if (stopped || periodMs === null) return;
    arm(Math.max(1, periodMs - (clock.nowMs() - startedMs)));
  };
  arm(firstDelayMs);
  return () => {
    stopped = true;
    timer?.cancel();
  };
}
