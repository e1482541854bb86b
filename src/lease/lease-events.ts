/** What may be asked of a pool's leases and queue, and what is answered. Types only. `to` is whom the answer is for; each is given after it is stored. */
import type { Ticket } from '../admission/admission-state.ts';
import type { LeaseBind, LeaseEnd, Refused, TicketState } from './lease.ts';
import type { Lease, Seat } from './lease-state.ts';

/** How long an acquire may wait: `refuse` not at all, `ticket` by a ticket that is asked about, else so many milliseconds with the caller waiting. */
export type Patience = 'refuse' | 'ticket' | { readonly waitMs: number };

export interface Acquire {
  readonly type: 'acquire';
  readonly to: number;
  readonly leaseId: string;
  readonly ticketId: string;
  readonly holder: string;
  readonly client: string;
  readonly ttlMs: number;
  readonly priority: number;
  readonly bind: LeaseBind;
  readonly key: string | null;
  readonly patience: Patience;
  /** How long a ticket may wait; null or unset: the pool's `queue.timeout`. */
  readonly ticketMs?: number | null;
}

/** `token` null: whoever asks need not show it. */
interface AboutLease {
  readonly to: number;
  readonly id: string;
  readonly seat: Seat;
  readonly token: string | null;
}

interface AboutTicket {
  readonly to: number;
  readonly ticketId: string;
}

export type LeaseEvent =
  | Acquire
  | (AboutLease & { readonly type: 'renew'; readonly ttlMs: number | null })
  /** To a connection, or from one when it has gone over a restart of the daemon. */
  | (AboutLease & { readonly type: 'attach' })
  /** Somebody has been told of the promotion. */
  | (AboutLease & { readonly type: 'claim' })
  | (AboutLease & { readonly type: 'release'; readonly engineFailed: boolean })
  | (AboutLease & { readonly type: 'revoke'; readonly by: string; readonly reason: string | null })
  /** One more who waits for the ticket, or one less. */
  | (AboutTicket & { readonly type: 'watch'; readonly watchers: 1 | -1 })
  | (AboutTicket & { readonly type: 'ask' })
  /** One who waited by his connection is gone; with the last of them goes the ticket. */
  | (AboutTicket & { readonly type: 'hungUp' })
  | (AboutTicket & { readonly type: 'leave' });

/** A lease as it stands, with where it sits. */
export interface Held {
  readonly lease: Lease;
  readonly seat: Seat;
}

export type LeaseAnswer =
  | { readonly is: 'granted' | 'renewed' | 'claimed'; readonly held: Held }
  | { readonly is: 'queued'; readonly ticket: Ticket }
  | { readonly is: 'released' | 'revoked'; readonly held: Held }
  | { readonly is: 'done' }
  /** There is no such lease or ticket any more, or never was. */
  | { readonly is: 'gone' }
  | { readonly is: 'stale' }
  | { readonly is: 'refused'; readonly refused: Refused };

export interface EndedLease {
  readonly held: Held;
  readonly how: LeaseEnd;
  /** Wall clock. */
  readonly endedAtMs: number;
  readonly heldMs: number;
  /** One sentence, for the holder. */
  readonly message: string;
}

/** `granted` comes with the lease it became, everything else ends the wait. */
export interface EndedTicket {
  readonly ticket: Ticket;
  readonly waitedMs: number;
  readonly state: Exclude<TicketState, 'queued'>;
  readonly lease: Held | null;
  readonly refused: Refused | null;
}
