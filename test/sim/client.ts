/** A program that wants leases: outside the daemon, outliving it, with manners of its own. It believes what it was told and nothing else. */
import type { LeaseBind } from '../../src/lease/lease.ts';
import type { Held } from '../../src/lease/lease-events.ts';
import { Connection } from './connection.ts';
import type { Stream } from './dice.ts';
import { between, chance } from './dice.ts';
import type { LeaseApi, Told } from './lease-api.ts';
import type { World } from './world.ts';

export interface Manners {
  readonly pool: string;
  readonly bind: LeaseBind;
  readonly ttlMs: number;
  readonly priority: number;
  /** As an acquire's `waitMs`. */
  readonly waitMs: number | null;
  readonly keyed: boolean;
  /** When it renews, as a share of its TTL: 1 is on the very tick of its expiry, Infinity never. */
  readonly renewsAfter: number;
  readonly holdsMs: number;
  readonly pollsMs: number;
  /** Whether a poll waits. */
  readonly watches: boolean;
  /** Gives up waiting after so long. */
  readonly leavesAfterMs: number;
  readonly releases: 'once' | 'twice' | 'never' | 'as failed';
}

export interface ClientOptions {
  readonly name: string;
  readonly manners: Manners;
  readonly world: World;
  readonly draw: Stream;
}

/** Between two tries to reach a daemon that is away. */
const AGAIN_MS = 700;

export class Client {
  readonly name: string;
  readonly manners: Manners;
  dead = false;
  /** Asks for nothing new. */
  calm = false;
  lease: Held | null = null;
  ticketId: string | null = null;
  readonly #world: World;
  readonly #draw: Stream;
  #connection = new Connection();
  #frozenUntilMs = Number.NEGATIVE_INFINITY;
  #key: string | null = null;
  #keys = 0;
  /** Counts what it is about: a timer of an earlier thing does nothing. */
  #turn = 0;

  constructor({ name, manners, world, draw }: ClientOptions) {
    this.name = name;
    this.manners = manners;
    this.#world = world;
    this.#draw = draw;
  }

  begin(): void {
    this.#next();
    this.#in(between(this.#draw, 0, 1_000), () => this.#asks());
  }

  /** It stops where it is, and does not know. */
  freezes(forMs: number): void {
    this.#frozenUntilMs = this.#world.ground.nowMs + forMs;
  }

  dies(): void {
    this.dead = true;
    this.#connection.close();
  }

  /** Whatever it is about, it does the next thing now: races. */
  actsAt(atMs: number): void {
    this.#world.ground.agenda.addLasting(atMs, () => {
      if (this.dead || this.calm) return;
      if (this.lease === null) return this.#asks();
      if (chance(this.#draw, 0.5)) this.#renews();
      else this.#releases();
    });
  }

  /** All calls under way are lost; what it was told stands. */
  daemonDied(): void {
    const asking = this.lease === null;
    this.#connection.lost();
    this.#next();
    if (this.dead) return;
    this.#in(AGAIN_MS, () => {
      if (this.lease === null) this.#asks(asking);
      else this.#goesOn(this.lease);
    });
  }

  settles(): void {
    this.calm = true;
    this.#connection.close();
  }

  /** `again`: with the same key, as the answer to the last try never came. */
  #asks(again = false): void {
    const { manners, name } = this;
    const api = this.#api();
    if (this.calm) return;
    if (api === null) return this.#in(AGAIN_MS, () => this.#asks(again));
    this.#next();
    this.ticketId = null;
    if (!again || this.#key === null) this.#keys += 1;
    this.#key = manners.keyed ? `${name}-${this.#keys}` : null;
    this.#connection.close();
    const connection = new Connection();
    this.#connection = connection;
    const { ttlMs, priority, bind, waitMs, pool } = manners;
    const request = { holder: name, client: name, key: this.#key, ttlMs, priority, bind, waitMs };
    const turn = this.#turn;
    const told = (answer: Told): void => {
      if (turn === this.#turn || (answer.is === 'ended' && this.#connection === connection)) this.#told(answer);
    };
    api.acquire(pool, request, connection, told);
    // Its first try seems lost to it: the same again at once.
    if (this.#key !== null && chance(this.#draw, 0.3)) api.acquire(pool, request, connection, told);
    if (Number.isFinite(manners.leavesAfterMs)) this.#in(manners.leavesAfterMs, () => this.#leaves());
  }

  #told(told: Told): void {
    switch (told.is) {
      case 'granted':
        this.#world.acknowledged(this.manners.pool, told.held);
        return this.#goesOn(told.held);
      case 'renewed':
        this.#world.acknowledged(this.manners.pool, told.held);
        this.lease = told.held;
        return;
      case 'queued': {
        this.ticketId = told.ticketId;
        if (this.manners.bind === 'ttl') this.#in(this.manners.pollsMs, () => this.#polls());
        return;
      }
      case 'refused':
        return this.#rests('later');
      case 'ended':
      case 'stale':
      case 'released':
        return this.#rests();
      default:
        told satisfies never;
    }
  }

  #goesOn(held: Held): void {
    this.lease = held;
    this.ticketId = null;
    const { renewsAfter, holdsMs, releases } = this.manners;
    this.#next();
    const api = this.#api();
    if (!this.#connection.open && this.manners.bind === 'connection' && api !== null) this.#attaches(api, held);
    if (Number.isFinite(renewsAfter)) this.#renewsIn(held);
    if (releases !== 'never') this.#in(holdsMs, () => this.#releases());
    else this.#in(holdsMs * 2, () => this.#rests());
  }

  #attaches(api: LeaseApi, { lease: { id, token } }: Held): void {
    const connection = new Connection();
    this.#connection = connection;
    const turn = this.#turn;
    api.attach(id, token, {
      connection,
      told: (answer) => {
        if (answer.is === 'granted') this.#world.acknowledged(this.manners.pool, answer.held);
        else if (turn === this.#turn) this.#rests();
      },
    });
  }

  #renewsIn({ lease: { ttlMs } }: Held): void {
    const { renewsAfter } = this.manners;
    this.#in(ttlMs * renewsAfter, () => {
      this.#renews();
      if (this.lease !== null) this.#renewsIn(this.lease);
    });
  }

  #renews(): void {
    const api = this.#api();
    if (this.lease === null || api === null) return;
    const { id, token } = this.lease.lease;
    const ttlMs = chance(this.#draw, 0.1) ? between(this.#draw, 300, 3_000) : null;
    const turn = this.#turn;
    api.renew(id, { token, ttlMs }, (told) => {
      if (turn === this.#turn) this.#told(told);
    });
  }

  #releases(): void {
    const api = this.#api();
    if (this.lease === null) return;
    if (api === null) return this.#in(AGAIN_MS, () => this.#releases());
    const { id, token } = this.lease.lease;
    const { releases } = this.manners;
    const given = { token, engineFailed: releases === 'as failed' };
    const turn = this.#turn;
    api.release(id, given, (told) => {
      if (turn === this.#turn) this.#told(told);
    });
    if (releases === 'twice') api.release(id, given, () => {});
  }

  #polls(): void {
    const api = this.#api();
    const { ticketId } = this;
    if (ticketId === null) return;
    if (api === null) return this.#in(AGAIN_MS, () => this.#polls());
    const turn = this.#turn;
    api.ticket(ticketId, this.manners.watches ? this.#connection : null, (told) => {
      if (turn === this.#turn) this.#told(told);
    });
  }

  #leaves(): void {
    const api = this.#api();
    const { ticketId } = this;
    if (this.lease !== null || api === null) return;
    if (ticketId === null) {
      this.#connection.close();
      return this.#rests();
    }
    this.#next();
    this.ticketId = null;
    api.leave(ticketId, () => {});
    this.#rests();
  }

  /** Whoever was refused does not come again at once. */
  #rests(patience: 'soon' | 'later' = 'soon'): void {
    this.lease = null;
    this.ticketId = null;
    this.#next();
    if (!this.calm) this.#in(patience === 'soon' ? between(this.#draw, 0, 3_000) : between(this.#draw, 1_000, 20_000), () => this.#asks());
  }

  #next(): void {
    this.#turn += 1;
  }

  #api(): LeaseApi | null {
    return this.#world.daemon?.api ?? null;
  }

  /** In its own time: while it is frozen nothing happens, and then all at once. */
  #in(delayMs: number, run: () => void): void {
    const turn = this.#turn;
    const { ground } = this.#world;
    const due = (): void => {
      if (this.dead || turn !== this.#turn) return;
      const leftMs = this.#frozenUntilMs - ground.nowMs;
      if (leftMs > 0) ground.agenda.addLasting(ground.nowMs + leftMs, due);
      else run();
    };
    ground.agenda.addLasting(ground.nowMs + delayMs, due);
  }
}
