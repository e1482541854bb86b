/** What is told of drains: of the whole pool as one, of a single engine by itself. Nothing is decided here. contract.md, "Events". */
import { areCounted, counted } from '../config/counted.ts';
import type { EngineState } from '../engine/engine-state.ts';
import { isLive } from '../engine/engine-state.ts';
import { takenOf } from '../lease/lease-state.ts';
import { activeLeases } from '../lease/seats-state.ts';
import type { Drain } from './pool-state.ts';
import type { Turn } from './turn.ts';
import { allEngines, emit, stampOf } from './turn.ts';

type DrainOutcome = 'drained' | 'forced' | 'cancelled';

/** Of the pool. A second one takes the shorter deadline, unless it says that it may be longer. */
export function poolDrainBegun(turn: Turn, drain: Omit<Drain, 'sinceMs' | 'cut'>, extend: boolean): Drain {
  const was = turn.state.drain;
  const deadlineMs = was === null || extend ? drain.deadlineMs : Math.min(was.deadlineMs, drain.deadlineMs);
  const now: Drain = { ...drain, deadlineMs, sinceMs: was?.sinceMs ?? turn.env.nowMs, cut: was?.cut ?? 0 };
  turn.state = { ...turn.state, drain: now };
  emit(turn, was === null ? 'drain.started' : 'drain.progress', {
    ...begun(turn, now.deadlineMs, activeLeases(turn.state)),
    kind: drain.kind,
    queueDepth: turn.state.tickets.length,
  });
  return now;
}

export function engineDrainBegun(turn: Turn, engine: EngineState): void {
  const { closing, seats } = engine;
  if (closing?.announced)
    emit(turn, 'drain.started', { ...begun(turn, closing.deadlineMs, takenOf(seats)), kind: 'engine', queueDepth: 0 }, engine);
}

export function drainForced(turn: Turn, engine: EngineState, leases: number): void {
  const { drain } = turn.state;
  if (drain !== null) turn.state = { ...turn.state, drain: { ...drain, cut: drain.cut + Math.max(1, leases) } };
  emit(
    turn,
    'drain.forced',
    { leases, message: `${counted(leases, 'lease')} ${leases === 1 ? 'was' : 'were'} cut at the deadline` },
    engine,
  );
}

export function engineDrainEnded(turn: Turn, engine: EngineState, outcome: DrainOutcome): void {
  const { closing } = engine;
  if (closing?.announced) emit(turn, 'drain.finished', { outcome, durationMs: lastedMs(turn, closing.sinceMs) }, engine);
}

/** The whole pool is empty, but for what KILL could not end: nobody knows how long that stays, and nobody waits for it. */
export function poolDrainSettled(turn: Turn): void {
  const { drain } = turn.state;
  if (drain === null) return;
  const left = allEngines(turn.state).filter(isLive);
  if (left.every(({ phase }) => phase.is === 'stuck')) poolDrainEnded(turn, drain.cut + left.length > 0 ? 'forced' : 'drained');
}

export function poolDrainEnded(turn: Turn, outcome: DrainOutcome): void {
  const { drain } = turn.state;
  if (drain === null) return;
  turn.state = { ...turn.state, drain: null };
  emit(turn, 'drain.finished', { outcome, leases: drain.cut, durationMs: lastedMs(turn, drain.sinceMs) });
}

/** A reboot begins the monotonic clock anew. */
function lastedMs({ env }: Turn, sinceMs: number): number {
  return Math.max(0, Math.round(env.nowMs - sinceMs));
}

function begun(turn: Turn, deadlineMs: number, leases: number) {
  const deadlineAt = stampOf(turn.env, deadlineMs);
  const message = leases === 0 ? null : `${areCounted(leases, 'lease')} held; at ${deadlineAt} ${leases === 1 ? 'it is' : 'they are'} cut`;
  return { leases, deadlineAt, message };
}
