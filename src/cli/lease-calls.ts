/** What the verbs about leases ask of the client. Types only. */
import type { Acquired, BoundLine, LeaseStatus, Released, Renewed, TicketStatus, Waiter } from '../lease/lease.ts';

export interface LeaseWish {
  readonly holder?: string;
  readonly ttlMs?: number;
  /** Unset: granted or queued, at once. 0: granted or refused. Above: the answer comes that late. */
  readonly waitMs?: number;
  readonly priority?: number;
  /** `Idempotency-Key` */
  readonly key?: string;
}

export interface LeaseQuestion {
  readonly pool?: string;
  readonly holder?: string;
  /** A duration, as the API takes it. */
  readonly older?: string;
}

/** Every call throws ClientError. */
export interface LeaseCalls {
  acquire(pool: string, wish: LeaseWish, signal?: AbortSignal): Promise<Acquired>;
  acquireBound(pool: string, wish: LeaseWish, signal?: AbortSignal): AsyncIterable<BoundLine>;
  renew(id: string, token: string, ttlMs?: number): Promise<Renewed>;
  attach(id: string, token: string, signal?: AbortSignal): AsyncIterable<BoundLine>;
  verify(id: string, token: string): Promise<LeaseStatus>;
  release(id: string, token: string | null, outcome?: 'engine_failed'): Promise<Released>;
  revoke(id: string, reason: string | null): Promise<LeaseStatus>;
  leases(filter: LeaseQuestion): Promise<readonly LeaseStatus[]>;
  lease(id: string): Promise<LeaseStatus>;
  queue(pool: string): Promise<readonly Waiter[]>;
  ticket(id: string, waitMs?: number, signal?: AbortSignal): Promise<TicketStatus>;
  leave(id: string): Promise<TicketStatus>;
}
