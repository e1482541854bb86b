/** `reset`: breakers closed, rows and counts 0; what is missing starts by the first back-off step, through the limiter and never towards a storm. */
import type { EngineState } from '../engine/engine-state.ts';
import { backoffDelayMs } from '../policy/backoff.ts';
import { closedBreaker } from '../policy/breaker.ts';
import type { Given } from './begun-state.ts';
import { begun } from './begun-state.ts';
import { ANY, breakerClosed, canaryLeft, causeLetGo, classState, putClass } from './breakers-state.ts';
import { engineDrainEnded } from './drain-state.ts';
import { backoffAnnounced } from './failures-state.ts';
import { leftBeside } from './others-state.ts';
import type { Turn } from './turn.ts';
import { currentSpec, emit, put, refOf } from './turn.ts';

export function resetTold(turn: Turn, given: Given, command: { readonly class: string | null; readonly forget: boolean }): void {
  begun(turn, given, {});
  if (command.forget)
    for (const engine of [...turn.state.engines, ...turn.state.others]) if (engine.phase.is === 'stuck') forgotten(turn, engine);
  if (command.class === null) return poolReset(turn);
  classReset(turn, command.class);
  for (const engine of turn.state.engines) if (engine.lastFailureClass === command.class) engineReset(turn, engine);
}

/** All of them. */
export function poolReset(turn: Turn): void {
  for (const name of Object.keys(turn.state.classes)) classReset(turn, name);
  breakerClosed(turn, ANY);
  turn.state = { ...turn.state, breaker: freshBreaker(turn), canary: null, storm: [], restartCount: 0 };
  for (const engine of turn.state.engines) engineReset(turn, engine);
}

function classReset(turn: Turn, name: string): void {
  breakerClosed(turn, name);
  putClass(turn, name, { ...classState(turn, name), row: 0, breaker: freshBreaker(turn) });
}

function engineReset(turn: Turn, engine: EngineState): void {
  if (engine.breaker.is !== 'closed') emit(turn, 'breaker.closed', { class: ANY }, engine);
  const { backoff } = currentSpec(turn.state);
  const delayMs = backoffDelayMs(backoff, { failures: 1, crashClass: engine.lastFailureClass ?? '', random: turn.env.random() });
  const missing = engine.phase.is === 'backoff' || engine.phase.is === 'failed';
  const cause = engine.phase.is === 'backoff' ? causeLetGo(engine.phase.cause) : 'recovery';
  const phase = missing ? ({ is: 'backoff', why: 'failure', cause, dueMs: turn.env.nowMs + delayMs, delayMs } as const) : engine.phase;
  const after = put(turn, { ...engine, row: 0, backoffRow: 0, blockedRow: 0, breaker: freshBreaker(turn), phase });
  if (missing) backoffAnnounced(turn, after);
}

/** A person vouches that the stuck process does not matter any more: its port and devices are free again. */
function forgotten(turn: Turn, engine: EngineState): void {
  const ref = refOf(turn, engine);
  canaryLeft(turn, engine);
  engineDrainEnded(turn, engine, 'forced');
  if (engine.role === 'serving') {
    put(turn, { ...engine, closing: null, phase: { is: 'idle' }, port: null });
    turn.effects.push({ do: 'releasePort', replica: engine.replica, side: engine.side });
  } else leftBeside(turn, engine);
  turn.effects.push({ do: 'releaseDevice', ref }, { do: 'abandon', ref });
  emit(turn, 'engine.stopped', { reason: 'forgotten' }, engine);
}

function freshBreaker(turn: Turn): EngineState['breaker'] {
  return closedBreaker(currentSpec(turn.state).breaker, turn.env.nowMs);
}
