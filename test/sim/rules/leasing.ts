/** Small questions about leases and queues that several rules ask, answered without the machine's own code. */
import type { Ticket } from '../../../src/admission/admission-state.ts';
import type { EngineState } from '../../../src/engine/engine-state.ts';
import type { EndedLease, EndedTicket, LeaseAnswer } from '../../../src/lease/lease-events.ts';
import type { Lease } from '../../../src/lease/lease-state.ts';
import type { Effect } from '../../../src/pool/effects.ts';
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

/** One thing after another that a step did to leases and queue, in the order of its effects. */
export type LeaseHappening =
  | { readonly is: 'granted'; readonly id: string; readonly engine: string; readonly generation: number; readonly slot: number }
  | { readonly is: 'ended'; readonly ended: EndedLease }
  | { readonly is: 'queued' }
  | { readonly is: 'out'; readonly ended: EndedTicket };

const NOTHING: readonly LeaseHappening[] = [];
let last: { readonly step: Step; readonly happenings: readonly LeaseHappening[] } | null = null;

/** Asked by many rules of one step after the other: the answer about the last one is kept. */
export function leaseHappenings(step: Step): readonly LeaseHappening[] {
  if (step.effects.length === 0) return NOTHING;
  if (last?.step !== step) last = { step, happenings: step.effects.flatMap(happeningOf) };
  return last.happenings;
}

function happeningOf(effect: Effect): LeaseHappening[] {
  if (effect.do === 'leaseEnded') return [{ is: 'ended', ended: effect.ended }];
  if (effect.do === 'ticketEnded') return [{ is: 'out', ended: effect.ended }];
  if (effect.do !== 'emit') return [];
  const { type, facts, engine = '', generation = 0 } = effect.happening;
  if (type === 'ticket.queued') return [{ is: 'queued' }];
  return type === 'lease.granted' ? [{ is: 'granted', id: String(facts.lease), engine, generation, slot: Number(facts.slot) }] : [];
}

export function answersOf(step: Step): LeaseAnswer[] {
  return step.effects.flatMap((effect) => (effect.do === 'answer' ? [effect.answer] : []));
}

/** The leases that a step granted, as they were then: out of their answers, tickets and seats. */
export function grantsOf(step: Step): Lease[] {
  const granted = leaseHappenings(step).flatMap((happening) => (happening.is === 'granted' ? [happening.id] : []));
  if (granted.length === 0) return [];
  const answered = answersOf(step).flatMap((answer) => ('held' in answer ? [answer.held.lease] : []));
  const promoted = leaseHappenings(step).flatMap((happening) =>
    happening.is === 'out' && happening.ended.lease !== null ? [happening.ended.lease.lease] : [],
  );
  const all = [...answered, ...promoted, ...seatedIn(step.after).map(({ lease }) => lease)];
  return granted.flatMap((id) => all.find((lease) => lease.id === id) ?? []);
}

export function ticketOf(step: Step, id: string): Ticket | undefined {
  const gone = leaseHappenings(step).flatMap((happening) => (happening.is === 'out' ? [happening.ended.ticket] : []));
  return step.after.tickets.find((ticket) => ticket.id === id) ?? gone.find((ticket) => ticket.id === id);
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
