/** The first step of a reload: `prepare` of the new spec, before any old engine is touched. */
import type { Turn } from '../pool/turn.ts';
import { specOf } from '../pool/turn.ts';
import { rolloutFailed } from './failed-state.ts';

/** Orders it, or goes on at once where there is nothing to prepare. */
export function rolloutPrepared(turn: Turn): void {
  const { rollout, prepared, specId } = turn.state;
  if (rollout === null || rollout.step !== 'preparing' || rollout.failure !== null) return;
  const { toSpecId } = rollout;
  const there = specOf(turn.state, toSpecId).engine.prepare === null || (prepared?.specId === toSpecId && prepared.step === 'done');
  if (there) {
    turn.state = { ...turn.state, rollout: { ...rollout, step: 'rolling' } };
    return;
  }
  // Of the pool's own spec it is the same prepare that any start waits for.
  if (toSpecId === specId) turn.state = { ...turn.state, prepared: { specId, step: 'running' } };
  if (prepared?.specId !== toSpecId) turn.effects.push({ do: 'prepare', specId: toSpecId });
}

/** `prepare` of a spec has ended. */
export function candidatePrepared(turn: Turn, specId: string, failure: string | null): void {
  const { rollout } = turn.state;
  if (rollout === null || rollout.step !== 'preparing' || rollout.toSpecId !== specId) return;
  if (failure === null) turn.state = { ...turn.state, rollout: { ...rollout, step: 'rolling' } };
  else rolloutFailed(turn, { code: 'reload_failed', message: failure, cancelled: false });
}
