/** When a reload has something to do by itself: at the end of a soak, and when its turn has come. Questions. */
import type { PoolState } from '../pool/pool-state.ts';
import { generationIn } from '../pool/turn.ts';

/** What a reload waits for is under way. */
export function isBusy({ drain, rollout, rolling }: PoolState): boolean {
  return drain !== null || rollout !== null || rolling !== null;
}

/** Monotonic; Infinity when it waits for an event. */
export function rolloutDueMs(state: PoolState, nowMs: number): number {
  const { rollout, waitingReload } = state;
  if (state.shuttingDown) return Number.POSITIVE_INFINITY;
  if (rollout === null) return waitingReload === null || isBusy(state) ? Number.POSITIVE_INFINITY : nowMs;
  const soaked = rollout.units.flatMap(({ replica, candidate, step }) => {
    if (step !== 'trying' || candidate === null) return [];
    const phase = generationIn(state, { replica, generation: candidate })?.phase;
    return phase?.is === 'ready' && phase.run.readySinceMs !== null ? [phase.run.readySinceMs + soakMsOf(state)] : [];
  });
  return Math.min(Number.POSITIVE_INFINITY, ...soaked);
}

/** On the way back nothing is proved: what served before is known. */
export function soakMsOf({ rollout }: PoolState): number {
  return rollout === null || rollout.step === 'back' ? 0 : rollout.soakMs;
}
