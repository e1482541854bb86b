/** The only file that may read a clock, arm a timer or draw a random number. */
import { readFileSync } from 'node:fs';

/** A timer that can be taken back; cancelling it twice is harmless. */
export interface Timer {
  cancel(): void;
}

/** Time and chance as the daemon sees them; tests and the simulator bring their own. */
export interface Clock {
  /** Milliseconds on the host's CLOCK_MONOTONIC: the same for every process of one boot, whatever its time namespace; meaningless in another boot. */
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

/**
 * How far the clock is set off against the host's in the time namespace of this process, as a container may be: one that is started anew with another
 * offset would otherwise read what it has stored by the wrong clock, and take its own engines for others. 0 without time namespaces.
 */
export function namespaceOffsetMs(of: 'monotonic' | 'boottime'): number {
  try {
    const line = new RegExp(`^${of} +(-?\\d+) +(\\d+)$`, 'm').exec(readFileSync('/proc/self/timens_offsets', 'utf8'));
    return Number(line?.[1] ?? 0) * 1_000 + Number(line?.[2] ?? 0) / 1e6;
  } catch {
    return 0;
  }
}

const MONOTONIC_OFFSET_MS = namespaceOffsetMs('monotonic');

export const systemClock: Clock = {
  nowMs: () => Number(process.hrtime.bigint()) / 1e6 - MONOTONIC_OFFSET_MS,
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
