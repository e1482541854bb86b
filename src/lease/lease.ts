/** What the world sees of leases and tickets: product.md, "Leases"; contract.md, "HTTP". Types and names only. Stamps are RFC 3339 in UTC, durations `…Ms`. */
import type { Code, Facts } from '../errors.ts';

/** How a lease ends, each exactly once. */
export const LEASE_ENDS = ['released', 'expired', 'revoked', 'forced', 'engine_lost', 'lost'] as const;
export type LeaseEnd = (typeof LEASE_ENDS)[number];

export const TICKET_STATES = ['queued', 'granted', 'expired', 'left', 'refused'] as const;
export type TicketState = (typeof TICKET_STATES)[number];

/** `ttl`: until it is not renewed in time. `connection`: as long as the request's connection stands. */
export type LeaseBind = 'ttl' | 'connection';

export const ESTIMATE_BASES = ['history', 'ttl', 'coldStart'] as const;
export type EstimateBasis = (typeof ESTIMATE_BASES)[number];

export interface LeasedEngine {
  /** `chat/0` */
  readonly id: string;
  readonly url: string | null;
  readonly generation: number;
}

/** What is shown of a lease that is held; never its token. */
export interface LeaseStatus {
  readonly id: string;
  readonly holder: string;
  readonly pool: string;
  readonly engine: LeasedEngine;
  readonly slot: number;
  readonly bind: LeaseBind;
  readonly ttlMs: number;
  readonly grantedAt: string;
  readonly heldMs: number;
  readonly renewals: number;
  /** Never beyond the deadline of a drain; null while it is bound to a connection, unless a drain or the pool's `leases.maxHold` ends it. */
  readonly expiresAt: string | null;
  readonly draining: boolean;
  /** Of the drain of its engine. */
  readonly deadlineAt: string | null;
  /** Who asked for it: token id over TCP, what the client says over a socket. */
  readonly client: string;
}

export interface Granted {
  readonly outcome: 'granted';
  readonly id: string;
  readonly pool: string;
  readonly engine: LeasedEngine;
  readonly slot: number;
  readonly token: string;
  readonly ttlMs: number;
  readonly expiresAt: string | null;
  readonly draining: boolean;
  readonly deadlineAt: string | null;
}

export interface Estimated {
  /** 1 is the next one. */
  readonly queuePosition: number;
  /** p50 and p90; null where there is nothing to base them on. */
  readonly estimatedWaitMs: number | null;
  readonly estimatedWaitP90Ms: number | null;
  readonly estimateBasis: EstimateBasis | null;
  readonly draining: boolean;
}

export interface Queued extends Estimated {
  readonly outcome: 'queued';
  readonly id: string;
  readonly pool: string;
}

export type Acquired = Granted | Queued;

export interface TicketStatus extends Estimated {
  readonly id: string;
  readonly pool: string;
  readonly state: TicketState;
  readonly holder: string;
  readonly priority: number;
  /** Until now, or until it was out of the queue. */
  readonly waitedMs: number;
  /** Once it is granted: to whoever asks for the ticket, as its id is its secret. */
  readonly lease: Granted | null;
  /** Why it was refused. */
  readonly error: { readonly code: Code; readonly message: string } | null;
}

/** One of the queue, as people see it: without its id, which is the claim to the lease. */
export interface Waiter extends Omit<TicketStatus, 'lease' | 'error' | 'id'> {
  /** The first eight characters of its id. */
  readonly ticket: string;
}

export interface Renewed {
  readonly outcome: 'renewed';
  readonly id: string;
  readonly ttlMs: number;
  readonly expiresAt: string | null;
  readonly renewals: number;
  readonly draining: boolean;
  readonly deadlineAt: string | null;
}

export interface Released {
  readonly outcome: 'released' | 'already_ended';
}

/** A line of the stream of a lease that is bound to its connection; the end of the stream is the release. */
export type BoundLine =
  | Acquired
  | Renewed
  | { readonly outcome: 'draining'; readonly id: string; readonly deadlineAt: string; readonly expiresAt: string | null }
  | { readonly outcome: 'ended'; readonly id: string; readonly how: LeaseEnd; readonly message: string }
  | { readonly outcome: 'refused'; readonly code: Code; readonly message: string; readonly retryAfterMs: number | null };

export interface AcquireRequest {
  /** Who will use it, for people: at most 128 characters. */
  readonly holder: string;
  /** Null: the pool's `leases.ttl`. */
  readonly ttlMs: number | null;
  /** Null: grant or ticket at once. 0: grant or refuse. Above: held for so long. */
  readonly waitMs: number | null;
  /** How long a ticket may wait where nobody waits by his connection (`waitMs` null). Unset or null: the pool's `queue.timeout`. */
  readonly ticketMs?: number | null;
  /** 0 to 9; null: 5. */
  readonly priority: number | null;
  readonly bind: LeaseBind;
  /** `Idempotency-Key`. */
  readonly key: string | null;
  readonly client: string;
}

/** Who asks about a lease: the role `lease` has to show the token, `operate` and above need not. */
export interface LeaseCaller {
  readonly by: string;
  readonly claimed: boolean;
  readonly operates: boolean;
  readonly token: string | null;
}

export interface LeaseFilter {
  readonly pool: string | null;
  readonly holder: string | null;
  /** Held for at least so long. */
  readonly olderMs: number | null;
}

/** Why an acquire was refused, as data: the pure files throw nothing. */
export interface Refused {
  readonly code: Code;
  readonly message: string;
  readonly facts: Facts;
}

/** What the API asks of leases and queues. `leases.ts` keeps the promise; whoever is told something was told after it is stored. */
export interface LeaseHost {
  /** Throws PooldError: `pool_not_found`, `invalid_request` (TTL out of bounds), `pool_draining`, `pool_paused`, `pool_stopped`, `pool_failed`, `breaker_open`, `no_ready_engine`, `no_free_slot`, `queue_full`, `queue_timeout`, `storage_full`, `shutting_down`, `conflict` (the key was used for another request). A caller that goes away (`signal`) leaves the queue, and what it was granted is released, unless it can ask for it again by its key. */
  acquire(pool: string, request: AcquireRequest, signal: AbortSignal): Promise<Acquired>;
  /** The first line is `queued` or `granted`; refusals before it are thrown as by `acquire`, later ones are a line. Ends when the lease has ended; ending it early releases. */
  acquireBound(pool: string, request: AcquireRequest, signal: AbortSignal): AsyncIterable<BoundLine>;
  /** Throws PooldError `lease_not_found`, `lease_ended`, `stale_token`, `storage_full`. `ttlMs` null: as before. */
  renew(id: string, request: { readonly token: string; readonly ttlMs: number | null }): Promise<Renewed>;
  /** Binds a lease to this connection (again), claims a promoted one. Throws as `renew`. */
  attach(id: string, token: string, signal: AbortSignal): AsyncIterable<BoundLine>;
  /** Whether the token is that of a lease that is held. Throws PooldError `lease_not_found`, `lease_ended`, `stale_token`. */
  verify(id: string, token: string): LeaseStatus;
  /** Harmless when it has ended. Throws PooldError `lease_not_found`, `stale_token`, `forbidden` (no token shown by a role that has to). */
  release(id: string, caller: LeaseCaller, outcome: 'engine_failed' | null): Promise<Released>;
  /** Throws PooldError `lease_not_found`, `lease_ended`. */
  revoke(id: string, by: { readonly by: string; readonly reason: string | null }): Promise<LeaseStatus>;
  /** By age, the oldest first. Throws PooldError `pool_not_found`. */
  leases(filter: LeaseFilter): readonly LeaseStatus[];
  /** Throws PooldError `lease_not_found`, `lease_ended`. */
  lease(id: string): LeaseStatus;
  /** In the order in which they would be promoted. Throws PooldError `pool_not_found`. */
  queue(pool: string): readonly Waiter[];
  /** At once unless it is queued, else when something changes or `waitMs` is over. Throws PooldError `ticket_not_found`. */
  ticket(id: string, waitMs: number, signal: AbortSignal): Promise<TicketStatus>;
  /** Leaves the queue, or gives a promotion back. Throws PooldError `ticket_not_found`. */
  leave(id: string): Promise<TicketStatus>;
}
