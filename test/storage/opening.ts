/** A store that an older poold has left, and its opening by this one: in a process of its own that dies, or is told of an error, in the middle. */
import type { SpawnSyncReturns } from 'node:child_process';
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock } from '../../src/clock.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { readIdentity, writeIdentity } from '../../src/store/sqlite-identity.ts';
import type { Stored } from '../../src/store/store.ts';
import { ROOT } from '../machine/rig.ts';
import { batch, exit } from '../store/rows.ts';
import type { Injection } from './strace.ts';
import { callsIn, through, traced, WRITING } from './strace.ts';

/** The first schema there was: without leases. */
const OLD_SCHEMA = 1;

export interface Point {
  readonly call: Injection['call'];
  readonly nth: number;
}

export class Opening {
  readonly #home: string;
  readonly #old: string;
  readonly #directory: string;
  readonly #stored: Stored;

  constructor(home: string) {
    this.#home = home;
    this.#old = join(home, 'old');
    this.#directory = join(home, 'state');
    const store = openStore({ directory: this.#old, clock: systemClock });
    const engines = Array.from({ length: 20 }, (_, replica) => ({ pool: 'chat', replica, state: JSON.stringify({ replica }) }));
    store.commit(batch({ pools: [{ pool: 'chat', state: '{}' }], engines, exits: [exit({}), exit({ generation: 2 })] }));
    this.#stored = store.load();
    store.close();
    makeOld(this.#old);
  }

  /** Every call by which an opening changes what is on the disk, in no order. */
  points(): Point[] {
    const trace = join(this.#home, 'trace');
    // Twice: what Node has compiled is written down in the first.
    for (let time = 0; time < 2; time += 1) {
      rmSync(trace, { force: true });
      this.#opened(traced(trace));
    }
    const calls = callsIn(trace);
    return WRITING.flatMap((call) =>
      Array.from({ length: calls.filter((one) => one === call).length }, (_, at) => ({ call, nth: at + 1 })),
    );
  }

  /** What is not as it should be when that call has gone wrong, in sentences. */
  brokenBy({ call, nth }: Point, as: Injection['as']): string[] {
    const ran = this.#opened(through({ call, when: String(nth), as, trace: join(this.#home, 'trace') }));
    // It is killed at that call, and not in any other way.
    const died = as === 'SIGKILL' && ran.signal !== 'SIGKILL' ? [`it ended by ${ran.status ?? ran.signal}: ${ran.stderr}`] : [];
    const refused = ran.status === 0 || ran.signal !== null || /PooldError: cannot /.test(ran.stderr) ? [] : [`it said ${ran.stderr}`];
    return [...died, ...refused, ...this.#brokenNext()];
  }

  #opened(words: readonly string[]): SpawnSyncReturns<string> {
    rmSync(this.#directory, { recursive: true, force: true });
    cpSync(this.#old, this.#directory, { recursive: true });
    const [command = '', ...args] = [...words, process.execPath, join(ROOT, 'test/store/processes/opens-store.ts'), this.#directory];
    return spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, NODE_COMPILE_CACHE: join(this.#home, 'compiled') } });
  }

  /** What the next one finds. */
  #brokenNext(): string[] {
    const store = openStore({ directory: this.#directory, clock: systemClock });
    const { epoch, damage } = store;
    const stored = store.load();
    const exits = store.history({ pool: 'chat', replica: null, sinceMs: null, limit: 9 }).length;
    store.close();
    const backup = join(this.#directory, `poold.db.v${OLD_SCHEMA}`);
    return [
      ...(epoch > 1 ? [] : [`the epoch is ${epoch}`]),
      ...(damage === null ? [] : [damage]),
      ...(JSON.stringify(stored) === JSON.stringify(this.#stored) && exits === 2 ? [] : ['not all rows are there']),
      ...(schemaOf(join(this.#directory, 'poold.db')) > OLD_SCHEMA ? [] : ['it was not brought up to date']),
      ...(existsSync(backup) && schemaOf(backup) === OLD_SCHEMA ? [] : ['there is no copy of the old one']),
    ];
  }
}

/** Takes away what has come since. Nobody has the store open. */
export function makeOld(directory: string): void {
  const db = new DatabaseSync(join(directory, 'poold.db'));
  db.exec(`DROP TABLE leases; DROP TABLE ended_leases; PRAGMA user_version = ${OLD_SCHEMA}`);
  db.close();
  putSchema(directory, OLD_SCHEMA);
}

/** As a poold that is newer than all has it. */
export function makeNewer(directory: string): void {
  const db = new DatabaseSync(join(directory, 'poold.db'));
  db.exec('PRAGMA user_version = 99');
  db.close();
  putSchema(directory, 99);
}

export function schemaOf(file: string): number {
  return readFileSync(file).readUInt32BE(60);
}

function putSchema(directory: string, schema: number): void {
  const file = join(directory, 'identity.json');
  const identity = readIdentity(file);
  if (identity === null || identity === 'damaged') throw new Error(`there is no identity in ${directory}`);
  writeIdentity(file, { ...identity, schema });
}
