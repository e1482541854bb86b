/** Real pools on a real database, with a clock that the test moves and engines that are only said to be there. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Clock, Timer } from '../../src/clock.ts';
import type { PoolSpec } from '../../src/config/spec.ts';
import { PooldError } from '../../src/errors.ts';
import type { Event, Happening } from '../../src/events/event.ts';
import type { AcquireRequest } from '../../src/lease/lease.ts';
import { Leases } from '../../src/lease/leases.ts';
import { pastLeases } from '../../src/lease/past-leases.ts';
import { Commits } from '../../src/pool/commits.ts';
import type { PoolCommand } from '../../src/pool/host.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { restorePools } from '../../src/pool/restore.ts';
import { openStartGate } from '../../src/pool/start-gate.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { Batch, Store } from '../../src/store/store.ts';
import type { SpecChange } from '../pool/pool-spec.ts';
import { poolSpec } from '../pool/pool-spec.ts';
import { WALL_MS } from '../pool/world.ts';
import { TestRoom } from './test-room.ts';

/** Until everything that was ready to go on has gone on. */
export async function settled(): Promise<void> {
  for (let turns = 0; turns < 8; turns += 1) await new Promise((resolve) => setImmediate(resolve));
}

class TestClock implements Clock {
  #now = 0;
  readonly #timers = new Set<{ readonly dueMs: number; readonly fire: () => void }>();

  nowMs = (): number => this.#now;
  wallMs = (): number => WALL_MS + this.#now;
  random = (): number => 0.5;

  after(delayMs: number, fire: () => void): Timer {
    const timer = { dueMs: this.#now + Math.max(0, delayMs), fire };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  async pass(forMs: number): Promise<void> {
    const untilMs = this.#now + forMs;
    await settled();
    for (;;) {
      const [next] = [...this.#timers].filter(({ dueMs }) => dueMs <= untilMs).toSorted((one, other) => one.dueMs - other.dueMs);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = Math.max(this.#now, next.dueMs);
      next.fire();
      await settled();
    }
    this.#now = untilMs;
  }
}

export const REQUEST: AcquireRequest = { holder: 'ann', ttlMs: null, waitMs: null, priority: null, bind: 'ttl', key: null, client: 'test' };

export class DeskRig {
  readonly clock = new TestClock();
  readonly room = new TestRoom();
  readonly happenings: Happening[] = [];
  readonly faults: unknown[] = [];
  /** What was committed, and whether the disk takes more. */
  readonly commits: Batch[] = [];
  full = false;
  broken = false;
  leases = new Leases(this.clock);
  readonly #directory = mkdtempSync(join(tmpdir(), 'poold-desk-'));
  readonly #specs: readonly PoolSpec[];
  #store: Store | null = null;
  #pools: readonly Pool[] = [];
  #operations = 0;

  constructor(...changes: readonly SpecChange[]) {
    this.#specs = changes.map((change) => poolSpec(change));
    onTestFinished(() => {
      this.#store?.close();
      rmSync(this.#directory, { recursive: true, force: true });
    });
  }

  /** A daemon with all engines ready and its doors open. */
  static async open(...changes: readonly SpecChange[]): Promise<DeskRig> {
    const rig = new DeskRig(...changes);
    await rig.starts();
    await rig.clock.pass(2_000);
    return rig;
  }

  /** The next daemon on the same database; the one before is as after SIGKILL. */
  async starts(): Promise<void> {
    for (const pool of this.#pools) pool.close();
    this.#store?.close();
    const store = openStore({ directory: this.#directory, clock: this.clock });
    this.#store = store;
    this.leases = new Leases(this.clock);
    const { leases } = this;
    const stored = store.load();
    const seen = this.#seen(store);
    const fault = (error: unknown): void => void this.faults.push(error);
    const publish = (happening: Happening): void => {
      this.happenings.push(happening);
      leases.heard(happening as Event);
    };
    const parts = { clock: this.clock, store: seen, commits: new Commits(seen, fault), room: this.room.room, gate: openStartGate(null) };
    const options = { stored, specs: this.#specs, damaged: false };
    const { pools, lost } = await restorePools({ ...parts, leases: leases.desk, publish, fault, bootId: 'boot' }, options);
    this.lost = lost.map(({ id }) => id);
    leases.serves(pools, pastLeases(stored, this.clock.wallMs()));
    for (const pool of pools) pool.post({ type: 'opened' });
    this.#pools = pools;
    await settled();
  }

  lost: (string | null)[] = [];

  get store(): Store {
    if (this.#store === null) throw new Error('no daemon has been started');
    return this.#store;
  }

  pool(name = 'chat'): Pool {
    const pool = this.#pools.find(({ state }) => state.name === name);
    if (pool === undefined) throw new Error(`there is no pool ${name}`);
    return pool;
  }

  tell(command: PoolCommand): void {
    this.#operations += 1;
    this.pool().post({ type: 'command', command, operationId: `op${this.#operations}`, stamp: { by: 'ann', atMs: 0, reason: null } });
  }

  acquire(change: Partial<AcquireRequest> = {}, signal = new AbortController().signal, pool = 'chat') {
    return this.leases.acquire(pool, { ...REQUEST, ...change }, signal);
  }

  async granted(change: Partial<AcquireRequest> = {}) {
    const answer = await this.acquire(change);
    if (answer.outcome !== 'granted') throw new Error(`queued at ${answer.queuePosition}`);
    return answer;
  }

  async queued(change: Partial<AcquireRequest> = {}) {
    const answer = await this.acquire(change);
    if (answer.outcome !== 'queued') throw new Error(`granted ${answer.id}`);
    return answer;
  }

  release(id: string, token: string | null = null) {
    return this.leases.release(id, { by: 'ann', claimed: false, operates: token === null, token }, null);
  }

  types(prefix: string): string[] {
    return this.happenings.filter(({ type }) => type.startsWith(prefix)).map(({ type }) => type);
  }

  /** The database with an eye on it. */
  #seen(store: Store): Store {
    const rig = this;
    return {
      get epoch() {
        return store.epoch;
      },
      instance: store.instance,
      damage: store.damage,
      get full() {
        return rig.full;
      },
      load: () => store.load(),
      history: (query) => store.history(query),
      operations: (pool) => store.operations(pool),
      operation: (id) => store.operation(id),
      close: () => store.close(),
      commit(batch) {
        if (rig.broken) throw new Error('a fault of ours');
        if (rig.full) throw new PooldError('storage_full', 'cannot store: the disk is full');
        rig.commits.push(batch);
        store.commit(batch);
      },
    };
  }
}
