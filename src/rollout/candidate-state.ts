/** From a candidate to the engine that serves, and back: which generation has the replica's place. */
import type { EngineState } from '../engine/engine-state.ts';
import { isLive, newEngine } from '../engine/engine-state.ts';
import { closedBreaker } from '../policy/breaker.ts';
import { canaryLeft } from '../pool/breakers-state.ts';
import { engineClosed, engineReopened } from '../pool/closings-state.ts';
import { stepped } from '../pool/operation-state.ts';
import { otherSide, parted } from '../pool/others-state.ts';
import { startBegun } from '../pool/starts-state.ts';
import type { Turn } from '../pool/turn.ts';
import { currentSpec, emit, engineAt, generationIn, put, refOf } from '../pool/turn.ts';
import type { Rollout, Unit } from './rollout.ts';

/** Starts the new one, by the spec that the reload is going to. */
export function candidateBegun(turn: Turn, unit: Unit): EngineState {
  const { rollout } = turn.state;
  const serving = engineAt(turn, unit.replica);
  const specId = rollout === null || rollout.step === 'back' ? turn.state.specId : rollout.toSpecId;
  const breaker = closedBreaker(currentSpec(turn.state).breaker, turn.env.nowMs);
  const side = unit.inPlace ? serving.side : otherSide(serving.side);
  // A port of its own beside the old one; in its place that one's.
  const port = unit.inPlace ? serving.port : null;
  return startBegun(turn, { ...newEngine(unit.replica, breaker), role: 'candidate', side, specId, port }, 'candidate');
}

/** The candidate has the replica's place from here on, with a clean record; an old engine that lives is drained. That one, or null. */
export function tookOver(turn: Turn, unit: Unit): EngineState | null {
  const { rollout } = turn.state;
  const candidate = generationIn(turn.state, { replica: unit.replica, generation: unit.candidate ?? 0 });
  if (rollout === null || candidate === undefined)
    throw new Error(`cannot hand over ${turn.state.name}/${unit.replica}: there is no candidate`);
  const old = engineAt(turn, unit.replica);
  canaryLeft(turn, old);
  parted(turn, candidate);
  const serving = put(turn, {
    ...old,
    ...placed(candidate),
    specId: rollout.step === 'back' ? null : rollout.toSpecId,
    closing: null,
    reports: [],
    row: 0,
    backoffRow: 0,
    blockedRow: 0,
    breaker: candidate.breaker,
  });
  const ref = refOf(turn, serving);
  turn.effects.push({ do: 'writeHandoff', ref });
  turn.state = { ...turn.state, beenReady: true };
  stepped(turn, unit.replica, `${turn.state.name}/${unit.replica} is served by generation ${serving.generation}`);
  emit(turn, 'reload.step', { operation: rollout.operationId, replica: unit.replica, step: 'serving', direction: rollout.step }, serving);
  awaitedNow(turn, serving);
  if (isLive(old)) return retired(turn, rollout, old);
  portLeft(turn, old, serving);
  return null;
}

/** Nothing lives on the side that another has taken the replica's place from: its port is free. */
function portLeft(turn: Turn, { replica, side }: EngineState, serving: EngineState): void {
  if (side !== serving.side) turn.effects.push({ do: 'releasePort', replica, side });
}

/** Whoever waits for a later generation than the one that was replaced has this one now, although it may have been begun before. */
function awaitedNow(turn: Turn, { replica, generation }: EngineState): void {
  const operations = turn.state.operations.map((operation) => {
    const late = operation.starts.some((start) => start.replica === replica && start.after >= generation);
    if (!late) return operation;
    const starts = operation.starts.map((start) =>
      start.replica === replica ? { ...start, after: Math.min(start.after, generation - 1) } : start,
    );
    return { ...operation, starts };
  });
  turn.state = { ...turn.state, operations };
}

function retired(turn: Turn, rollout: Rollout, old: EngineState): EngineState {
  const retiring = put(turn, { ...newEngine(old.replica, old.breaker), role: 'retiring', ...placed(old) });
  engineClosed(turn, retiring, {
    for: 'rollout',
    deadlineMs: turn.env.nowMs + rollout.drainMs,
    takesQueue: false,
    // Blue-green takes over with its commit: from there on nothing can be called off.
    atDeadline: rollout.strategy === 'blue-green' || rollout.step === 'back' || rollout.cutLeases ? 'forced' : 'abort',
  });
  return retiring;
}

/** The old one serves on, where it is not on its way out, and the new one goes when nobody uses it any more. */
export function tookBack(turn: Turn, unit: Unit): void {
  const { rollout } = turn.state;
  const old = generationIn(turn.state, { replica: unit.replica, generation: unit.old ?? 0 });
  if (rollout === null || old === undefined || (old.phase.is !== 'ready' && old.phase.is !== 'unready')) return;
  const serving = engineAt(turn, unit.replica);
  // Its end decides nothing any more.
  canaryLeft(turn, serving);
  parted(turn, old);
  // What its new spec has done says nothing about the old one.
  const clean = { row: 0, backoffRow: 0, blockedRow: 0 };
  const again = put(turn, { ...serving, ...placed(old), ...clean, specId: null, closing: old.closing, reports: [] });
  engineReopened(turn, again);
  turn.effects.push({ do: 'writeHandoff', ref: refOf(turn, again) });
  if (isLive(serving)) retired(turn, { ...rollout, step: 'back' }, serving);
  else portLeft(turn, serving, again);
  stepped(turn, unit.replica, `${turn.state.name}/${unit.replica} is served by generation ${again.generation} again`);
}

/** Killed and still there, where the replica's engine would be: it has the place until it is gone, or a person lets go of it. */
export function stuckPlaced(turn: Turn, candidate: EngineState): void {
  parted(turn, candidate);
  put(turn, { ...engineAt(turn, candidate.replica), ...placed(candidate), closing: null, reports: [] });
}

/** What makes a generation, apart from what belongs to its replica. */
function placed({
  side,
  generation,
  phase,
  seats,
  port,
}: EngineState): Pick<EngineState, 'side' | 'generation' | 'phase' | 'seats' | 'port'> {
  return { side, generation, phase, seats, port };
}
