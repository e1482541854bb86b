/** Brings a database file to where it can be worked with: looks it over, moves a damaged one aside, brings an older one up to date. */
import { closeSync, existsSync, openSync, readSync, rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { PooldError } from '../errors.ts';
import { leasesAside, movedAside } from './sqlite-aside.ts';
import { inWords, isBusy, isDamage, isFull } from './sqlite-errors.ts';
import { makePrivate } from './sqlite-lock.ts';
import { hasLostCommits } from './sqlite-wal.ts';

export interface OpenOptions {
  readonly file: string;
  readonly migrations: readonly string[];
  /** Newest schema the file beside it knows of, or null where nothing is known. */
  readonly knownSchema: number | null;
  /** Goes into the name of what is moved aside. */
  readonly wallMs: number;
}

/** What was wrong with what was found. */
export interface Damage {
  readonly says: string;
  /** What is in the database now was true once, and may be over. */
  readonly outdated: boolean;
  /** Pools of the leases that are gone with it, one entry for each that could be counted. */
  readonly lostLeases: readonly string[];
}

const BUSY_MS = 2_000;
const HEADER_BYTES = 100;

/**
 * Opens or makes it, in WAL with `synchronous=FULL`, and hands it to `settled`, whose answer it returns; `damage` says what was wrong and
 * where the damaged file is now. What `settled` stumbles over counts as damage too: then it is called again with an empty database.
 * Throws PooldError `conflict` when a newer poold wrote the file (it is left untouched), and what SQLite throws for a full, read-only or
 * forbidden disk; damage never throws.
 */
export function openDatabase<T>(options: OpenOptions, settled: (db: DatabaseSync, damage: Damage | null) => T): T {
  const { file, wallMs } = options;
  refusedWhenNewer(options);
  const found = damageBefore(options);
  try {
    return worked(options, (db) => settled(db, found));
  } catch (error) {
    if (!isDamage(error)) throw error;
    const aside = movedAside(file, wallMs);
    const { pools: lostLeases, all } = leasesAside(aside);
    const lost = all
      ? `${lostLeases.length} leases in it are lost`
      : `at least ${lostLeases.length} leases in it are lost, not all of it can be read`;
    const says = `the database ${file} was damaged (${inWords(error)}): it is now ${aside}, and an empty one is in its place; ${lost}`;
    return worked(options, (db) => settled(db, { says, outdated: false, lostLeases }));
  }
}

/** What SQLite would not stumble over. ORDER: looked at before SQLite makes of it what it can. */
function damageBefore({ file, knownSchema }: OpenOptions): Damage | null {
  if (knownSchema !== null && headerOf(file) === null) {
    const says = `the database ${file} was gone or empty and has been made anew; how many leases were in it cannot be told`;
    return { says, outdated: false, lostLeases: [] };
  }
  if (!hasLostCommits(`${file}-wal`)) return null;
  return { says: `${file}-wal was damaged: what was stored last is not known any more`, outdated: true, lostLeases: [] };
}

function worked<T>({ file, migrations }: OpenOptions, settled: (db: DatabaseSync) => T): T {
  const header = headerOf(file);
  // SQLite takes a file format of the future for a read-only file, which would look like a full disk.
  if (header !== null && header.readUInt8(18) > 2) throw damaged('file format not known');
  makePrivate(file);
  const db = new DatabaseSync(file, { timeout: BUSY_MS });
  try {
    if (version(db) === 0) db.exec('PRAGMA auto_vacuum = INCREMENTAL');
    walEntered(db);
    db.exec(
      'PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 256; PRAGMA journal_size_limit = 4194304; PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON',
    );
    const verdict = db.prepare('PRAGMA quick_check(1)').get()?.quick_check;
    if (verdict !== 'ok') throw damaged(String(verdict));
    migrated({ db, file, migrations });
    return settled(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

/** All missing steps or none, and a whole copy of what was there first. */
function migrated({
  db,
  file,
  migrations,
}: {
  readonly db: DatabaseSync;
  readonly file: string;
  readonly migrations: readonly string[];
}): void {
  const from = version(db);
  if (from === migrations.length) return;
  if (from > 0 && from < migrations.length) {
    const backup = `${file}.v${from}`;
    rmSync(backup, { force: true });
    db.prepare('VACUUM INTO ?').run(backup);
  }
  db.exec('BEGIN IMMEDIATE');
  try {
    // ORDER: asked again under the lock; another process may have been first.
    for (const step of migrations.slice(version(db))) db.exec(step);
    db.exec(`PRAGMA user_version = ${migrations.length}; COMMIT`);
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    if (from === 0 || isFull(error)) throw error;
    // What was there is whole: a step that does not fit it is our fault, and nothing to be moved aside for.
    const why = `cannot bring ${file} from schema ${from} to ${migrations.length}: ${inWords(error)}`;
    throw new PooldError('internal', `${why}; it is as it was, with a copy beside it: install the former version of poold again`, {
      cause: error,
    });
  }
}

/** Going over to WAL needs the file alone, and SQLite does not wait for that: another opener is through in a moment. */
function walEntered(db: DatabaseSync): void {
  for (let attempt = 0; ; attempt += 1) {
    try {
      db.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (!isBusy(error) || attempt === 100) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}

/** Reads the header without SQLite, which would fold the write-ahead log into the file when it closes it. */
function refusedWhenNewer({ file, migrations, knownSchema }: OpenOptions): void {
  const header = headerOf(file);
  const found = Math.max(header?.readUInt32BE(60) ?? 0, knownSchema ?? 0);
  // A version that the file beside it knows nothing of is no newer poold but a flipped bit.
  if (found <= migrations.length || (knownSchema !== null && knownSchema <= migrations.length)) return;
  throw new PooldError(
    'conflict',
    `cannot open ${file}: a newer poold wrote it (schema ${found}, this one knows ${migrations.length}); install that version again or take another --state-dir`,
  );
}

/** The first 100 bytes, or null where there is no file or no database in it. */
function headerOf(file: string): Buffer | null {
  if (!existsSync(file)) return null;
  const fd = openSync(file, 'r');
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    const whole = readSync(fd, header, 0, HEADER_BYTES, 0) === HEADER_BYTES;
    return whole && header.toString('latin1', 0, 15) === 'SQLite format 3' ? header : null;
  } finally {
    closeSync(fd);
  }
}

function version(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version);
}

/** Looks to `isDamage` as if SQLite had said it. */
function damaged(errstr: string): Error {
  return Object.assign(new Error(errstr), { errcode: 11, errstr });
}
