/**
 * A reload at work, one replica (`Unit`) after the other or all at once: product.md, "Drain and reload". Every strategy is the same machine:
 *
 *   recreate    no surge, all may be away: each old engine is drained, goes, and the new one comes in its place
 *   rolling     so many beside the old ones, so many away
 *   blue-green  all beside the old ones, and none takes over before all are proven: then all at once, which is the commit
 *
 *   preparing → rolling → committed   `to` is the pool's spec; what is left is old engines that somebody still uses
 *             ↘ (failure) back        what is under way is taken back, then replaced replicas are given the old spec again, in reverse
 *
 * Until the commit the pool's spec is the old one: an engine that dies is restarted by it. After the commit every failure is an ordinary one.
 * A drain before the commit that runs out calls the reload off, unless leases may be cut; on the way back and after the commit it cuts them.
 */
import { isLive, livePhase } from '../engine/engine-state.ts';
import { engineClosed } from '../pool/closings-state.ts';
import { stopTold } from '../pool/endings-state.ts';
import { operationForced, stepped } from '../pool/operation-state.ts';
import { isEmpty, othersOf } from '../pool/others-state.ts';
import type { PoolState } from '../pool/pool-state.ts';
import type { Turn } from '../pool/turn.ts';
import { emit, engineAt, generationIn } from '../pool/turn.ts';
import { isWanted } from '../pool/wanted-state.ts';
import { besides, comesBack, goesAway, turnedBack } from './back-state.ts';
import { candidateBegun, tookOver } from './candidate-state.ts';
import { rolloutFailed } from './failed-state.ts';
import { rolloutCommitted, rolloutFinished } from './finish-state.ts';
import type { Rollout, Unit } from './rollout.ts';
import { soakMsOf } from './rollout-due-state.ts';
import { stranded, todoPut, unitDone, unitDropped, unitPut } from './units-state.ts';

export function rolloutAdvanced(turn: Turn): void {
  for (;;) {
    const { rollout } = turn.state;
    if (rollout === null) return;
    advanced(turn, rollout);
    if (turn.state.rollout === rollout) return;
  }
}

function advanced(turn: Turn, rollout: Rollout): void {
  if (isFailing(rollout)) return turnedBack(turn, rollout);
  if (rollout.step === 'preparing') return;
  if (rollout.step === 'committed') return besides(turn.state) ? undefined : rolloutFinished(turn);
  for (const unit of rollout.units) unitAdvanced(turn, unit);
  unitsBegun(turn);
  const now = turn.state.rollout;
  if (now === null || isFailing(now)) return;
  if (now.todo.length > 0 || now.units.some(({ step }) => step !== 'proven')) return;
  const behind = behindOf(turn.state, now);
  if (behind.length > 0) return todoPut(turn, behind);
  if (now.step === 'back') return besides(turn.state) ? undefined : rolloutFinished(turn);
  // The commit of blue-green: all are proven, so all take over in this turn.
  for (const unit of now.units) takenOver(turn, unit);
  rolloutCommitted(turn);
}

function isFailing({ failure, step }: Rollout): boolean {
  return failure !== null && step !== 'back';
}

/**
 * Replicas that live by another spec than they should in the end: on the way back those that were replaced, the last one first; before the commit
 * those that a person has started since the reload began. What has ended by itself is started by the right one anyway.
 */
function behindOf(state: PoolState, { kind, step, toSpecId, stranded, units, done }: Rollout): readonly number[] {
  if (kind === 'restart' || (step === 'back' && toSpecId === state.specId)) return [];
  const known = [...stranded, ...units.map(({ replica }) => replica)];
  const behind = state.engines.filter((engine) => {
    const { phase } = engine;
    if (phase.is !== 'ready' && phase.is !== 'unready' && phase.is !== 'starting') return false;
    if (!isWanted(state, engine) || known.includes(engine.replica)) return false;
    return (phase.run.specId === toSpecId) === (step === 'back');
  });
  return behind.map(({ replica }) => replica).toSorted((one, other) => done.indexOf(other) - done.indexOf(one));
}

function unitAdvanced(turn: Turn, unit: Unit): void {
  switch (unit.step) {
    case 'draining':
      return oldDrained(turn, unit);
    case 'trying':
      return tried(turn, unit);
    case 'proven':
      // It has to stay ready until all are.
      if (generationIn(turn.state, candidateOf(unit))?.phase.is !== 'ready') unitPut(turn, { ...unit, step: 'trying' });
      return;
    case 'retiring':
      return oldGone(turn, unit);
    case 'leaving':
      return goesAway(turn, unit);
    case 'returning':
      return comesBack(turn, unit);
    default:
      unit.step satisfies never;
  }
}

function oldDrained(turn: Turn, unit: Unit): void {
  const old = engineAt(turn, unit.replica);
  if (!isWanted(turn.state, old)) return unitDropped(turn, unit);
  if (old.phase.is === 'stuck') return obstructed(turn, unit.replica);
  if (isEmpty(turn.state, unit.replica)) tryBegun(turn, unit);
}

function tryBegun(turn: Turn, unit: Unit): void {
  const candidate = candidateBegun(turn, unit);
  unitPut(turn, { ...unit, step: 'trying', candidate: candidate.generation });
}

/** Its end is told elsewhere (`candidateEnded`): here it is ready long enough, or was and is no more. */
function tried(turn: Turn, unit: Unit): void {
  const candidate = generationIn(turn.state, candidateOf(unit));
  const { rollout } = turn.state;
  // It was taken back by a shutdown, say: then its replica's turn comes again.
  if (candidate === undefined || rollout === null) return unitDropped(turn, unit);
  if (rollout.step === 'back' && !isWanted(turn.state, engineAt(turn, unit.replica))) {
    stopTold(turn, candidate, 'requested');
    return unitPut(turn, { ...unit, step: 'leaving' });
  }
  const { phase } = candidate;
  if (phase.is === 'stuck') return rollout.step === 'back' ? unitPut(turn, { ...unit, step: 'leaving' }) : obstructed(turn, unit.replica);
  if (phase.is === 'unready') {
    const message = `the new ${turn.state.name}/${unit.replica} was ready and did not stay so: ${phase.run.samples.message ?? phase.why}`;
    return rolloutFailed(turn, { code: 'health_check_failed', message, cancelled: false });
  }
  if (phase.is !== 'ready' || phase.run.readySinceMs === null || turn.env.nowMs < phase.run.readySinceMs + soakMsOf(turn.state)) return;
  stepped(turn, unit.replica, `the new ${turn.state.name}/${unit.replica} has proved itself`);
  if (rollout.strategy === 'blue-green' && rollout.step === 'rolling') unitPut(turn, { ...unit, step: 'proven' });
  else takenOver(turn, unit);
}

/** The new one serves; the old one, where it lives, is drained. It need not be the one that lived when the unit began. */
function takenOver(turn: Turn, unit: Unit): void {
  const retired = tookOver(turn, unit);
  if (retired === null) unitDone(turn, unit);
  else unitPut(turn, { ...unit, step: 'retiring', old: retired.generation });
}

function oldGone(turn: Turn, unit: Unit): void {
  const old = generationIn(turn.state, { replica: unit.replica, generation: unit.old ?? 0 });
  if (old !== undefined && old.phase.is !== 'stuck') return;
  // Killed and still there: the new one serves all the same, and that one is left to itself.
  if (old !== undefined) operationForced(turn, unit.replica);
  unitDone(turn, unit);
}

/** As many as there is room for, in order. A replica that nobody wants any more is left out: its next start uses the pool's spec. */
function unitsBegun(turn: Turn): void {
  for (;;) {
    const { rollout } = turn.state;
    const [replica, ...todo] = rollout?.todo ?? [];
    if (rollout === null || replica === undefined || isFailing(rollout)) return;
    const engine = engineAt(turn, replica);
    if (!isWanted(turn.state, engine) || isBack(turn, rollout, replica)) {
      todoPut(turn, todo);
      continue;
    }
    const others = othersOf(turn.state, replica);
    if (others.some(({ phase }) => phase.is === 'stuck')) return obstructed(turn, replica);
    // Its other side is still in use.
    if (others.length > 0) return;
    const surge = roomFor(turn, rollout, isLive(engine));
    if (surge === null && rollout.units.length > 0) return;
    if (surge === null) return stranded(turn, replica, `${turn.state.name}/${replica} was left to serve: no more engines may be away`);
    const old = isLive(engine) ? engine.generation : null;
    unitBegun(turn, rollout, { replica, step: 'draining', inPlace: !surge, candidate: null, old });
  }
}

/** On the way back: it has the old spec by itself, or will have with its next start. */
function isBack(turn: Turn, { step, toSpecId }: Rollout, replica: number): boolean {
  return step === 'back' && livePhase(engineAt(turn, replica))?.run.specId !== toSpecId;
}

/** Beside the old one (true), in its place (false), or not yet. In the place of nothing there is always room for one; in blue-green for all. */
function roomFor(turn: Turn, rollout: Rollout, lives: boolean): boolean | null {
  const { units, maxSurge, maxUnavailable, strategy } = rollout;
  if (strategy === 'blue-green') return lives;
  // What the way back could not bring back is away as well.
  const lost = rollout.stranded.filter((replica) => engineAt(turn, replica).phase.is !== 'ready').length;
  const away = units.filter(({ inPlace }) => inPlace).length + lost;
  if (lives && units.filter(({ inPlace }) => !inPlace).length < maxSurge) return true;
  return away < (lives ? maxUnavailable : Math.max(1, maxUnavailable)) ? false : null;
}

function unitBegun(turn: Turn, rollout: Rollout, unit: Unit): void {
  const todo = rollout.todo.slice(1);
  turn.state = { ...turn.state, rollout: { ...rollout, todo, units: [...rollout.units, unit] } };
  emit(turn, 'reload.step', {
    operation: rollout.operationId,
    replica: unit.replica,
    step: unit.inPlace ? 'draining' : 'trying',
    direction: rollout.step,
  });
  if (!unit.inPlace) return tryBegun(turn, unit);
  engineClosed(turn, engineAt(turn, unit.replica), {
    for: 'rollout',
    deadlineMs: turn.env.nowMs + rollout.drainMs,
    takesQueue: false,
    atDeadline: rollout.step === 'back' || rollout.cutLeases ? 'forced' : 'abort',
  });
}

function candidateOf({ replica, candidate }: Unit): { readonly replica: number; readonly generation: number } {
  return { replica, generation: candidate ?? 0 };
}

/** Something of the replica was killed and is still there, so nothing is started beside it. */
function obstructed(turn: Turn, replica: number): void {
  const { name, rollout } = turn.state;
  const message = `${name}/${replica} was killed and is still there: nothing is started beside it; poolctl reset ${name} --forget lets go of it`;
  if (rollout?.step === 'back') stranded(turn, replica, message);
  else rolloutFailed(turn, { code: 'conflict', message, cancelled: false });
}
