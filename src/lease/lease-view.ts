/** What is told of a lease or a ticket, from the state of its pool. Questions. */
import type { Ticket } from '../admission/admission-state.ts';
import { positionOf, priorityOf } from '../admission/admission-state.ts';
import type { WaitEstimate } from '../admission/estimate-state.ts';
import { shown } from '../admission/queue-state.ts';
import type { EngineState } from '../engine/engine-state.ts';
import { engineId } from '../engine/identity.ts';
import { engineUrl } from '../engine/url.ts';
import type { PoolState } from '../pool/pool-state.ts';
import { currentSpec, generationIn, specOf, stampOf } from '../pool/turn.ts';
import { stamp } from '../stamp.ts';
import type { Estimated, Granted, LeasedEngine, LeaseStatus, Queued, Renewed, Waiter } from './lease.ts';
import type { Held } from './lease-events.ts';
import type { Lease } from './lease-state.ts';

/** Both clocks, to turn one's times into the other's. */
export interface Seen {
  readonly nowMs: number;
  readonly wallMs: number;
}

export function grantedOf(state: PoolState, held: Held, seen: Seen): Granted {
  const { lease, seat } = held;
  return {
    outcome: 'granted',
    id: lease.id,
    pool: state.name,
    engine: engineOf(state, seat),
    slot: seat.slot,
    token: lease.token,
    ttlMs: lease.ttlMs,
    ...timesOf(state, held, seen),
  };
}

export function renewedOf(state: PoolState, held: Held, seen: Seen): Renewed {
  const { id, ttlMs, renewals } = held.lease;
  return { outcome: 'renewed', id, ttlMs, renewals, ...timesOf(state, held, seen) };
}

export function leaseStatusOf(state: PoolState, held: Held, seen: Seen): LeaseStatus {
  const { lease, seat } = held;
  return {
    id: lease.id,
    holder: lease.holder,
    pool: state.name,
    engine: engineOf(state, seat),
    slot: seat.slot,
    bind: lease.bind,
    ttlMs: lease.ttlMs,
    grantedAt: stamp(lease.grantedAtMs),
    heldMs: Math.max(0, Math.round(seen.nowMs - lease.grantedMs)),
    renewals: lease.renewals,
    ...timesOf(state, held, seen),
    client: lease.client,
  };
}

export function queuedOf(
  state: PoolState,
  ticket: Ticket,
  { estimates, nowMs }: { readonly estimates: Estimates; readonly nowMs: number },
): Queued {
  return { outcome: 'queued', id: ticket.id, pool: state.name, ...estimatedOf(state, ticket, { estimates, nowMs }) };
}

export type Estimates = readonly (WaitEstimate | null)[];

export function estimatedOf(
  state: PoolState,
  ticket: Ticket,
  { estimates, nowMs }: { readonly estimates: Estimates; readonly nowMs: number },
): Estimated {
  const queuePosition = positionOf(state.tickets, ticket.id, { nowMs, agingMs: currentSpec(state).queue.agingMs });
  const estimate = estimates[queuePosition - 1] ?? null;
  return {
    queuePosition,
    estimatedWaitMs: estimate?.p50Ms ?? null,
    estimatedWaitP90Ms: estimate?.p90Ms ?? null,
    estimateBasis: estimate?.basis ?? null,
    draining: state.drain !== null,
  };
}

export function waiterOf(state: PoolState, ticket: Ticket, given: { readonly estimates: Estimates; readonly nowMs: number }): Waiter {
  const { nowMs } = given;
  return {
    ticket: shown(ticket),
    pool: state.name,
    state: 'queued',
    holder: ticket.holder,
    priority: priorityOf(ticket, { nowMs, agingMs: currentSpec(state).queue.agingMs }),
    waitedMs: Math.round(nowMs - ticket.queuedMs),
    ...estimatedOf(state, ticket, given),
  };
}

function engineOf(state: PoolState, seat: { readonly replica: number; readonly generation: number }): LeasedEngine {
  const engine = generationIn(state, seat);
  return {
    id: engineId({ pool: state.name, replica: seat.replica }),
    url: engine === undefined ? null : urlOf(state, engine),
    generation: seat.generation,
  };
}

function urlOf(state: PoolState, engine: EngineState): string | null {
  if (!('run' in engine.phase)) return null;
  const { run } = engine.phase;
  const ref = { pool: state.name, replica: engine.replica, generation: engine.generation };
  return engineUrl({ spec: specOf(state, run.specId), ref, port: run.port, device: run.device });
}

/** What whoever waits hears of when it changes. */
export function placeOf({ queuePosition, draining }: { readonly queuePosition: number; readonly draining: boolean }): string {
  return draining ? `${queuePosition}, draining` : String(queuePosition);
}

/** Never beyond the deadline of the drain of its engine. */
function timesOf(state: PoolState, held: Held, seen: Seen): Pick<Granted, 'expiresAt' | 'draining' | 'deadlineAt'> {
  const deadlineMs = deadlineMsOf(state, held);
  const endsMs = Math.min(expiresMs(held.lease), deadlineMs ?? Number.POSITIVE_INFINITY);
  return {
    expiresAt: Number.isFinite(endsMs) ? stampOf(seen, endsMs) : null,
    draining: deadlineMs !== null,
    deadlineAt: deadlineMs === null ? null : stampOf(seen, deadlineMs),
  };
}

/** Of the drain of its engine, monotonic; null while there is none. */
export function deadlineMsOf(state: PoolState, { seat }: Held): number | null {
  return generationIn(state, seat)?.closing?.deadlineMs ?? null;
}

function expiresMs(lease: Lease): number {
  return lease.expiresMs ?? Number.POSITIVE_INFINITY;
}
