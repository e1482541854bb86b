/** The store on SQLite, of which one process at a time may have a directory open: whoever opens it holds the daemon's lock. */
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../clock.ts';
import { PooldError } from '../errors.ts';
import type { Ballast } from './sqlite-ballast.ts';
import { createBallast } from './sqlite-ballast.ts';
import { STATE_CHARACTERS } from './sqlite-bounds.ts';
import { inWords, isFull } from './sqlite-errors.ts';
import type { Identity } from './sqlite-identity.ts';
import { readIdentity, writeIdentity } from './sqlite-identity.ts';
import { openDatabase } from './sqlite-open.ts';
import type { Rows } from './sqlite-rows.ts';
import { createRows } from './sqlite-rows.ts';
import { MIGRATIONS } from './sqlite-schema.ts';
import type { Trim } from './sqlite-trim.ts';
import { createTrim } from './sqlite-trim.ts';
import type { Batch, Store } from './store.ts';

export interface StoreOptions {
  /** Made (0700) where it is not there. Holds `poold.db`, `identity.json`, `ballast`, backups, and what was moved aside. */
  readonly directory: string;
  readonly clock: Clock;
}

/** After damage the epoch leaps, as some starts may be forgotten. */
const LEAP = 1_000;

/**
 * Opens the state directory and raises the epoch. Damage never throws. Throws PooldError `storage_full` when not even the ballast gives the
 * room to start with or the file system is read-only, `conflict` when a newer poold wrote it, `forbidden` where the directory is not ours.
 */
export function openStore(options: StoreOptions): Store {
  const { directory, clock } = options;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    const ballast = createBallast(join(directory, 'ballast'), clock);
    return new SqliteStore(options, ballast, openedWithRoom(options, ballast));
  } catch (error) {
    throw refusal(directory, error);
  }
}

function openedWithRoom(options: StoreOptions, ballast: Ballast): Opened {
  try {
    return opened(options);
  } catch (error) {
    if (!isFull(error) || !ballast.giveUp()) throw error;
    return opened(options);
  }
}

interface Opened {
  readonly db: DatabaseSync;
  readonly rows: Rows;
  readonly trim: Trim;
  readonly identity: Identity;
  readonly damage: string | null;
  readonly lostLeases: readonly string[];
}

class SqliteStore implements Store {
  readonly epoch: number;
  readonly instance: string;
  readonly damage: string | null;
  full = false;
  readonly #directory: string;
  readonly #ballast: Ballast;
  readonly #db: DatabaseSync;
  readonly #rows: Rows;
  readonly #trim: Trim;
  readonly #lostLeases: readonly string[];

  constructor({ directory }: StoreOptions, ballast: Ballast, { db, rows, trim, identity, damage, lostLeases }: Opened) {
    this.#lostLeases = lostLeases;
    this.epoch = identity.epoch;
    this.instance = identity.instance;
    this.damage = damage;
    this.#directory = directory;
    this.#ballast = ballast;
    this.#db = db;
    this.#rows = rows;
    this.#trim = trim;
  }

  load(): ReturnType<Store['load']> {
    return { ...this.#rows.load(), lostLeases: this.#lostLeases };
  }

  commit(batch: Batch): void {
    for (const row of [...batch.pools, ...batch.engines]) {
      if ((row.state?.length ?? 0) > STATE_CHARACTERS) {
        throw new PooldError(
          'too_large',
          `cannot store the state of ${row.pool}: ${row.state?.length} characters are more than ${STATE_CHARACTERS}`,
          { pool: row.pool },
        );
      }
    }
    // ORDER: the ballast goes first, then history; only then is anything refused.
    const remedies = [() => this.#ballast.giveUp(), () => this.#trim.half()];
    for (;;) {
      try {
        this.#rows.write(batch);
        this.full = false;
        break;
      } catch (error) {
        if (isFull(error) && helped(remedies)) continue;
        this.full = isFull(error);
        throw refusal(this.#directory, error);
      }
    }
    if (this.#trim.prepared()) this.#ballast.restore();
    // ORDER: history goes while the ballast's room is still there, as taking it out of the database takes some as well.
    else for (const remedy of remedies) remedy();
  }

  history(query: Parameters<Store['history']>[0]): ReturnType<Store['history']> {
    return this.#rows.history(query);
  }

  operations(pool: string | null): ReturnType<Store['operations']> {
    return this.#rows.operations(pool);
  }

  operation(id: string): ReturnType<Store['operation']> {
    return this.#rows.operation(id);
  }

  close(): void {
    if (this.#db.isOpen) this.#db.close();
  }
}

/** Each remedy is tried once per commit, in order, until one gives room. */
function helped(remedies: (() => boolean)[]): boolean {
  for (let remedy = remedies.shift(); remedy !== undefined; remedy = remedies.shift()) if (remedy()) return true;
  return false;
}

function opened({ directory, clock }: StoreOptions): Opened {
  const identityFile = join(directory, 'identity.json');
  const known = readIdentity(identityFile);
  const beside = known === 'damaged' ? null : known;
  // ORDER: the schema is announced BEFORE the database is brought to it, or an older poold would take it for damage.
  if (beside !== null && beside.schema < MIGRATIONS.length) writeIdentity(identityFile, { ...beside, schema: MIGRATIONS.length });
  const wallMs = clock.wallMs();
  const file = join(directory, 'poold.db');
  return openDatabase({ file, migrations: MIGRATIONS, knownSchema: beside?.schema ?? null, wallMs }, (db, broken) => {
    const trim = createTrim(db);
    const rows = createRows(db, trim.after);
    db.exec('BEGIN IMMEDIATE');
    const { names: dropped, leases: droppedLeases } = rows.dropDamaged();
    const older = isOlderCopy(rows, readIdentity(identityFile));
    // Which of them have ended since is not known, and one that has must not be held again.
    const outdatedLeases = older || broken?.outdated === true ? rows.dropLeases() : [];
    const damage = sentence([
      broken?.says ?? null,
      older ? `the database ${file} is an older copy of the one that was used last` : null,
      known === 'damaged' ? `${identityFile} was damaged and has been written anew` : null,
      dropped.length === 0 ? null : `${dropped.length} damaged rows of ${file} were dropped: ${dropped.slice(0, 10).join(', ')}`,
      outdatedLeases.length === 0 ? null : `the ${outdatedLeases.length} leases in it may be over and are lost`,
    ]);
    const lostLeases = [...(broken?.lostLeases ?? []), ...droppedLeases, ...outdatedLeases];
    // ORDER: read again under the lock, and the file first: whichever of the two is lost, the other has the higher number.
    const identity = raised(rows, readIdentity(identityFile), { damage, wallMs });
    writeIdentity(identityFile, identity);
    rows.putMeta('epoch', String(identity.epoch));
    rows.putMeta('instance', identity.instance);
    db.exec('COMMIT');
    // From here on a commit need not survive a loss of power, only a death of the daemon: that takes 1/10 of the time.
    db.exec('PRAGMA synchronous = NORMAL');
    trim.prepared();
    return { db, rows, trim, identity, damage, lostLeases };
  });
}

/** Some starts of the daemon that were counted beside it are not known in it. One that was not stored any more is no such start. */
function isOlderCopy(rows: Rows, known: ReturnType<typeof readIdentity>): boolean {
  const epoch = rows.meta('epoch');
  return epoch !== null && known !== null && known !== 'damaged' && Number(epoch) < known.database;
}

/** Where nothing is left to count on, the epoch starts at the seconds since 1970: more than there can have been starts. */
function raised(
  rows: Rows,
  known: ReturnType<typeof readIdentity>,
  { damage, wallMs }: { readonly damage: string | null; readonly wallMs: number },
): Identity {
  const beside = known === 'damaged' ? null : known;
  const last = Math.max(Number(rows.meta('epoch') ?? 0), beside?.epoch ?? 0);
  const leapt = last === 0 ? Math.floor(wallMs / 1_000) : last + LEAP;
  return {
    epoch: damage === null ? last + 1 : leapt,
    instance: rows.meta('instance') ?? beside?.instance ?? randomBytes(8).toString('hex'),
    schema: MIGRATIONS.length,
    database: Number(rows.meta('epoch') ?? 0),
  };
}

function sentence(parts: readonly (string | null)[]): string | null {
  const said = parts.filter((part) => part !== null);
  return said.length === 0 ? null : said.join('; ');
}

function refusal(directory: string, error: unknown): PooldError {
  if (error instanceof PooldError) return error;
  const why = inWords(error);
  if (isFull(error)) {
    return new PooldError(
      'storage_full',
      `cannot store the state in ${directory}: ${why}; running engines go on, make room on that file system`,
      { cause: error },
    );
  }
  if (/^(?:EACCES|EPERM)\b/.test(why)) {
    return new PooldError(
      'forbidden',
      `cannot use the state directory ${directory}: ${why}; give it to the user that runs poold, or take another --state-dir`,
      { cause: error },
    );
  }
  return new PooldError(
    'internal',
    `cannot store the state in ${directory}: ${why}; a restart of poold looks the database over and moves a damaged one aside`,
    { cause: error },
  );
}
