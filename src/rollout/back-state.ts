/** The way back of a reload: what is under way is taken back, and the engines of the old spec have their places again. */
import type { EngineState } from '../engine/engine-state.ts';
import { isLive } from '../engine/engine-state.ts';
import { closedBreaker } from '../policy/breaker.ts';
import { engineReopened } from '../pool/closings-state.ts';
import { stopTold } from '../pool/endings-state.ts';
import { operationStepped } from '../pool/operation-state.ts';
import type { PoolState } from '../pool/pool-state.ts';
import { startFault } from '../pool/start-fault-state.ts';
import { startBegun } from '../pool/starts-state.ts';
import type { Turn } from '../pool/turn.ts';
import { currentSpec, emit, engineAt, generationIn, put } from '../pool/turn.ts';
import { isWanted } from '../pool/wanted-state.ts';
import { stuckPlaced, tookBack } from './candidate-state.ts';
import type { Rollout, Unit } from './rollout.ts';
import { stranded, unitDone, unitDropped, unitPut } from './units-state.ts';

/** Something went wrong before the commit. From here on every start uses the pool's spec, which is still the old one. */
export function turnedBack(turn: Turn, rollout: Rollout): void {
  const { failure } = rollout;
  emit(turn, 'reload.rolled_back', { operation: rollout.operationId, reason: failure?.code ?? null, message: failure?.message ?? null });
  operationStepped(turn, rollout.operationId, `going back: ${failure?.message ?? 'called off'}`);
  turn.state = { ...turn.state, rollout: { ...rollout, step: 'back', todo: [] } };
  const units = rollout.units.map((unit) => unitTurnedBack(turn, unit));
  turn.state = { ...turn.state, rollout: { ...rollout, step: 'back', todo: [], units } };
  for (const engine of turn.state.engines) if (engine.specId !== null) put(turn, oldSpecNext(turn, engine));
}

/** What its new spec has done to it says nothing about the old one. */
function oldSpecNext(turn: Turn, engine: EngineState): EngineState {
  const clean = { ...engine, specId: null, row: 0, backoffRow: 0, blockedRow: 0 };
  // One that lives may be the one try of a breaker: its end decides, whatever spec it runs by.
  if (isLive(engine)) return clean;
  const phase = engine.phase.is === 'backoff' ? { ...engine.phase, dueMs: Math.min(engine.phase.dueMs, turn.env.nowMs) } : engine.phase;
  const breaker = closedBreaker(currentSpec(turn.state).breaker, turn.env.nowMs);
  return { ...clean, breaker, phase };
}

/** `leaving` where a candidate has to go first. */
function unitTurnedBack(turn: Turn, unit: Unit): Unit {
  const serving = engineAt(turn, unit.replica);
  switch (unit.step) {
    case 'draining':
      if (isWanted(turn.state, serving) && serving.closing?.for === 'rollout' && isUp(serving)) engineReopened(turn, serving);
      return { ...unit, step: 'returning' };
    case 'retiring':
      if (isWanted(turn.state, serving)) tookBack(turn, unit);
      return { ...unit, step: 'returning' };
    default: {
      const candidate = candidateOf(turn, unit);
      if (candidate !== undefined) stopTold(turn, candidate, 'requested');
      return { ...unit, step: 'leaving' };
    }
  }
}

/** The candidate that is taken back. */
export function goesAway(turn: Turn, unit: Unit): void {
  const candidate = candidateOf(turn, unit);
  if (candidate !== undefined && candidate.phase.is !== 'stuck') return;
  // Nothing is started beside it, so it has the place; on another side of the replica it is in nobody's way.
  if (candidate !== undefined && unit.inPlace) stuckPlaced(turn, candidate);
  unitPut(turn, { ...unit, step: 'returning' });
}

/** The replica has its old engine again, or one that was started by the old spec, or cannot have it: then the reload says both. */
export function comesBack(turn: Turn, unit: Unit): void {
  const engine = engineAt(turn, unit.replica);
  if (!isWanted(turn.state, engine)) return unitDropped(turn, unit);
  switch (engine.phase.is) {
    case 'ready':
    case 'unready':
      return unitDone(turn, unit);
    case 'idle':
      // It was ended for the reload: whatever holds starts back does not hold this one, and its end tells what it tells of a retry.
      startBegun(turn, engine, 'retry');
      return;
    case 'starting':
    case 'stopping':
      return;
    default: {
      const id = `${turn.state.name}/${unit.replica}`;
      const why =
        engine.phase.is === 'stuck' ? 'it was killed and is still there' : (engine.lastExit?.message ?? `it is ${engine.phase.is}`);
      stranded(turn, unit.replica, `${id} did not serve: ${startFault(id, why)}`);
    }
  }
}

/** Something is still there beside the engines that serve, and will go. */
export function besides({ others }: PoolState): boolean {
  return others.some(({ phase }) => phase.is !== 'stuck');
}

function isUp({ phase }: EngineState): boolean {
  return phase.is === 'ready' || phase.is === 'unready';
}

function candidateOf(turn: Turn, { replica, candidate }: Unit): EngineState | undefined {
  const there = generationIn(turn.state, { replica, generation: candidate ?? 0 });
  return there?.role === 'candidate' ? there : undefined;
}
