/**
 * From the decision to end a generation, or the news that it has ended, until its whole tree is gone: product.md, "Starting" and "Drain" (TERM, KILL at
 * `stop.timeout`, over only when the tree is gone). The reason is written BEFORE the signal; the first writer wins.
 */
import type { EngineState, Exit } from '../engine/engine-state.ts';
import { livePhase } from '../engine/engine-state.ts';
import type { EndReason } from '../policy/crash-class.ts';
import { canaryFailed, canaryLeft } from './breakers-state.ts';
import { generationEnded } from './failures-state.ts';
import { operationForced, stepped } from './operation-state.ts';
import { leftBeside } from './others-state.ts';
import type { Evidence } from './pool-events.ts';
import type { Turn } from './turn.ts';
import { emit, put, putRun, refOf, specOf } from './turn.ts';

/** How long a tree may take to vanish after KILL before its engine is called stuck. */
export const STUCK_AFTER_MS = 5_000;

/** Begins the end of a live generation, whatever step it is at. One that is ending already keeps its reason and its deadline. */
export function stopTold(turn: Turn, engine: EngineState, reason: EndReason): void {
  const live = livePhase(engine);
  if (live === null || live.is === 'stopping' || live.is === 'stuck') return;
  if (live.is === 'starting' && live.step === 'spawning') {
    if (live.run.endReason === null) putRun(turn, engine, { endReason: reason });
    return;
  }
  if (live.is === 'starting' && live.step !== 'probing') {
    calledOff(turn, engine);
    return;
  }
  const { stop } = specOf(turn.state, live.run.specId);
  const run = { ...live.run, endReason: live.run.endReason ?? reason, readySinceMs: null };
  const stopping = put(turn, { ...engine, phase: { is: 'stopping', killAtMs: turn.env.nowMs + stop.timeoutMs, stuckAtMs: null, run } });
  const ref = refOf(turn, stopping);
  turn.effects.push({ do: 'stopProbing', ref }, { do: 'removeHandoff', ref }, { do: 'terminate', ref }, { do: 'awaitGone', ref });
  stepped(turn, engine.replica, `stopping ${turn.state.name}/${engine.replica}`);
}

/** The main process has ended. Unasked: what is left of its tree is killed. Asked: the rest gets TERM, and the time that was given. */
export function exited(turn: Turn, engine: EngineState, exit: Exit): void {
  const live = livePhase(engine);
  if (live === null || live.run.identity === null || live.run.exit !== null) return;
  const known = putRun(turn, engine, { exit });
  const ref = refOf(turn, known);
  if (live.is === 'stopping' || live.is === 'stuck') {
    turn.effects.push({ do: 'terminateRest', ref });
    return;
  }
  const { nowMs } = turn.env;
  put(turn, {
    ...known,
    phase: { is: 'stopping', killAtMs: nowMs, stuckAtMs: nowMs + STUCK_AFTER_MS, run: { ...live.run, exit, readySinceMs: null } },
  });
  turn.effects.push({ do: 'stopProbing', ref }, { do: 'removeHandoff', ref }, { do: 'kill', ref }, { do: 'awaitGone', ref });
}

/** The whole tree is gone: only now the generation has ended. */
export function gone(turn: Turn, engine: EngineState, evidence: Evidence): void {
  const live = livePhase(engine);
  if (live === null || (live.is !== 'stopping' && live.is !== 'stuck')) return;
  if (live.run.killed) operationForced(turn, engine.replica);
  generationEnded(turn, engine, evidence);
}

/** `stop.timeout` has run out, or the time after KILL. */
export function killTimeElapsed(turn: Turn, engine: EngineState): void {
  const { phase } = engine;
  const { nowMs } = turn.env;
  if (phase.is !== 'stopping') return;
  if (phase.stuckAtMs === null && nowMs >= phase.killAtMs) {
    put(turn, { ...engine, phase: { ...phase, stuckAtMs: nowMs + STUCK_AFTER_MS, run: { ...phase.run, killed: true } } });
    turn.effects.push({ do: 'kill', ref: refOf(turn, engine) });
    stepped(turn, engine.replica, `killing ${turn.state.name}/${engine.replica}: it was still there after stop.timeout`);
  } else if (phase.stuckAtMs !== null && nowMs >= phase.stuckAtMs) {
    // Its end may never come: a breaker does not wait for it.
    if (phase.run.endReason === 'requested') canaryLeft(turn, engine);
    else canaryFailed(turn, engine);
    const stuck = put(turn, { ...engine, phase: { is: 'stuck', why: 'unkillable', run: phase.run } });
    emit(turn, 'engine.stuck', { reason: 'unkillable' }, stuck);
  }
}

/** A start that has no process yet is simply not made. */
function calledOff(turn: Turn, engine: EngineState): void {
  const ref = refOf(turn, engine);
  canaryLeft(turn, engine);
  if (engine.role === 'serving') put(turn, { ...engine, closing: null, phase: { is: 'idle' } });
  else leftBeside(turn, engine);
  turn.effects.push({ do: 'abandon', ref }, { do: 'releaseDevice', ref });
  emit(turn, 'engine.stopped', { reason: 'called_off' }, engine);
}
