/** When a reload has something to do by itself: at the end of a soak. A question. */
import type { PoolState } from '../pool/pool-state.ts';
import { generationIn } from '../pool/turn.ts';

/** Monotonic; Infinity when it waits for an event. */
export function rolloutDueMs(state: PoolState): number {
  const { rollout } = state;
  if (rollout === null || state.shuttingDown) return Number.POSITIVE_INFINITY;
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
