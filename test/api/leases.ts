/** Leases and queue of plain data: what is granted, kept and ended here follows the promises of LeaseHost, without TTLs, order or estimates. */
import { systemClock } from '../../src/clock.ts';
import { PooldError } from '../../src/errors.ts';
import type {
  Acquired,
  AcquireRequest,
  BoundLine,
  Granted,
  LeaseCaller,
  LeaseFilter,
  LeaseHost,
  LeaseStatus,
  Queued,
  Released,
  Renewed,
  TicketStatus,
  Waiter,
} from '../../src/lease/lease.ts';
import type { PoolStatus } from '../../src/pool/status.ts';
import { Pipe } from './pipe.ts';

const LONG_AGO = '2026-11-03T08:00:00.000Z';
const ESTIMATED = {
  queuePosition: 1,
  estimatedWaitMs: 1_500,
  estimatedWaitP90Ms: 4_000,
  estimateBasis: 'history',
  draining: false,
} as const;

interface Held {
  readonly status: LeaseStatus;
  readonly token: string;
  /** Of the stream that it is bound to. */
  readonly told: Pipe<BoundLine>;
}

export class DataLeases implements LeaseHost {
  readonly asked: { readonly pool: string; readonly request: AcquireRequest }[] = [];
  readonly callers: LeaseCaller[] = [];
  readonly revoked: { readonly by: string; readonly reason: string | null }[] = [];
  readonly filters: LeaseFilter[] = [];
  readonly outcomes: (string | null)[] = [];
  readonly held = new Map<string, Held>();
  readonly ended = new Set<string>();
  readonly tickets = new Map<string, TicketStatus>();
  free = 1_000_000;
  /** Thrown by each acquire. */
  refusal: PooldError | null = null;
  /** Whether a bound lease is held until its connection goes, or ends behind its first line. */
  stays = true;
  readonly #pool: (name: string) => PoolStatus;
  readonly #waiting = new Map<string, () => void>();
  #issued = 0;

  constructor(pool: (name: string) => PoolStatus) {
    this.#pool = pool;
  }

  /** How many requests are held until something changes. */
  get waiting(): number {
    return this.#waiting.size;
  }

  grant(pool: string, request: Partial<AcquireRequest> = {}): Granted {
    this.free -= 1;
    this.#issued += 1;
    const bind = request.bind ?? 'ttl';
    const shared = {
      id: `lease-${this.#issued}`,
      pool,
      engine: { id: `${pool}/0`, url: 'http://127.0.0.1:20000', generation: 2 },
      slot: 0,
      ttlMs: request.ttlMs ?? 30_000,
      expiresAt: bind === 'ttl' ? '2026-11-03T08:00:30.000Z' : null,
      draining: false,
      deadlineAt: null,
    };
    const token = `3.${String(this.#issued).padStart(10, '0')}`;
    const holder = request.holder ?? 'ann';
    const status = { ...shared, holder, bind, grantedAt: LONG_AGO, heldMs: 60_000, renewals: 0, client: request.client ?? 'ann' };
    this.held.set(shared.id, { status, token, told: new Pipe() });
    return { outcome: 'granted', ...shared, token };
  }

  enqueue(pool: string, request: Partial<AcquireRequest> = {}): Queued {
    this.#issued += 1;
    const id = `ticket-${this.#issued}`;
    const { holder = 'ann', priority } = request;
    this.tickets.set(id, {
      ...ESTIMATED,
      id,
      pool,
      state: 'queued',
      holder,
      priority: priority ?? 5,
      waitedMs: 10,
      lease: null,
      error: null,
    });
    return { ...ESTIMATED, outcome: 'queued', id, pool };
  }

  /** Gives a ticket its lease, and tells whoever waits for it. */
  promote(id: string): void {
    const found = this.#ticket(id);
    this.tickets.set(id, { ...found, state: 'granted', lease: this.grant(found.pool, found) });
    this.#waiting.get(id)?.();
  }

  async acquire(pool: string, request: AcquireRequest, signal: AbortSignal): Promise<Acquired> {
    this.#admit(pool, request);
    if (this.free > 0) return this.grant(pool, request);
    if (request.waitMs === 0) throw new PooldError('no_free_slot', `cannot give a lease on ${pool}: all slots are held`, { pool });
    const queued = this.enqueue(pool, request);
    if (request.waitMs === null) return queued;
    const { lease } = await this.ticket(queued.id, request.waitMs, signal);
    if (lease !== null) return lease;
    throw new PooldError('queue_timeout', `cannot give a lease on ${pool}: nothing was free within ${request.waitMs} ms`, { pool });
  }

  async *acquireBound(pool: string, request: AcquireRequest, signal: AbortSignal): AsyncGenerator<BoundLine> {
    this.#admit(pool, request);
    if (this.free > 0) return yield* this.#bound(this.grant(pool, request), signal);
    const queued = this.enqueue(pool, request);
    yield queued;
    const { lease } = await this.ticket(queued.id, request.waitMs ?? 60_000, signal);
    if (lease !== null) yield* this.#bound(lease, signal);
    return undefined;
  }

  async *attach(id: string, token: string, signal: AbortSignal): AsyncGenerator<BoundLine> {
    const { status } = this.#shown(id, token);
    const { id: lease, pool, engine, slot, ttlMs, draining, deadlineAt } = status;
    yield* this.#bound({ outcome: 'granted', id: lease, pool, engine, slot, token, ttlMs, expiresAt: null, draining, deadlineAt }, signal);
  }

  async renew(id: string, request: { readonly token: string; readonly ttlMs: number | null }): Promise<Renewed> {
    const { status } = this.#shown(id, request.token);
    const ttlMs = request.ttlMs ?? status.ttlMs;
    return { outcome: 'renewed', id, ttlMs, expiresAt: status.expiresAt, renewals: 1, draining: false, deadlineAt: null };
  }

  verify(id: string, token: string): LeaseStatus {
    return this.#shown(id, token).status;
  }

  async release(id: string, caller: LeaseCaller, outcome: 'engine_failed' | null): Promise<Released> {
    this.callers.push(caller);
    this.outcomes.push(outcome);
    if (this.ended.has(id)) return { outcome: 'already_ended' };
    const { token } = this.#held(id);
    if (caller.token === null && !caller.operates) throw new PooldError('forbidden', `cannot release ${id}: show its token`);
    if (caller.token !== null && caller.token !== token) throw new PooldError('stale_token', `cannot release ${id}: not its token`);
    this.#end(id);
    return { outcome: 'released' };
  }

  async revoke(id: string, by: { readonly by: string; readonly reason: string | null }): Promise<LeaseStatus> {
    const { status } = this.#held(id);
    this.revoked.push(by);
    this.#end(id);
    return status;
  }

  leases(filter: LeaseFilter): readonly LeaseStatus[] {
    if (filter.pool !== null) this.#pool(filter.pool);
    this.filters.push(filter);
    return [...this.held.values()].map(({ status }) => status);
  }

  lease(id: string): LeaseStatus {
    return this.#held(id).status;
  }

  queue(pool: string): readonly Waiter[] {
    this.#pool(pool);
    const queued = [...this.tickets.values()].filter(({ state }) => state === 'queued');
    return queued.map(({ id, lease: _lease, error: _error, ...shown }) => ({ ...shown, ticket: id.slice(0, 8) }));
  }

  async ticket(id: string, waitMs: number, signal: AbortSignal): Promise<TicketStatus> {
    if (this.#ticket(id).state === 'queued' && waitMs > 0) {
      const changed = Promise.withResolvers<void>();
      const timer = systemClock.after(waitMs, () => changed.resolve());
      signal.addEventListener('abort', () => changed.resolve(), { once: true });
      this.#waiting.set(id, () => changed.resolve());
      await changed.promise;
      timer.cancel();
      this.#waiting.delete(id);
    }
    signal.throwIfAborted();
    return this.#ticket(id);
  }

  async leave(id: string): Promise<TicketStatus> {
    const left: TicketStatus = { ...this.#ticket(id), state: 'left' };
    this.tickets.set(id, left);
    return left;
  }

  #admit(pool: string, request: AcquireRequest): void {
    this.#pool(pool);
    this.asked.push({ pool, request });
    if (this.refusal !== null) throw this.refusal;
  }

  async *#bound(granted: Granted, signal: AbortSignal): AsyncGenerator<BoundLine> {
    const { told } = this.#held(granted.id);
    try {
      yield granted;
      if (this.stays) yield* told.read(signal);
    } finally {
      this.#end(granted.id);
    }
  }

  #end(id: string): void {
    if (this.held.delete(id)) this.free += 1;
    this.ended.add(id);
  }

  #shown(id: string, token: string): Held {
    const found = this.#held(id);
    if (found.token !== token) throw new PooldError('stale_token', `cannot go on with ${id}: this is not its token`);
    return found;
  }

  #held(id: string): Held {
    const found = this.held.get(id);
    if (found !== undefined) return found;
    if (this.ended.has(id)) throw new PooldError('lease_ended', `cannot go on with ${id}: it has ended`);
    throw new PooldError('lease_not_found', `cannot find the lease ${id}`);
  }

  #ticket(id: string): TicketStatus {
    const found = this.tickets.get(id);
    if (found === undefined) throw new PooldError('ticket_not_found', `cannot find the ticket ${id}`);
    return found;
  }
}
