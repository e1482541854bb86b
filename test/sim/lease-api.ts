/**
 * The doors of the daemon for whoever wants a lease, played as `src/lease/leases.ts` and `lease-desk.ts` do it: each call has its answer, and nothing
 * is answered that is not stored. With the daemon all calls that are under way are gone; leases and what was stored of their ends are not.
 */
import type { AcquireRequest, LeaseEnd, Refused } from '../../src/lease/lease.ts';
import type { EndedLease, EndedTicket, Held, LeaseAnswer } from '../../src/lease/lease-events.ts';
import type { LeaseKeys } from '../../src/lease/lease-keys.ts';
import type { Seat } from '../../src/lease/lease-state.ts';
import { heldAt, seatOf } from '../../src/lease/seats-state.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import { allEngines } from '../../src/pool/turn.ts';
import type { Asked } from './asked.ts';
import type { Connection } from './connection.ts';
import type { Machine } from './machine.ts';

export type Told =
  | { readonly is: 'granted'; readonly held: Held }
  | { readonly is: 'queued'; readonly ticketId: string }
  | { readonly is: 'renewed'; readonly held: Held }
  | { readonly is: 'released' }
  | { readonly is: 'refused'; readonly code: Refused['code'] | 'left' | 'ticket_not_found' }
  | { readonly is: 'ended'; readonly how: LeaseEnd | null }
  | { readonly is: 'stale' };

export interface ApiParts {
  readonly asked: Asked;
  readonly state: (pool: string) => PoolState;
  readonly pools: readonly string[];
  readonly newKeys: Machine['newKeys'];
  readonly nowMs: () => number;
  readonly newId: (kind: 'l' | 't') => string;
  /** Runs it when all effects of the turn are through. */
  readonly tell: (told: () => void) => void;
  /** What was stored of ended leases, oldest first. */
  readonly past: readonly { readonly pool: string; readonly ended: EndedLease }[];
}

interface Place {
  readonly pool: string;
  readonly seat: Seat;
}

export class LeaseApi {
  readonly #parts: ApiParts;
  readonly #keys: LeaseKeys;
  readonly #places = new Map<string, Place>();
  readonly #waiting = new Map<string, string>();
  readonly #pastLeases = new Map<string, EndedLease>();
  readonly #pastTickets = new Map<string, EndedTicket>();
  /** Acquires with a key whose answer has not come, and who waits for it. */
  readonly #asked = new Map<string, ((answer: LeaseAnswer) => void)[]>();
  readonly #wakes = new Map<string, Set<() => void>>();

  constructor(parts: ApiParts) {
    this.#parts = parts;
    this.#keys = parts.newKeys(parts);
    for (const { pool, ended } of parts.past) {
      this.#pastLeases.set(ended.held.lease.id, ended);
      this.#keys.leaseOver(pool, ended.held.lease);
    }
    for (const pool of parts.pools) {
      for (const engine of allEngines(parts.state(pool))) {
        for (const lease of engine.seats) {
          if (lease === null) continue;
          this.#places.set(lease.id, { pool, seat: seatOf(engine, lease) });
          this.#keys.restored(pool, lease);
        }
      }
    }
  }

  /** Of a request that waits, `told` is called when the wait is over; of a bound one again whenever something becomes of it. */
  acquire(pool: string, request: AcquireRequest, connection: Connection, told: (told: Told) => void): void {
    const known = this.#keys.known(pool, request);
    if (known !== null) return this.#again(pool, request, { known, connection, told });
    const ids = { leaseId: this.#parts.newId('l'), ticketId: this.#parts.newId('t') };
    this.#keys.begun(pool, request, { ...ids, asked: null });
    this.#asked.set(ids.leaseId, []);
    this.#waiting.set(ids.ticketId, pool);
    const { holder, client, bind, key, waitMs } = request;
    const patience = waitMs === null ? 'ticket' : waitMs === 0 ? 'refuse' : { waitMs };
    const asking = { holder, client, bind, key, ttlMs: request.ttlMs ?? 1_000, priority: request.priority ?? 5, patience } as const;
    this.#parts.asked.ask(pool, { type: 'acquire', ...ids, ...asking }, (answer) => {
      if (answer.is !== 'granted' && answer.is !== 'queued') this.#keys.forgotten(pool, request);
      if (answer.is === 'granted') this.#places.set(ids.leaseId, { pool, seat: answer.held.seat });
      this.#acquired(answer, { pool, request, ticketId: ids.ticketId, connection, told });
      const others = this.#asked.get(ids.leaseId) ?? [];
      this.#asked.delete(ids.leaseId);
      for (const other of others) other(answer);
    });
  }

  renew(id: string, given: { readonly token: string; readonly ttlMs: number | null }, told: (told: Told) => void): void {
    this.#about(id, told, ({ pool, seat }) => {
      this.#parts.asked.ask(pool, { type: 'renew', id, seat, ...given }, (answer) => told(this.#toldOf(id, answer)));
    });
  }

  release(id: string, given: { readonly token: string; readonly engineFailed: boolean }, told: (told: Told) => void): void {
    this.#about(id, told, ({ pool, seat }) => {
      this.#parts.asked.ask(pool, { type: 'release', id, seat, ...given }, (answer) => told(this.#toldOf(id, answer)));
    });
  }

  revoke(id: string): void {
    this.#about(
      id,
      () => {},
      ({ pool, seat }) => {
        this.#parts.asked.ask(pool, { type: 'revoke', id, seat, token: null, by: 'ops@tty1', reason: null }, () => {});
      },
    );
  }

  attach(id: string, token: string, { connection, told }: { readonly connection: Connection; readonly told: (told: Told) => void }): void {
    this.#about(id, told, ({ pool, seat }) => {
      this.#parts.asked.ask(pool, { type: 'attach', id, seat, token }, (answer) => {
        if (answer.is === 'granted') this.#bound(answer.held, { connection, told });
        told(this.#toldOf(id, answer));
      });
    });
  }

  /** Waits for it where `connection` is given, until something becomes of it or the connection goes. */
  ticket(ticketId: string, connection: Connection | null, told: (told: Told) => void): void {
    const pool = this.#ticketPool(ticketId);
    if (pool === null) return this.#ticketOver(ticketId, told);
    if (connection === null) {
      this.#parts.asked.ask(pool, { type: 'ask', ticketId }, () => this.#ticketOver(ticketId, told));
      return;
    }
    this.#parts.asked.ask(pool, { type: 'watch', ticketId, watchers: 1 }, () => {
      this.#when(ticketId, connection, () => {
        const waits = this.#ticketPool(ticketId);
        if (waits === null) this.#ticketOver(ticketId, told);
        else this.#parts.asked.ask(waits, { type: 'watch', ticketId, watchers: -1 }, () => this.#ticketOver(ticketId, told));
      });
    });
  }

  leave(ticketId: string, told: (told: Told) => void): void {
    const over = (): void => {
      const lease = this.#pastTickets.get(ticketId)?.lease ?? null;
      if (lease !== null) this.#givenBack(lease.lease.id);
      told({ is: 'released' });
    };
    const pool = this.#ticketPool(ticketId);
    if (pool === null) over();
    else this.#parts.asked.ask(pool, { type: 'leave', ticketId }, over);
  }

  leaseEnded(pool: string, ended: EndedLease): void {
    const { id } = ended.held.lease;
    this.#places.delete(id);
    this.#pastLeases.set(id, ended);
    this.#keys.leaseOver(pool, ended.held.lease);
    this.#wake(id);
  }

  ticketEnded(pool: string, ended: EndedTicket): void {
    const { id } = ended.ticket;
    this.#waiting.delete(id);
    if (ended.lease === null) this.#keys.ticketOver(pool, ended);
    else this.#places.set(ended.lease.lease.id, { pool, seat: ended.lease.seat });
    this.#pastTickets.set(id, ended);
    this.#wake(id);
  }

  held(id: string): Held | null {
    const place = this.#places.get(id);
    return place === undefined ? null : heldAt(this.#parts.state(place.pool), place.seat, id);
  }

  #acquired(answer: LeaseAnswer, asked: Acquiring): void {
    const { request, ticketId, connection, told } = asked;
    if (answer.is === 'granted') return this.#handedOver(answer.held, asked);
    if (answer.is !== 'queued') return told(answer.is === 'refused' ? { is: 'refused', code: answer.refused.code } : { is: 'stale' });
    const waits = request.bind === 'connection' || (request.waitMs !== null && request.waitMs > 0);
    // It may have been promoted in the very turn that had queued it.
    if (!waits && this.#ticketPool(ticketId) === null) return this.#promoted(ticketId, { request, connection, told });
    if (!waits) return told({ is: 'queued', ticketId });
    if (request.bind === 'connection') told({ is: 'queued', ticketId });
    this.#when(ticketId, connection, () => {
      const waitsIn = this.#ticketPool(ticketId);
      if (waitsIn !== null) return this.#hungUp(waitsIn, ticketId);
      this.#promoted(ticketId, { request, connection, told });
    });
  }

  #promoted(ticketId: string, asked: Pick<Acquiring, 'request' | 'connection' | 'told'>): void {
    const past = this.#pastTickets.get(ticketId);
    if (past === undefined) return asked.told({ is: 'refused', code: 'ticket_not_found' });
    if (past.lease === null) return asked.told({ is: 'refused', code: past.refused?.code ?? 'left' });
    const { id } = past.lease.lease;
    const held = this.held(id) ?? past.lease;
    const place = this.#places.get(id);
    if (held.lease.claimByMs === null || place === undefined) return this.#handedOver(held, asked);
    this.#claim(place.pool, held, (answer) => {
      if (answer.is === 'granted') this.#handedOver(answer.held, asked);
      else asked.told(this.#toldOf(id, answer));
    });
  }

  /** Nobody is to be told any more; another may wait for the same, by the same key. */
  #hungUp(pool: string, ticketId: string): void {
    this.#parts.asked.ask(pool, { type: 'hungUp', ticketId }, () => {
      const lease = this.#pastTickets.get(ticketId)?.lease ?? null;
      // Promoted meanwhile, and whoever was to hear of it has gone.
      if (lease !== null && this.held(lease.lease.id)?.lease.claimByMs !== null) this.#givenBack(lease.lease.id);
    });
  }

  /** What is granted to somebody who has hung up is given back at once. */
  #handedOver(held: Held, { request, connection, told }: Pick<Acquiring, 'request' | 'connection' | 'told'>): void {
    // Unless he has a key to ask for it again.
    if (!connection.open && request.key !== null) return;
    if (!connection.open) return this.#givenBack(held.lease.id);
    if (request.bind === 'connection') this.#bound(held, { connection, told });
    told({ is: 'granted', held });
  }

  /** It lives by its connection: whoever hangs up has released it. */
  #bound({ lease: { id } }: Held, { connection, told }: { readonly connection: Connection; readonly told: (told: Told) => void }): void {
    const end = (): void => {
      if (this.held(id) === null) {
        if (connection.open) told({ is: 'ended', how: this.#pastLeases.get(id)?.how ?? null });
      } else if (!connection.open) this.#givenBack(id);
      else this.#when(id, connection, end);
    };
    this.#when(id, connection, end);
  }

  #again(
    pool: string,
    request: AcquireRequest,
    {
      known,
      connection,
      told,
    }: Pick<Acquiring, 'connection' | 'told'> & { readonly known: { readonly leaseId: string; readonly ticketId: string } },
  ): void {
    const { leaseId, ticketId } = known;
    const under = this.#asked.get(leaseId);
    if (under !== undefined) {
      under.push((first) => {
        // What is refused to one is refused to the other.
        if (first.is === 'refused') told({ is: 'refused', code: first.refused.code });
        else this.acquire(pool, request, connection, told);
      });
      return;
    }
    const held = this.held(leaseId);
    const asked = { pool, request, ticketId, connection, told };
    if (held !== null && held.lease.claimByMs !== null) return this.#claim(pool, held, (answer) => this.#acquired(answer, asked));
    if (held !== null) return this.#acquired({ is: 'granted', held }, asked);
    const ended = this.#pastLeases.get(leaseId);
    if (ended !== undefined) return told({ is: 'ended', how: ended.how });
    const ticket = this.#parts.state(pool).tickets.find(({ id }) => id === ticketId);
    if (ticket === undefined) return this.#ticketOver(ticketId, told);
    const waits = request.waitMs !== null && request.waitMs > 0;
    if (!waits) return this.#acquired({ is: 'queued', ticket }, asked);
    this.#parts.asked.ask(pool, { type: 'watch', ticketId, watchers: 1 }, () => this.#acquired({ is: 'queued', ticket }, asked));
  }

  /** Somebody is told of a promotion: that is stored first. */
  #claim(pool: string, held: Held, told: (answer: LeaseAnswer) => void): void {
    this.#parts.asked.ask(pool, { type: 'claim', id: held.lease.id, seat: held.seat, token: null }, (answer) =>
      told(answer.is === 'claimed' ? { is: 'granted', held: answer.held } : answer),
    );
  }

  #ticketOver(ticketId: string, told: (told: Told) => void): void {
    const pool = this.#ticketPool(ticketId);
    if (pool !== null) return told({ is: 'queued', ticketId });
    const past = this.#pastTickets.get(ticketId);
    if (past === undefined) return told({ is: 'refused', code: 'ticket_not_found' });
    if (past.lease === null) return told({ is: 'refused', code: past.refused?.code ?? 'left' });
    const { id } = past.lease.lease;
    const held = this.held(id);
    const place = this.#places.get(id);
    if (held === null || place === undefined) return told({ is: 'ended', how: this.#pastLeases.get(id)?.how ?? null });
    if (held.lease.claimByMs === null) return told({ is: 'granted', held });
    this.#claim(place.pool, held, (answer) => told(this.#toldOf(id, answer)));
  }

  #about(id: string, told: (told: Told) => void, ask: (place: Place) => void): void {
    const place = this.#places.get(id);
    if (place === undefined || this.held(id) === null) told({ is: 'ended', how: this.#pastLeases.get(id)?.how ?? null });
    else ask(place);
  }

  #toldOf(id: string, answer: LeaseAnswer): Told {
    switch (answer.is) {
      case 'granted':
      case 'renewed':
        return { is: answer.is, held: answer.held };
      case 'released':
        return { is: 'released' };
      case 'stale':
        return { is: 'stale' };
      default:
        return { is: 'ended', how: this.#pastLeases.get(id)?.how ?? null };
    }
  }

  #givenBack(id: string): void {
    const place = this.#places.get(id);
    if (place === undefined || this.held(id) === null) return;
    this.#parts.asked.ask(place.pool, { type: 'release', id, seat: place.seat, token: null, engineFailed: false }, () => {});
  }

  #ticketPool(ticketId: string): string | null {
    const pool = this.#waiting.get(ticketId);
    return pool !== undefined && this.#parts.state(pool).tickets.some(({ id }) => id === ticketId) ? pool : null;
  }

  /** Once, when something becomes of the lease or ticket, or the connection goes. */
  #when(id: string, connection: Connection, run: () => void): void {
    if (!connection.open || (this.held(id) === null && this.#ticketPool(id) === null)) return this.#parts.tell(run);
    const wakes = this.#wakes.get(id) ?? new Set();
    this.#wakes.set(id, wakes);
    const once = (): void => {
      wakes.delete(once);
      connection.forget(once);
      run();
    };
    wakes.add(once);
    connection.onClose(once);
  }

  #wake(id: string): void {
    const wakes = this.#wakes.get(id) ?? [];
    this.#wakes.delete(id);
    this.#parts.tell(() => {
      for (const wake of [...wakes]) wake();
    });
  }
}

interface Acquiring {
  readonly pool: string;
  readonly request: AcquireRequest;
  readonly ticketId: string;
  readonly connection: Connection;
  readonly told: (told: Told) => void;
}
