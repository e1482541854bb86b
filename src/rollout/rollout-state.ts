/**
 * A reload at work, one replica (`Unit`) after the other or all at once: product.md, "Drain and reload". Every strategy is the same machine:
 *
 *   recreate    no surge, all may be away: each old engine is drained, goes, and the new one comes in its place
 *   rolling     so many beside the old ones, so many away
 *   blue-green  all beside the old ones, and none takes over before all are proven: then all at once, which is the commit
 *
 *   preparing → rolling → committed   `to` is the pool's spec; what is left is old engines that somebody still uses
 *             ↘ (failure) back        replaced replicas are given the old spec again, in reverse
 *
 * Until the commit the pool's spec is the old one: an engine that dies is restarted by it. After the commit every failure is an ordinary one.
 * A drain before the commit that runs out calls the reload off, unless leases may be cut; on the way back and after the commit it cuts them.
 */
import { isLive } from '../engine/engine-state.ts';
import { engineClosed, engineReopened } from '../pool/closings-state.ts';
import { stopTold } from '../pool/endings-state.ts';
import { stepped } from '../pool/operation-state.ts';
import { isEmpty } from '../pool/others-state.ts';
import type { Turn } from '../pool/turn.ts';
import { emit, engineAt, generationIn, put } from '../pool/turn.ts';
import { isWanted } from '../pool/wanted-state.ts';
import { candidateBegun, tookBack, tookOver } from './candidate-state.ts';
import { rolloutFailed } from './failed-state.ts';
import { rolloutCommitted, rolloutFinished } from './finish-state.ts';
import type { Rollout, Unit } from './rollout.ts';
import { soakMsOf } from './rollout-due-state.ts';

export function rolloutAdvanced(turn: Turn): void {
  for (;;) {
    const { rollout } = turn.state;
    if (rollout === null) return;
    advanced(turn, rollout);
    if (turn.state.rollout === rollout) return;
  }
}

function advanced(turn: Turn, rollout: Rollout): void {
  if (rollout.failure !== null && rollout.step !== 'back') return turnedBack(turn, rollout);
  if (rollout.step === 'preparing') return;
  if (rollout.step === 'committed') {
    if (turn.state.others.every(({ role }) => role !== 'retiring')) rolloutFinished(turn);
    return;
  }
  for (const unit of rollout.units) unitAdvanced(turn, unit);
  unitsBegun(turn);
  const now = turn.state.rollout;
  if (now === null || (now.failure !== null && now.step !== 'back')) return;
  if (now.strategy === 'blue-green' && now.step === 'rolling') return allAtOnce(turn, now);
  if (now.todo.length > 0 || now.units.length > 0) return;
  if (now.step === 'rolling') rolloutCommitted(turn);
  else if (!turn.state.others.some(isLive)) rolloutFinished(turn);
}

function unitAdvanced(turn: Turn, unit: Unit): void {
  switch (unit.step) {
    case 'draining':
      return oldDrained(turn, unit);
    case 'trying':
      return tried(turn, unit);
    case 'proven':
      if (turn.state.rollout?.strategy !== 'blue-green' || turn.state.rollout.step === 'back') takenOver(turn, unit);
      return;
    case 'retiring':
    case 'leaving':
      return oneGone(turn, unit);
    default:
      unit.step satisfies never;
  }
}

function oldDrained(turn: Turn, unit: Unit): void {
  const old = engineAt(turn, unit.replica);
  if (!isWanted(turn.state, old)) return unitDropped(turn, unit);
  if (old.phase.is === 'stuck') return rolloutFailed(turn, stuck(turn, unit));
  if (isEmpty(turn.state, unit.replica)) tryBegun(turn, unit);
}

function tryBegun(turn: Turn, unit: Unit): void {
  const candidate = candidateBegun(turn, unit);
  unitPut(turn, { ...unit, step: 'trying', candidate: candidate.generation });
}

/** Its end is told elsewhere (`candidateEnded`): here it is ready long enough, or was and is no more. */
function tried(turn: Turn, unit: Unit): void {
  const candidate = generationIn(turn.state, { replica: unit.replica, generation: unit.candidate ?? 0 });
  // On the way back nothing is left to go back to: the replica is started by the old spec as any other.
  if (candidate === undefined) return turn.state.rollout?.step === 'back' ? unitDropped(turn, unit) : undefined;
  const { phase } = candidate;
  if (phase.is === 'unready') {
    const message = `the new ${turn.state.name}/${unit.replica} was ready and did not stay so: ${phase.run.samples.message ?? phase.why}`;
    return rolloutFailed(turn, { code: 'health_check_failed', message, cancelled: false });
  }
  if (phase.is !== 'ready' || phase.run.readySinceMs === null || turn.env.nowMs < phase.run.readySinceMs + soakMsOf(turn.state)) return;
  unitPut(turn, { ...unit, step: 'proven' });
  stepped(turn, unit.replica, `the new ${turn.state.name}/${unit.replica} has proved itself`);
}

/** The new one serves; the old one, where it lives, is drained. */
function takenOver(turn: Turn, unit: Unit): void {
  tookOver(turn, unit);
  const old = generationIn(turn.state, { replica: unit.replica, generation: unit.old ?? 0 });
  if (old === undefined || old.role !== 'retiring') return unitDone(turn, unit);
  unitPut(turn, { ...unit, step: 'retiring' });
}

function oneGone(turn: Turn, unit: Unit): void {
  const generation = unit.step === 'retiring' ? unit.old : unit.candidate;
  const there = generationIn(turn.state, { replica: unit.replica, generation: generation ?? 0 });
  if (there !== undefined && there.role !== 'serving') {
    if (there.phase.is === 'stuck' && unit.step === 'retiring') rolloutFailed(turn, stuck(turn, unit));
    return;
  }
  if (unit.step === 'retiring') unitDone(turn, unit);
  else unitDropped(turn, unit);
}

/** As many as there is room for, in order. A replica that nobody wants any more is left out: its next start uses the new spec. */
function unitsBegun(turn: Turn): void {
  for (;;) {
    const { rollout } = turn.state;
    const [replica, ...todo] = rollout?.todo ?? [];
    if (rollout === null || replica === undefined || (rollout.failure !== null && rollout.step !== 'back')) return;
    const engine = engineAt(turn, replica);
    if (!isWanted(turn.state, engine)) {
      turn.state = { ...turn.state, rollout: { ...rollout, todo } };
      continue;
    }
    const beside = rollout.units.filter(({ inPlace }) => !inPlace).length;
    // What was not there takes nothing away: its successor is never waited for by others, which with blue-green would wait for it.
    const away = rollout.units.filter(({ inPlace, old }) => inPlace && old !== null).length;
    const lives = isLive(engine);
    const surge = lives && beside < rollout.maxSurge;
    if (lives && !surge && away >= rollout.maxUnavailable) return;
    unitBegun(turn, rollout, { replica, step: 'draining', inPlace: !surge, candidate: null, old: lives ? engine.generation : null });
  }
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
  // Whatever becomes of the way back: from here on the replica's spec is the old one.
  const engine = put(turn, rollout.step === 'back' ? { ...engineAt(turn, unit.replica), specId: null } : engineAt(turn, unit.replica));
  engineClosed(turn, engine, {
    for: 'rollout',
    deadlineMs: turn.env.nowMs + rollout.drainMs,
    takesQueue: false,
    atDeadline: rollout.step === 'back' || rollout.cutLeases ? 'forced' : 'abort',
  });
}

/** The commit of blue-green: all are proven, so all take over in this turn. */
function allAtOnce(turn: Turn, rollout: Rollout): void {
  if (rollout.todo.length > 0 || rollout.units.some(({ step }) => step !== 'proven')) return;
  for (const unit of rollout.units) takenOver(turn, unit);
  rolloutCommitted(turn);
}

/** Something went wrong before the commit: what is under way is taken back, then what was done, in reverse. */
function turnedBack(turn: Turn, rollout: Rollout): void {
  const { failure } = rollout;
  emit(turn, 'reload.rolled_back', { operation: rollout.operationId, reason: failure?.code ?? null, message: failure?.message ?? null });
  for (const replica of replicasOfRollout(rollout)) stepped(turn, replica, `going back: ${failure?.message ?? 'called off'}`);
  const changes = rollout.fromSpecId !== rollout.toSpecId;
  turn.state = {
    ...turn.state,
    rollout: { ...rollout, step: 'back', todo: changes ? rollout.done.toReversed() : [], done: [], units: [] },
  };
  const units = rollout.units.flatMap((unit) => unitTurnedBack(turn, unit));
  const back = turn.state.rollout ?? rollout;
  turn.state = { ...turn.state, rollout: { ...back, units } };
}

/** What of it has still to be waited for. */
function unitTurnedBack(turn: Turn, unit: Unit): Unit[] {
  const candidate = generationIn(turn.state, { replica: unit.replica, generation: unit.candidate ?? 0 });
  if (unit.step === 'draining') {
    const old = engineAt(turn, unit.replica);
    if (old.phase.is === 'ready' || old.phase.is === 'unready') engineReopened(turn, old);
    return [];
  }
  if (unit.step === 'retiring') {
    const took = tookBack(turn, unit);
    const { rollout } = turn.state;
    // The old one is going or gone: then the replica is one of those that get the old spec again.
    if (!took && rollout !== null && rollout.fromSpecId !== rollout.toSpecId) {
      turn.state = { ...turn.state, rollout: { ...rollout, todo: [unit.replica, ...rollout.todo] } };
    }
    return [];
  }
  if (candidate === undefined || candidate.role !== 'candidate') return [];
  stopTold(turn, candidate, 'requested');
  // One that had no process yet is gone already.
  return generationIn(turn.state, candidate) === undefined ? [] : [{ ...unit, step: 'leaving' }];
}

function unitPut(turn: Turn, unit: Unit): void {
  const { rollout } = turn.state;
  if (rollout === null) return;
  turn.state = {
    ...turn.state,
    rollout: { ...rollout, units: rollout.units.map((other) => (other.replica === unit.replica ? unit : other)) },
  };
}

function unitDropped(turn: Turn, unit: Unit): void {
  const { rollout } = turn.state;
  if (rollout === null) return;
  turn.state = { ...turn.state, rollout: { ...rollout, units: rollout.units.filter(({ replica }) => replica !== unit.replica) } };
}

function unitDone(turn: Turn, unit: Unit): void {
  unitDropped(turn, unit);
  const { rollout } = turn.state;
  if (rollout !== null) turn.state = { ...turn.state, rollout: { ...rollout, done: [...rollout.done, unit.replica] } };
}

export function replicasOfRollout({ todo, units, done }: Rollout): readonly number[] {
  return [...todo, ...units.map(({ replica }) => replica), ...done];
}

function stuck(turn: Turn, { replica }: Unit) {
  const { name } = turn.state;
  const message = `${name}/${replica} was killed and is still there: nothing is started beside it; poolctl reset ${name} --forget lets go of it`;
  return { code: 'conflict', message, cancelled: false } as const;
}
