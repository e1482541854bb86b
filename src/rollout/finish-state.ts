/** The commit and the end of a reload. */
import { ended } from '../pool/operation-state.ts';
import { poolReset } from '../pool/reset-state.ts';
import type { Turn } from '../pool/turn.ts';
import { emit, put } from '../pool/turn.ts';
import type { Rollout, RolloutFailure } from './rollout.ts';

/** The new spec is the pool's: from here on it is what starts go by, and nothing goes back. */
export function rolloutCommitted(turn: Turn): void {
  const { rollout } = turn.state;
  if (rollout === null) return;
  const { toSpecId, sets } = rollout;
  turn.state = {
    ...turn.state,
    specId: toSpecId,
    sets,
    prepared: { specId: toSpecId, step: 'done' },
    rollout: {
      ...rollout,
      step: 'committed',
      units: [],
      todo: [],
      done: [...rollout.done, ...rollout.units.map(({ replica }) => replica)],
    },
  };
  const concerned = rollout.kind === 'restart' ? (turn.state.rollout?.done ?? []) : turn.state.engines.map(({ replica }) => replica);
  for (const engine of turn.state.engines) {
    if (!concerned.includes(engine.replica)) continue;
    // A failure of the old spec says nothing about the new one: its back-off begins anew.
    const phase = engine.phase.is === 'backoff' ? { ...engine.phase, dueMs: Math.min(engine.phase.dueMs, turn.env.nowMs) } : engine.phase;
    put(turn, { ...engine, specId: null, backoffRow: 0, phase });
  }
  if (rollout.revives) poolReset(turn);
  emit(turn, 'reload.step', { operation: rollout.operationId, replica: null, step: 'committed', direction: 'rolling' });
}

export function rolloutFinished(turn: Turn): void {
  const { rollout } = turn.state;
  if (rollout === null) return;
  const operation = turn.state.operations.find(({ id }) => id === rollout.operationId);
  const { failure, kind } = rollout;
  const outcome = failure === null ? reachedBy(turn, rollout) : failedBy(rollout, failure);
  turn.state = { ...turn.state, rollout: null, lastError: failure === null || failure.cancelled ? turn.state.lastError : failure.message };
  emit(turn, 'reload.finished', {
    operation: rollout.operationId,
    kind,
    strategy: rollout.strategy,
    outcome,
    success: failure === null,
    reason: failure?.code ?? null,
    message: failure?.message ?? null,
    durationMs: Math.round(Math.max(0, turn.env.nowMs - rollout.sinceMs)),
  });
  if (operation === undefined) return;
  if (failure === null) ended(turn, operation, { is: 'succeeded', outcome });
  else if (failure.cancelled) ended(turn, operation, { is: 'cancelled', outcome, message: failure.message });
  else
    ended(turn, operation, { is: 'failed', outcome, code: failure.code, message: `cannot ${kind} ${turn.state.name}: ${failure.message}` });
}

/** An old engine that was killed and is still there was forced as well. */
function reachedBy({ state }: Turn, { operationId, kind }: Rollout): string {
  const forced = state.operations.some(({ id, forced: cut }) => id === operationId && cut) || state.others.length > 0;
  if (forced) return 'forced';
  return kind === 'reload' ? 'reloaded' : 'restarted';
}

function failedBy({ kind }: Rollout, { cancelled }: RolloutFailure): string {
  if (cancelled) return 'cancelled';
  return kind === 'reload' ? 'rolled_back' : 'failed';
}
