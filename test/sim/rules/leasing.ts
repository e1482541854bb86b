/** Small questions about leases and queues that several rules ask, answered without the machine's own code. */
import type { Ticket } from '../../../src/admission/admission-state.ts';
import type { EngineState } from '../../../src/engine/engine-state.ts';
import type { Lease } from '../../../src/lease/lease-state.ts';
import type { PoolState } from '../../../src/pool/pool-state.ts';
import type { Step } from '../ground.ts';
import { everyEngine, runOf, takenIn } from './questions.ts';

export interface Seated {
  readonly engine: EngineState;
  readonly lease: Lease;
}

export function seatedIn(state: PoolState): Seated[] {
  const seated: Seated[] = [];
  for (const engine of everyEngine(state)) for (const lease of engine.seats) if (lease !== null) seated.push({ engine, lease });
  return seated;
}

/** The leases that a step granted, as they were then: out of their answers, tickets and seats. */
export function grantsOf({ leasing, answers, after }: Step): readonly Lease[] {
  if (!leasing.some(({ is }) => is === 'granted')) return NOTHING;
  const granted = leasing.flatMap((happening) => (happening.is === 'granted' ? [happening.id] : []));
  const answered = answers.flatMap((answer) => ('held' in answer ? [answer.held.lease] : []));
  const promoted = leasing.flatMap((happening) =>
    happening.is === 'out' && happening.ended.lease !== null ? [happening.ended.lease.lease] : [],
  );
  const all = [...answered, ...promoted, ...seatedIn(after).map(({ lease }) => lease)];
  return granted.flatMap((id) => all.find((lease) => lease.id === id) ?? []);
}

const NOTHING: readonly never[] = [];

export function ticketOf({ leasing, after }: Step, id: string): Ticket | undefined {
  const waiting = after.tickets.find((ticket) => ticket.id === id);
  if (waiting !== undefined) return waiting;
  const gone = leasing.flatMap((happening) => (happening.is === 'out' ? [happening.ended.ticket] : []));
  return gone.find((ticket) => ticket.id === id);
}

/** Whether somebody could be seated there. `queued`: one who was waiting before a drain of the pool. */
export function takes(
  state: PoolState,
  engine: EngineState,
  { nowMs, queued }: { readonly nowMs: number; readonly queued: boolean },
): boolean {
  const { closing } = engine;
  if (state.paused !== null || engine.role !== 'serving' || engine.phase.is !== 'ready' || engine.paused !== null) return false;
  if (closing !== null && !(queued && closing.takesQueue && nowMs < closing.deadlineMs)) return false;
  return takenIn(engine) < slotsIn(state, engine);
}

export function slotsIn(state: PoolState, engine: EngineState): number {
  return state.specs[runOf(engine)?.specId ?? '']?.slots ?? 0;
}
