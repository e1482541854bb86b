/** Typed calls about leases, tickets and queues. Every call throws ClientError. */
import type {
  Acquired,
  AcquireRequest,
  BoundLine,
  LeaseFilter,
  LeaseStatus,
  Released,
  Renewed,
  TicketStatus,
  Waiter,
} from '../lease/lease.ts';
import { recordsIn } from './streams.ts';
import type { Exchange, Transport } from './transport.ts';

/** `holder` null: who asks. */
export interface AcquireOrder extends Omit<AcquireRequest, 'holder' | 'bind' | 'client'> {
  readonly holder: string | null;
}

export class LeaseClient {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** With a key it is asked again when the connection breaks, without one nobody knows what the first has done. Aborting leaves the queue. */
  acquire(pool: string, order: AcquireOrder, signal?: AbortSignal): Promise<Acquired> {
    return this.#transport.json({ ...acquiring(pool, { order, bind: 'ttl', signal }), repeatable: order.key !== null });
  }

  /** Holds the lease for as long as it is iterated: leaving the loop, or aborting, releases. */
  acquireBound(pool: string, order: AcquireOrder, signal?: AbortSignal): AsyncIterable<BoundLine> {
    return recordsIn(this.#transport.pieces(acquiring(pool, { order, bind: 'connection', signal })));
  }

  /** `ttlMs` null: as before. */
  renew(id: string, { token, ttlMs }: { readonly token: string; readonly ttlMs: number | null }, signal?: AbortSignal): Promise<Renewed> {
    const body = { token, ...(ttlMs === null ? {} : { ttlMs }) };
    // Renewed twice it lasts no longer than renewed once.
    return this.#transport.json({ method: 'POST', path: `${leasePath(id)}/renew`, body, signal, repeatable: true });
  }

  /** Binds it to this iteration, as `acquireBound`. */
  attach(id: string, token: string, signal?: AbortSignal): AsyncIterable<BoundLine> {
    return recordsIn(this.#transport.pieces({ method: 'POST', path: `${leasePath(id)}/attach`, body: { token }, signal }));
  }

  verify(id: string, token: string): Promise<LeaseStatus> {
    return this.#transport.json({ method: 'POST', path: `${leasePath(id)}/verify`, body: { token }, repeatable: true });
  }

  /** `token` null: as operate or admin. Releasing twice is harmless. */
  release(
    id: string,
    { token, outcome }: { readonly token: string | null; readonly outcome: 'engine_failed' | null },
    signal?: AbortSignal,
  ): Promise<Released> {
    const headers = token === null ? {} : { 'poold-lease-token': token };
    return this.#transport.json({ method: 'DELETE', path: leasePath(id), query: { outcome }, headers, signal, repeatable: true });
  }

  revoke(id: string, reason: string | null): Promise<LeaseStatus> {
    return this.#transport.json({ method: 'POST', path: `${leasePath(id)}/revoke`, body: reason === null ? {} : { reason } });
  }

  list({ pool, holder, olderMs }: LeaseFilter): Promise<readonly LeaseStatus[]> {
    const older = olderMs === null ? null : `${Math.round(olderMs)}ms`;
    return this.#transport.items({ method: 'GET', path: '/v1/leases', query: { pool, holder, older } });
  }

  lease(id: string): Promise<LeaseStatus> {
    return this.#transport.json({ method: 'GET', path: leasePath(id) });
  }

  queue(pool: string): Promise<readonly Waiter[]> {
    return this.#transport.items({ method: 'GET', path: `/v1/pools/${encodeURIComponent(pool)}/queue` });
  }

  /** As it stands; with `waitMs` (at most ten minutes) when something has changed or the time is over. */
  ticket(id: string, waitMs: number, signal?: AbortSignal): Promise<TicketStatus> {
    const wholeMs = Math.round(waitMs);
    const query = { wait: wholeMs > 0 ? `${wholeMs}ms` : null };
    return this.#transport.json({ method: 'GET', path: ticketPath(id), query, waitMs: wholeMs, signal });
  }

  leave(id: string): Promise<TicketStatus> {
    return this.#transport.json({ method: 'DELETE', path: ticketPath(id) });
  }
}

interface Acquiring {
  readonly order: AcquireOrder;
  readonly bind: AcquireRequest['bind'];
  readonly signal: AbortSignal | undefined;
}

function acquiring(pool: string, { order, bind, signal }: Acquiring): Exchange {
  const { key, waitMs, ...rest } = order;
  return {
    method: 'POST',
    path: `/v1/pools/${encodeURIComponent(pool)}/leases`,
    body: given({ ...rest, waitMs, bind }),
    headers: key === null ? {} : { 'idempotency-key': key },
    waitMs: waitMs ?? 0,
    signal,
  };
}

/** What is null is left to the daemon. */
function given(body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

function leasePath(id: string): string {
  return `/v1/leases/${encodeURIComponent(id)}`;
}

function ticketPath(id: string): string {
  return `/v1/tickets/${encodeURIComponent(id)}`;
}
