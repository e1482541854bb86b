/** Leases in the seats of a pool's engines: given, changed, taken away. The only place that changes a seat. product.md, "Leases". */
import type { Ticket } from '../admission/admission-state.ts';
import type { EngineState } from '../engine/engine-state.ts';
import { engineId } from '../engine/identity.ts';
import { HEARING_MS, missed } from '../pool/held-up-state.ts';
import type { PoolState } from '../pool/pool-state.ts';
import type { Turn } from '../pool/turn.ts';
import { allEngines, currentSpec, emit, generationIn, put, specOf, stampOf } from '../pool/turn.ts';
import type { LeaseEnd } from './lease.ts';
import type { Held } from './lease-events.ts';
import type { Lease, Seat } from './lease-state.ts';
import { expiryOf, freeSlot, latestOf, leaseDueMs, leasesIn, seated, takenOf, tokenOf } from './lease-state.ts';

/** What a lease is asked for with; a ticket is one of these. */
export type Asked = Pick<Ticket, 'leaseId' | 'holder' | 'client' | 'ttlMs' | 'bind' | 'key'>;

/** Takes the slots of the engine's own spec: an older one may have had more. */
export function slotsOf(state: PoolState, engine: EngineState): number {
  return 'run' in engine.phase ? specOf(state, engine.phase.run.specId).slots : 0;
}

/** The engine that a new lease goes to, the least loaded first; null when no slot is free for it. `queued`: for one who was waiting before a drain. */
export function engineFor(state: PoolState, { nowMs, queued }: { readonly nowMs: number; readonly queued: boolean }): EngineState | null {
  if (state.paused !== null || state.restoring) return null;
  let best: EngineState | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const engine of state.engines) {
    if (!takesLeases(engine, nowMs, queued)) continue;
    const taken = takenOf(engine.seats);
    if (taken >= slotsOf(state, engine)) continue;
    const load = Math.max(taken, inUseOf(engine) ?? 0);
    if (load < least) [best, least] = [engine, load];
  }
  return best;
}

/** Ready, not paused, and not on its way out, unless it is still there for those who wait. */
export function takesLeases(engine: EngineState, nowMs: number, queued: boolean): boolean {
  return engine.paused === null && (queued || engine.closing === null) && servesQueue(engine, nowMs);
}

/** Ready, and still there for those who wait, once no pause keeps them from it. Never at or after its deadline. */
export function servesQueue({ phase, closing }: EngineState, nowMs: number): boolean {
  return phase.is === 'ready' && (closing === null || (closing.takesQueue && nowMs < closing.deadlineMs));
}

/** Its own busy gauge, null where there is none or it is not known. */
export function inUseOf({ phase }: EngineState): number | null {
  return phase.is === 'ready' || phase.is === 'unready' ? (phase.run.samples.inUse ?? null) : null;
}

export function seatOf(engine: EngineState, { slot }: Pick<Lease, 'slot'>): Seat {
  return { replica: engine.replica, generation: engine.generation, slot };
}

/** The lease that sits there under that id; null when it has ended. */
export function heldAt(state: PoolState, seat: Seat, id: string): Held | null {
  const lease = generationIn(state, seat)?.seats[seat.slot] ?? null;
  return lease?.id === id ? { lease, seat } : null;
}

export function activeLeases(state: PoolState): number {
  return allEngines(state).reduce((sum, { seats }) => sum + takenOf(seats), 0);
}

/** Seats it on the engine, which has a free slot. `claimByMs`: nobody is there to be told of it yet. */
export function seatTaken(turn: Turn, engine: EngineState, asked: Asked, claimByMs: number | null): Held {
  const { nowMs, wallMs } = turn.env;
  const slot = freeSlot(engine.seats, slotsOf(turn.state, engine));
  if (slot === null) throw new Error(`cannot seat a lease on ${turn.state.name}/${engine.replica}: it has no free slot`);
  const { tokens } = turn.state;
  const issued = tokens.issued + 1;
  const base = { bind: asked.bind, ttlMs: asked.ttlMs, grantedMs: nowMs };
  const lease: Lease = {
    id: asked.leaseId,
    token: tokenOf(tokens.epoch, issued),
    holder: asked.holder,
    client: asked.client,
    slot,
    ...base,
    grantedAtMs: wallMs,
    expiresMs: expiryOf(base, maxHoldOf(turn.state), nowMs),
    renewals: 0,
    key: asked.key,
    claimByMs,
    drainTold: engine.closing !== null,
    spared: false,
  };
  turn.state = { ...turn.state, tokens: { ...tokens, issued } };
  leaseDueBy(turn, leaseDueMs(lease));
  const seat = seatOf(engine, lease);
  put(turn, { ...engine, seats: seated(engine.seats, slot, lease) });
  emit(turn, 'lease.granted', { lease: lease.id, holder: lease.holder, slot, ttlMs: lease.ttlMs }, engine);
  return { lease, seat };
}

/** The same lease with something else in it. */
export function seatChanged(turn: Turn, { lease, seat }: Held, change: Partial<Lease>): Held {
  const engine = generationIn(turn.state, seat);
  if (engine === undefined) throw new Error(`cannot change the lease ${lease.id}: its engine is gone`);
  const changed = { ...lease, ...change };
  leaseDueBy(turn, leaseDueMs(changed));
  put(turn, { ...engine, seats: seated(engine.seats, seat.slot, changed) });
  return { lease: changed, seat };
}

/** Ends it, once: afterwards its seat is empty. `message` is told to the holder. */
export function leaseEnded(turn: Turn, { lease, seat }: Held, how: LeaseEnd, message: string): void {
  const engine = generationIn(turn.state, seat);
  if (engine === undefined || engine.seats[seat.slot]?.id !== lease.id) return;
  const { nowMs, wallMs } = turn.env;
  // A reboot begins the monotonic clock anew.
  const heldMs = Math.round(Math.max(0, nowMs >= lease.grantedMs ? nowMs - lease.grantedMs : wallMs - lease.grantedAtMs));
  const after = put(turn, { ...engine, seats: seated(engine.seats, seat.slot, null) });
  turn.effects.push({ do: 'leaseEnded', ended: { held: { lease, seat }, how, endedAtMs: wallMs, heldMs, message } });
  emit(turn, `lease.${how}`, { lease: lease.id, holder: lease.holder, slot: lease.slot, heldMs, message, how }, engine);
  const cut = how === 'forced' || how === 'revoked';
  if (engine.closing !== null && !cut) {
    emit(turn, 'drain.progress', { leases: engine.closing.announced ? takenOf(after.seats) : activeLeases(turn.state) }, engine);
  }
}

export function allLeasesEnded(turn: Turn, engine: EngineState, how: LeaseEnd, message: string): number {
  const leases = leasesIn(engine.seats);
  for (const lease of leases) leaseEnded(turn, { lease, seat: seatOf(engine, lease) }, how, message);
  return leases.length;
}

/** Tells each holder once of the deadline by which its engine is on its way out. */
export function holdersTold(turn: Turn, engine: EngineState): void {
  const { closing } = engine;
  if (closing === null || !engine.seats.some((lease) => lease !== null && !lease.drainTold)) return;
  const seats = engine.seats.map((lease) => (lease === null ? null : { ...lease, drainTold: true }));
  const told = put(turn, { ...engine, seats });
  const deadlineAt = stampOf(turn.env, closing.deadlineMs);
  for (const lease of leasesIn(engine.seats)) {
    if (!lease.drainTold) emit(turn, 'lease.draining', { lease: lease.id, holder: lease.holder, slot: lease.slot, deadlineAt }, told);
  }
}

/** What time has ended: called before anything is asked. */
export function leasesExpired(turn: Turn): void {
  const { nowMs } = turn.env;
  if (!turn.state.open) return;
  for (const engine of allEngines(turn.state)) {
    for (const lease of engine.seats) {
      if (lease === null || leaseDueMs(lease) > nowMs) continue;
      const held = { lease, seat: seatOf(engine, lease) };
      const latestMs = latestOf(lease, maxHoldOf(turn.state));
      if (!lease.spared && nowMs < latestMs && missed(leaseDueMs(lease), nowMs))
        seatChanged(turn, held, sparedUntil(lease, nowMs + HEARING_MS, latestMs));
      else leaseEnded(turn, held, 'expired', expiryText(turn, held));
    }
  }
}

function sparedUntil({ expiresMs, claimByMs }: Lease, untilMs: number, latestMs: number): Partial<Lease> {
  const later = (dueMs: number | null): number | null => (dueMs === null ? null : Math.min(Math.max(dueMs, untilMs), latestMs));
  return { expiresMs: later(expiresMs), claimByMs: later(claimByMs), spared: true };
}

function expiryText(turn: Turn, { lease, seat }: Held): string {
  const { nowMs } = turn.env;
  if (lease.claimByMs !== null && lease.claimByMs <= nowMs) {
    return `nobody claimed the slot of ${idOf(turn, seat)} within ${claimOf(turn.state)} ms of the promotion`;
  }
  const maxHoldMs = maxHoldOf(turn.state);
  if (lease.bind === 'connection' || nowMs >= latestOf(lease, maxHoldMs)) return `held for ${maxHoldMs} ms, the pool's leases.maxHold`;
  return `not renewed within its TTL of ${lease.ttlMs} ms`;
}

export function leaseDueBy(turn: Turn, dueMs: number): void {
  if (dueMs < turn.state.leaseDueMs) turn.state = { ...turn.state, leaseDueMs: dueMs };
}

export function maxHoldOf(state: PoolState): number {
  return currentSpec(state).leases.maxHoldMs;
}

function claimOf(state: PoolState): number {
  return currentSpec(state).queue.claimMs;
}

function idOf(turn: Turn, { replica }: Seat): string {
  return engineId({ pool: turn.state.name, replica });
}
