/** What holds at every moment of a round, and what at its end: no request waits without a timer, no slot is lost. Judged from outside, by product.md. */
import { leaseDueMs } from '../../src/lease/lease-state.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import { allEngines, currentSpec, specOf } from '../../src/pool/turn.ts';
import type { Caller } from './callers.ts';
import type { RacePool } from './race-pool.ts';

export class Broken extends Error {}

/** What an acquire may be told, and what that makes of a ticket: the codes that `LeaseHost` declares. */
const ANSWERS = new Set([
  ...[
    'granted',
    'granted and over',
    'granted too late',
    'queued',
    'left',
    'queue_timeout',
    'queue_full',
    'no_free_slot',
    'no_ready_engine',
  ],
  ...['pool_draining', 'pool_paused', 'pool_stopped', 'pool_failed', 'breaker_open'],
]);

/** Everything that was ready to go on has gone on: before time does, this holds. */
export function holdsNow(race: RacePool, callers: readonly Caller[]): void {
  if (race.faults.length > 0) throw new Broken(`a fault of ours: ${String(race.faults[0])}`);
  const nowMs = race.timers.nowMs();
  for (const caller of callers) answeredInTime(caller, nowMs);
  nothingLeft(race.pool.state, callers);
  neverWithoutTimer(race, nowMs);
}

function answeredInTime({ name, plan, answers, byMs }: Caller, nowMs: number): void {
  const who = `${name} (${plan.kind})`;
  const [answer] = answers;
  if (answer === undefined && byMs <= nowMs) throw new Broken(`${who} has no answer at ${nowMs}, which was due at ${byMs}`);
  if (answers.length > 1) throw new Broken(`${who} was answered more than once: ${answers.join(', ')}`);
  if (answer !== undefined && !ANSWERS.has(answer)) throw new Broken(`${who} was answered: ${answer}`);
}

/** Whoever has his answer waits no more, and whoever had hung up before it holds nothing. */
function nothingLeft(state: PoolState, callers: readonly Caller[]): void {
  for (const { name, answers } of callers) {
    const [answer = 'queued'] = answers;
    if (answer !== 'queued' && state.tickets.some(({ holder }) => holder === name))
      throw new Broken(`${name} was answered, and still waits`);
    const holds = answer === 'granted too late' && allEngines(state).some(({ seats }) => seats.some((lease) => lease?.holder === name));
    if (holds) throw new Broken(`${name} holds a slot, and had hung up before it was granted`);
  }
}

function neverWithoutTimer({ pool: { state }, timers }: RacePool, nowMs: number): void {
  if (state.tickets.length > 0 && freeSlots(state, nowMs, true) > 0) throw new Broken('somebody waits, and a slot is free for him');
  for (const { what, dueMs } of dues(state)) {
    if (dueMs <= nowMs) throw new Broken(`${what} is still there at ${nowMs}, and was over at ${dueMs}`);
    if (timers.dueMs > dueMs) throw new Broken(`${what} is over at ${dueMs}, and no timer of the pool fires by then`);
  }
}

/** Every question was answered once, every ticket and every lease that is not held any more has ended once. */
export function holdsAtEnd({ asked, answered, happenings, pool }: RacePool): void {
  const counts = countsOf(answered.map(String));
  for (const to of asked) {
    const count = counts.get(String(to)) ?? 0;
    if (count !== 1) throw new Broken(`the question ${to} of the pool's leases was answered ${count} times`);
  }
  const of = (types: readonly string[], fact: string): Map<string, number> =>
    countsOf(happenings.flatMap(({ type, facts }) => (types.includes(type) ? [String(facts[fact])] : [])));
  const over = of(['ticket.promoted', 'ticket.left', 'ticket.expired', 'ticket.refused'], 'ticket');
  const queued = new Set(of(['ticket.queued'], 'ticket').keys());
  for (const ticket of queued) {
    const count = over.get(ticket) ?? 0;
    if (count !== 1) throw new Broken(`the ticket ${ticket} has ended ${count} times`);
  }
  const held = new Set(allEngines(pool.state).flatMap(({ seats }) => seats.flatMap((lease) => (lease === null ? [] : [lease.id]))));
  const ended = of(['lease.released', 'lease.expired', 'lease.revoked', 'lease.forced', 'lease.engine_lost', 'lease.lost'], 'lease');
  for (const lease of of(['lease.granted'], 'lease').keys()) {
    const count = (ended.get(lease) ?? 0) + (held.has(lease) ? 1 : 0);
    if (count !== 1) throw new Broken(`the lease ${lease} ended or is held ${count} times`);
  }
}

/** Slots that a newcomer may be given, or one of the queue: product.md, "Leases" and "Drain and reload". */
export function freeSlots(state: PoolState, nowMs: number, queued: boolean): number {
  if (state.paused !== null) return 0;
  let free = 0;
  for (const { phase, paused, closing, seats } of state.engines) {
    const open = closing === null || (queued && closing.takesQueue && nowMs < closing.deadlineMs);
    if (phase.is !== 'ready' || paused !== null || !open) continue;
    free += specOf(state, phase.run.specId).slots - seats.filter((lease) => lease !== null).length;
  }
  return free;
}

function dues(state: PoolState): { readonly what: string; readonly dueMs: number }[] {
  const { claimMs } = currentSpec(state).queue;
  const tickets = state.tickets.map(({ holder, timeoutMs, watchers, seenMs }) => ({
    what: `the ticket of ${holder}`,
    dueMs: watchers > 0 ? timeoutMs : Math.min(timeoutMs, seenMs + claimMs),
  }));
  const leases = allEngines(state).flatMap(({ seats }) =>
    seats.flatMap((lease) =>
      lease === null || leaseDueMs(lease) >= Number.MAX_SAFE_INTEGER
        ? []
        : [{ what: `the lease of ${lease.holder}`, dueMs: leaseDueMs(lease) }],
    ),
  );
  return [...tickets, ...leases];
}

function countsOf(words: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}
