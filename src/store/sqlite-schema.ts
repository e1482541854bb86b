/**
 * The tables, as a list of steps: step n brings a database of version n to version n + 1, and a step that has been shipped is never changed.
 * `sum` is the CRC-32 of a row's key and text: SQLite checks its own structure but not what stands in a cell.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;
  CREATE TABLE pools (pool TEXT PRIMARY KEY NOT NULL, state TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;
  CREATE TABLE engines (
    pool TEXT NOT NULL, replica INTEGER NOT NULL, state TEXT NOT NULL, sum INTEGER NOT NULL,
    PRIMARY KEY (pool, replica)
  ) STRICT;
  CREATE TABLE operations (
    seq INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, pool TEXT NOT NULL, ended INTEGER NOT NULL, body TEXT NOT NULL, sum INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX operations_ended ON operations (seq) WHERE ended = 1;
  CREATE TABLE exits (
    seq INTEGER PRIMARY KEY, pool TEXT NOT NULL, replica INTEGER NOT NULL, generation INTEGER NOT NULL, started TEXT NOT NULL,
    at_ms INTEGER NOT NULL, body TEXT NOT NULL, sum INTEGER NOT NULL,
    UNIQUE (pool, replica, generation, started)
  ) STRICT;
  CREATE INDEX exits_of_pool ON exits (pool, seq);
  `,
  `
  CREATE TABLE leases (
    pool TEXT NOT NULL, replica INTEGER NOT NULL, generation INTEGER NOT NULL, slot INTEGER NOT NULL, lease TEXT NOT NULL, sum INTEGER NOT NULL,
    PRIMARY KEY (pool, replica, generation, slot)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE ended_leases (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, at_ms INTEGER NOT NULL, body TEXT NOT NULL, sum INTEGER NOT NULL
  ) STRICT;
  `,
];
