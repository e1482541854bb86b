/** A real pool with real leases on a real database, one to a round, under the clock of that round. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import type { Event, Happening } from '../../src/events/event.ts';
import type { LeaseEars } from '../../src/lease/lease-ears.ts';
import { Leases } from '../../src/lease/leases.ts';
import { Commits } from '../../src/pool/commits.ts';
import type { PoolCommand } from '../../src/pool/host.ts';
import type { Pool } from '../../src/pool/pool.ts';
import { refusal } from '../../src/pool/refusal-state.ts';
import { restorePools } from '../../src/pool/restore.ts';
import { openStartGate } from '../../src/pool/start-gate.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { Store } from '../../src/store/store.ts';
import { EMPTY_BATCH } from '../../src/store/store.ts';
import { TestRoom } from '../lease/test-room.ts';
import type { SpecChange } from '../pool/pool-spec.ts';
import { poolSpec } from '../pool/pool-spec.ts';
import type { ClockView, RaceClock } from './race-clock.ts';

/** A bug put in between, to see that it is found. */
export interface Plant {
  readonly ears?: (ears: LeaseEars, leases: Leases) => LeaseEars;
  readonly poolClock?: (clock: ClockView) => ClockView;
  readonly pool?: (pool: Pool) => void;
}

export interface RacePool {
  readonly pool: Pool;
  readonly leases: Leases;
  readonly room: TestRoom;
  /** The pool's own timers. */
  readonly timers: ClockView;
  /** That of everybody else. */
  readonly clock: ClockView;
  readonly happenings: readonly Happening[];
  readonly faults: readonly unknown[];
  /** Numbers of the questions that were put to the pool, and of the answers, in the order of their coming. */
  readonly asked: readonly number[];
  readonly answered: readonly number[];
  /** False where it is refused. */
  tell(command: PoolCommand): boolean;
}

/** One database for many rounds: each has a pool of its own name, and nothing is read back. */
export class Ground {
  readonly #directory = mkdtempSync(join(tmpdir(), 'poold-races-'));
  readonly #store: Store = openStore({ directory: this.#directory, clock: systemClock });

  async pool(
    name: string,
    { race, spec, plant }: { readonly race: RaceClock; readonly spec: SpecChange; readonly plant: Plant },
  ): Promise<RacePool> {
    const [clock, own] = [race.view(), race.view()];
    const timers = plant.poolClock?.(own) ?? own;
    const room = new TestRoom();
    const leases = new Leases(clock);
    const [happenings, faults, asked, answered]: [Happening[], unknown[], number[], number[]] = [[], [], [], []];
    const publish = (happening: Happening): void => {
      happenings.push(happening);
      leases.heard(happening as Event);
    };
    const fault = (error: unknown): void => void faults.push(error);
    const ears = counted(plant.ears?.(leases.desk, leases) ?? leases.desk, answered);
    const parts = {
      clock: timers,
      store: this.#store,
      commits: new Commits(this.#store, fault),
      room: room.room,
      gate: openStartGate(null),
    };
    const stored = { pools: [], engines: [], leases: [], ended: [], lostLeases: [] };
    const options = { stored, specs: [poolSpec({ ...spec, name })], damaged: false };
    const { pools } = await restorePools({ ...parts, leases: ears, publish, fault, bootId: 'boot' }, options);
    const [pool] = pools;
    if (pool === undefined) throw new Error('there is no pool');
    plant.pool?.(pool);
    const ask = pool.ask.bind(pool);
    pool.ask = (event) => {
      asked.push(event.to);
      ask(event);
    };
    leases.serves(pools, []);
    pool.post({ type: 'opened' });
    let commands = 0;
    const tell = (command: PoolCommand): boolean => {
      if (refusal(pool.state, command, timers.nowMs()) !== null) return false;
      commands += 1;
      pool.post({ type: 'command', command, operationId: `op${commands}`, stamp: { by: 'ann', atMs: timers.wallMs(), reason: null } });
      return true;
    };
    return { pool, leases, room, timers, clock, happenings, faults, asked, answered, tell };
  }

  /** The round is over: its rows are nobody's any more. */
  left({ pool }: RacePool): void {
    pool.close();
    const { name, engines } = pool.state;
    const gone = engines.map(({ replica }) => ({ pool: name, replica, state: null }));
    this.#store.commit({ ...EMPTY_BATCH, pools: [{ pool: name, state: null }], engines: gone });
  }

  close(): void {
    this.#store.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** The first to hear each answer. */
function counted(ears: LeaseEars, answered: number[]): LeaseEars {
  return {
    answered(to, answer) {
      answered.push(to);
      ears.answered(to, answer);
    },
    leaseEnded: (pool, ended) => ears.leaseEnded(pool, ended),
    ticketEnded: (pool, ended) => ears.ticketEnded(pool, ended),
  };
}
