/** The only file that may read a clock, arm a timer or draw a random number. */

/** A timer that can be taken back; cancelling it twice is harmless. */
export interface Timer {
  cancel(): void;
}

/** Time and chance as the daemon sees them; tests and the simulator bring their own. */
export interface Clock {
  /** Milliseconds on CLOCK_MONOTONIC: the same for every process of one boot, meaningless in another. */
  nowMs(): number;
  /** Milliseconds since 1970 on the wall clock: for stamps that people read, never for a delay. */
  wallMs(): number;
  /** In [0, 1). */
  random(): number;
  /** Calls `fire` once after `delayMs` (below 0 counts as 0; Infinity never fires). */
  after(delayMs: number, fire: () => void): Timer;
}

/** The values a pure decision gets: sampled once by the caller, before the decision. */
export interface Moment {
  /** Monotonic milliseconds. */
  readonly nowMs: number;
  /** Wall-clock milliseconds since 1970. */
  readonly wallMs: number;
  /** Draws from [0, 1); the only thing here that is not a plain value. */
  readonly random: () => number;
}

/** `setTimeout` fires at once beyond 2^31-1 ms, so long delays are walked in steps of one day. */
const STEP_MS = 86_400_000;

export const systemClock: Clock = {
  nowMs: () => Number(process.hrtime.bigint()) / 1e6,
  wallMs: () => Date.now(),
  random: () => Math.random(),
  after(delayMs, fire) {
    const dueMs = systemClock.nowMs() + Math.max(0, delayMs);
    let handle: NodeJS.Timeout | undefined;
    const arm = (): void => {
      const leftMs = dueMs - systemClock.nowMs();
      if (leftMs <= 0) handle = setTimeout(fire, 0);
      else if (leftMs <= STEP_MS) handle = setTimeout(fire, leftMs);
      else handle = setTimeout(arm, STEP_MS);
    };
    if (dueMs !== Number.POSITIVE_INFINITY) arm();
    return { cancel: () => clearTimeout(handle) };
  },
};

/** One sample of a clock, to hand to a decision. */
export function momentOf(clock: Clock): Moment {
  return { nowMs: clock.nowMs(), wallMs: clock.wallMs(), random: clock.random };
}

/** Resolves after `delayMs`: for pauses at the edge, never inside a decision. */
export function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
}
