/**
 * Keeps history and operations within their bounds and the database able to work on a disk without room.
 *
 * What a commit needs is kept in advance: blocks of the write-ahead log, which is overwritten from its start when it has been folded into the
 * file, and free pages in the file, so that folding does not make it longer. New ones are taken while some are left; when the disk has none to
 * give, that shows early enough to take history out, which needs room in the log itself.
 */
import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { failpoint } from '../failpoint.ts';
import { ENDED_OPERATIONS, EXITS_PER_POOL, HISTORY_BYTES } from './sqlite-bounds.ts';
import { isFull } from './sqlite-errors.ts';
import { sumOf } from './sqlite-rows.ts';
import type { Batch } from './store.ts';

export interface Trim {
  /** To be called in the transaction that wrote the batch. */
  after(batch: Batch): void;
  /** Makes sure of room for the commits to come. False when the disk has none to give. */
  prepared(): boolean;
  /** Gives up the older half of what is kept. True when there may be more room now. */
  half(): boolean;
}

/** Rows that go at once when all pools together are over their bytes. */
const CHUNK = 100;
const PAGE_BYTES = 4_096;
const FREE_PAGES = 32;
/** Half of the log that SQLite folds by itself (`wal_autocheckpoint`): the other half is for taking history out. */
const FILLING = 'x'.repeat(512 << 10);

export function createTrim(db: DatabaseSync): Trim {
  const endedCount = db.prepare('SELECT count(*) AS n FROM operations WHERE ended = 1');
  const dropEnded = db.prepare('DELETE FROM operations WHERE seq IN (SELECT seq FROM operations WHERE ended = 1 ORDER BY seq LIMIT ?)');
  const exitCount = db.prepare('SELECT count(*) AS n FROM exits WHERE pool = ?');
  const allExits = db.prepare('SELECT count(*) AS n FROM exits');
  const dropExits = db.prepare('DELETE FROM exits WHERE seq IN (SELECT seq FROM exits WHERE pool = ? ORDER BY seq LIMIT ?)');
  const dropOldest = db.prepare('DELETE FROM exits WHERE seq IN (SELECT seq FROM exits ORDER BY seq LIMIT ?)');
  const pages = db.prepare('SELECT page_count - freelist_count AS n FROM pragma_page_count, pragma_freelist_count');
  const allPages = db.prepare('SELECT page_count AS n FROM pragma_page_count');
  const freePages = db.prepare('SELECT freelist_count AS n FROM pragma_freelist_count');
  const fold = db.prepare('PRAGMA wal_checkpoint(RESTART)');
  // With a true checksum, and no fault if it is there already: who opens the database meanwhile, or after a death in between, must find it whole.
  const takeUp = db.prepare("INSERT INTO meta VALUES ('room', ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, sum = excluded.sum");
  const letGo = db.prepare("DELETE FROM meta WHERE key = 'room'");
  const file = db.location() ?? '';
  const number = (row: unknown): number => (row as { n: number }).n;

  /** Pages that only the log has, and the file has no room for, are taken from its end first. */
  const foldedShorter = (): void => {
    const filePages = Math.floor(statSync(file).size / PAGE_BYTES);
    const overPages = number(allPages.get()) - filePages;
    if (overPages > 0) db.exec(`PRAGMA incremental_vacuum(${overPages})`);
    fold.get();
  };

  return {
    after({ exits, operations }) {
      for (const pool of new Set(exits.map((entry) => entry.pool))) {
        const over = number(exitCount.get(pool)) - EXITS_PER_POOL;
        if (over > 0) dropExits.run(pool, over);
      }
      if (operations.some((operation) => operation.endedAt !== null)) {
        const over = number(endedCount.get()) - ENDED_OPERATIONS;
        if (over > 0) dropEnded.run(over);
      }
      if (exits.length > 0 && number(pages.get()) * PAGE_BYTES > HISTORY_BYTES) dropOldest.run(CHUNK);
    },
    prepared() {
      if (number(freePages.get()) >= FREE_PAGES) return true;
      // ORDER: a row that takes room, folded so that the file has it, then taken out: its pages are free and the file stays as long.
      const taken = hasRoom(() => {
        letGo.run();
        fold.get();
        takeUp.run(FILLING, sumOf('room', FILLING));
        failpoint('store:roomTaken');
        fold.get();
      });
      return (
        hasRoom(() => {
          letGo.run();
          if (!taken) foldedShorter();
        }) && taken
      );
    },
    half() {
      // Folded, the log is empty again; where the file cannot take it, what is left of the log has to do.
      hasRoom(() => fold.get());
      return hasRoom(() => {
        dropOldest.run(Math.ceil(number(allExits.get()) / 2));
        dropEnded.run(Math.ceil(number(endedCount.get()) / 2));
        foldedShorter();
      });
    },
  };
}

/** False when the disk had no room for it; throws everything else. */
function hasRoom(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (isFull(error)) return false;
    throw error;
  }
}
