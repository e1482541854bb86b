/** The rows of the database: every statement is prepared once, every row carries its checksum. */
import type { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import type { HistoryEntry } from '../pool/host.ts';
import type { Operation } from '../pool/status.ts';
import { boundedExit, boundedOperation, ENDED_LEASES } from './sqlite-bounds.ts';
import type { Batch, HistoryQuery, LeaseRow, Stored } from './store.ts';

export interface Rows {
  meta(key: string): string | null;
  putMeta(key: string, value: string): void;
  /** Takes away the rows of numbers, pools, engines and leases that are not as they were written; their names, and of leases their pools. */
  dropDamaged(): { readonly names: readonly string[]; readonly leases: readonly string[] };
  /** Takes away all leases; the pool of each. */
  dropLeases(): readonly string[];
  load(): Omit<Stored, 'lostLeases'>;
  /** One transaction. Throws what SQLite throws; nothing is stored then. */
  write(batch: Batch): void;
  history(query: HistoryQuery): readonly HistoryEntry[];
  operations(pool: string | null): readonly Operation[];
  operation(id: string): Operation | null;
}

interface MetaRow {
  readonly key: string;
  readonly value: string;
  readonly sum: number;
}

interface PoolRow {
  readonly pool: string;
  readonly state: string;
  readonly sum: number;
}

interface EngineRow extends PoolRow {
  readonly replica: number;
}

interface HeldRow extends LeaseRow<string> {
  readonly sum: number;
}

interface EndedBodyRow extends BodyRow {
  readonly id: string;
  readonly at_ms: number;
}

interface BodyRow {
  readonly body: string;
  readonly sum: number;
}

/** `trimmed` is called in the transaction of a batch that brought exits or operations. */
export function createRows(db: DatabaseSync, trimmed: (batch: Batch) => void): Rows {
  const sql = prepared(db);

  const put = (batch: Batch): void => {
    for (const { pool, state } of batch.pools) {
      if (state === null) sql.dropPool.run(pool);
      else sql.putPool.run(pool, state, sumOf(pool, state));
    }
    for (const { pool, replica, state } of batch.engines) {
      if (state === null) sql.dropEngine.run(pool, replica);
      else sql.putEngine.run(pool, replica, state, sumOf(`${pool}/${replica}`, state));
    }
    for (const operation of batch.operations) {
      const body = JSON.stringify(boundedOperation(operation));
      sql.putOperation.run(operation.id, operation.pool, operation.endedAt === null ? 0 : 1, body, sumOf('', body));
    }
    for (const entry of batch.exits) {
      const body = JSON.stringify(boundedExit(entry));
      sql.putExit.run(entry.pool, replicaOf(entry), entry.generation, entry.startedAt, Date.parse(entry.at), body, sumOf('', body));
    }
    leasesPut(sql, batch);
    if (batch.exits.length > 0 || batch.operations.length > 0) trimmed(batch);
  };

  return {
    meta(key) {
      const row = sql.meta.get(key) as MetaRow | undefined;
      return row === undefined || row.sum !== sumOf(key, row.value) ? null : row.value;
    },
    putMeta(key, value) {
      sql.putMeta.run(key, value, sumOf(key, value));
    },
    dropDamaged() {
      const metas = (sql.metas.all() as unknown as MetaRow[]).filter((row) => row.sum !== sumOf(row.key, row.value));
      const pools = (sql.pools.all() as unknown as PoolRow[]).filter((row) => row.sum !== sumOf(row.pool, row.state));
      const engines = (sql.engines.all() as unknown as EngineRow[]).filter(
        (row) => row.sum !== sumOf(`${row.pool}/${row.replica}`, row.state),
      );
      for (const { key } of metas) sql.dropMeta.run(key);
      for (const { pool } of pools) sql.dropPool.run(pool);
      for (const { pool, replica } of engines) sql.dropEngine.run(pool, replica);
      const leases = (sql.leases.all() as unknown as HeldRow[]).filter((row) => row.sum !== sumOf(placeOf(row), row.lease));
      for (const { pool, replica, generation, slot } of leases) sql.dropLease.run(pool, replica, generation, slot);
      const names = [
        ...metas.map((row) => `meta ${row.key}`),
        ...pools.map((row) => row.pool),
        ...engines.map((row) => `${row.pool}/${row.replica}`),
        ...leases.map((row) => `lease ${placeOf(row)}`),
      ];
      return { names, leases: leases.map(({ pool }) => pool) };
    },
    dropLeases() {
      const rows = sql.leases.all() as unknown as HeldRow[];
      for (const { pool, replica, generation, slot } of rows) sql.dropLease.run(pool, replica, generation, slot);
      return rows.map(({ pool }) => pool);
    },
    load() {
      const pools = sql.pools.all() as unknown as PoolRow[];
      const engines = sql.engines.all() as unknown as EngineRow[];
      const leases = sql.leases.all() as unknown as HeldRow[];
      const ended = (sql.ended.all() as unknown as EndedBodyRow[]).filter((row) => row.sum === sumOf(row.id, row.body));
      return {
        leases: leases.map(({ pool, replica, generation, slot, lease }) => ({ pool, replica, generation, slot, lease })),
        ended: ended.map(({ id, at_ms: endedAtMs, body }) => ({ id, endedAtMs, body })),
        pools: pools.map(({ pool, state }) => ({ pool, state })),
        engines: engines.map(({ pool, replica, state }) => ({ pool, replica, state })),
      };
    },
    write(batch) {
      sql.begin.run();
      try {
        put(batch);
        sql.commit.run();
      } catch (error) {
        // A full disk has rolled it back already, most other errors have not.
        if (db.isTransaction) sql.rollback.run();
        throw error;
      }
    },
    history({ pool, replica, sinceMs, limit }) {
      return whole<HistoryEntry>(sql.exits.all(pool, replica, sinceMs, limit));
    },
    operations(pool) {
      return whole<Operation>(sql.operations.all(pool));
    },
    operation(id) {
      return whole<Operation>(sql.operation.all(id))[0] ?? null;
    },
  };
}

function prepared(db: DatabaseSync) {
  return {
    begin: db.prepare('BEGIN IMMEDIATE'),
    commit: db.prepare('COMMIT'),
    rollback: db.prepare('ROLLBACK'),
    meta: db.prepare('SELECT key, value, sum FROM meta WHERE key = ?'),
    metas: db.prepare('SELECT key, value, sum FROM meta'),
    dropMeta: db.prepare('DELETE FROM meta WHERE key = ?'),
    putMeta: db.prepare('INSERT INTO meta VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, sum = excluded.sum'),
    pools: db.prepare('SELECT pool, state, sum FROM pools ORDER BY pool'),
    putPool: db.prepare('INSERT INTO pools VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state, sum = excluded.sum'),
    dropPool: db.prepare('DELETE FROM pools WHERE pool = ?'),
    engines: db.prepare('SELECT pool, replica, state, sum FROM engines ORDER BY pool, replica'),
    putEngine: db.prepare('INSERT INTO engines VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state, sum = excluded.sum'),
    dropEngine: db.prepare('DELETE FROM engines WHERE pool = ? AND replica = ?'),
    leases: db.prepare('SELECT pool, replica, generation, slot, lease, sum FROM leases'),
    putLease: db.prepare(
      'INSERT INTO leases VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET lease = excluded.lease, sum = excluded.sum',
    ),
    dropLease: db.prepare('DELETE FROM leases WHERE pool = ? AND replica = ? AND generation = ? AND slot = ?'),
    ended: db.prepare('SELECT id, at_ms, body, sum FROM ended_leases ORDER BY seq'),
    putEnded: db.prepare('INSERT INTO ended_leases (id, at_ms, body, sum) VALUES (?, ?, ?, ?)'),
    trimEnded: db.prepare('DELETE FROM ended_leases WHERE seq <= (SELECT max(seq) FROM ended_leases) - ?'),
    operation: db.prepare('SELECT body, sum FROM operations WHERE id = ?'),
    operations: db.prepare('SELECT body, sum FROM operations WHERE ?1 IS NULL OR pool = ?1 ORDER BY seq DESC'),
    putOperation: db.prepare(
      'INSERT INTO operations (id, pool, ended, body, sum) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET ended = excluded.ended, body = excluded.body, sum = excluded.sum',
    ),
    exits: db.prepare(
      'SELECT body, sum FROM exits WHERE pool = ?1 AND (?2 IS NULL OR replica = ?2) AND (?3 IS NULL OR at_ms >= ?3) ORDER BY seq DESC LIMIT ?4',
    ),
    putExit: db.prepare(
      'INSERT INTO exits (pool, replica, generation, started, at_ms, body, sum) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (pool, replica, generation, started) DO UPDATE SET at_ms = excluded.at_ms, body = excluded.body, sum = excluded.sum',
    ),
  };
}

function leasesPut(sql: ReturnType<typeof prepared>, { leases, ended }: Pick<Batch, 'leases' | 'ended'>): void {
  for (const { pool, replica, generation, slot, lease } of leases) {
    if (lease === null) sql.dropLease.run(pool, replica, generation, slot);
    else sql.putLease.run(pool, replica, generation, slot, lease, sumOf(placeOf({ pool, replica, generation, slot }), lease));
  }
  for (const { id, endedAtMs, body } of ended) sql.putEnded.run(id, endedAtMs, body, sumOf(id, body));
  if (ended.length > 0) sql.trimEnded.run(ENDED_LEASES);
}

/** Of history and operations a damaged row is left out when it is read: nothing hangs on it. */
function whole<T>(rows: unknown): readonly T[] {
  return (rows as BodyRow[]).filter((row) => row.sum === sumOf('', row.body)).map((row) => JSON.parse(row.body) as T);
}

/** The key is in it: a row under another's name is damaged too. */
export function sumOf(key: string, text: string): number {
  return crc32(text, crc32(key));
}

function placeOf({ pool, replica, generation, slot }: Omit<LeaseRow<unknown>, 'lease'>): string {
  return `${pool}/${replica}/${generation}/${slot}`;
}

function replicaOf({ engine }: HistoryEntry): number {
  return Number(engine.slice(engine.lastIndexOf('/') + 1));
}
