/** What is told of drains: of the whole pool as one, of a single engine by itself. Nothing is decided here. contract.md, "Events". */
import type { EngineState } from '../engine/engine-state.ts';
import { isLive } from '../engine/engine-state.ts';
import { takenOf } from '../lease/lease-state.ts';
import { activeLeases } from '../lease/seats-state.ts';
import type { Drain } from './pool-state.ts';
import type { Turn } from './turn.ts';
import { allEngines, emit, stampOf } from './turn.ts';

/** Of the pool. A second one takes the shorter deadline, unless it says that it may be longer. */
export function poolDrainBegun(turn: Turn, drain: Omit<Drain, 'sinceMs' | 'cut'>, extend: boolean): Drain {
  const was = turn.state.drain;
  const deadlineMs = was === null || extend ? drain.deadlineMs : Math.min(was.deadlineMs, drain.deadlineMs);
  const now: Drain = { ...drain, deadlineMs, sinceMs: was?.sinceMs ?? turn.env.nowMs, cut: was?.cut ?? 0 };
  turn.state = { ...turn.state, drain: now };
  emit(turn, 'drain.started', {
    ...begun(turn, now.deadlineMs, activeLeases(turn.state)),
    kind: drain.kind,
    queueDepth: turn.state.tickets.length,
  });
  return now;
}

export function engineDrainBegun(turn: Turn, engine: EngineState, deadlineMs: number): void {
  if (turn.state.drain === null)
    emit(turn, 'drain.started', { ...begun(turn, deadlineMs, takenOf(engine.seats)), kind: 'engine', queueDepth: 0 }, engine);
}

export function drainForced(turn: Turn, engine: EngineState, leases: number): void {
  const { drain } = turn.state;
  if (drain !== null) turn.state = { ...turn.state, drain: { ...drain, cut: drain.cut + Math.max(1, leases) } };
  emit(turn, 'drain.forced', { leases, message: `${leases} leases were cut at the deadline` }, engine);
}

export function engineDrainEnded(turn: Turn, engine: EngineState, cut: boolean): void {
  const { closing } = engine;
  if (closing === null || turn.state.drain !== null) return;
  emit(turn, 'drain.finished', { outcome: cut ? 'forced' : 'drained', durationMs: Math.round(turn.env.nowMs - closing.sinceMs) }, engine);
}

/** The whole pool is empty. */
export function poolDrainSettled(turn: Turn): void {
  const { drain } = turn.state;
  if (drain === null || allEngines(turn.state).some(isLive)) return;
  poolDrainEnded(turn, drain.cut > 0 ? 'forced' : 'drained');
}

export function poolDrainEnded(turn: Turn, outcome: 'drained' | 'forced' | 'cancelled'): void {
  const { drain } = turn.state;
  if (drain === null) return;
  turn.state = { ...turn.state, drain: null };
  emit(turn, 'drain.finished', { outcome, leases: drain.cut, durationMs: Math.round(turn.env.nowMs - drain.sinceMs) });
}

function begun(turn: Turn, deadlineMs: number, leases: number) {
  const deadlineAt = stampOf(turn.env, deadlineMs);
  const message = leases === 0 ? null : `${leases} leases are held; at ${deadlineAt} they are cut`;
  return { leases, deadlineAt, message };
}
