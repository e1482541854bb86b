/**
 * A lock on a file that the kernel lets go when its holder dies, however it dies. Node has no flock; SQLite's exclusive lock is a POSIX record
 * lock on the file, which stays empty.
 */
import { closeSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { isBusy } from './sqlite-errors.ts';

export interface HeldFile {
  release(): void;
}

/** Makes the file for its owner alone, where it is not there: SQLite would let everybody read it, and what it makes beside it takes after it. */
export function makePrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
}

/** What is held: a lock whose object nobody points at any more would go with the garbage. */
const held = new Set<DatabaseSync>();

/**
 * Null when another process holds it and does not let go within `waitMs` (which blocks). Throws what SQLite throws where the file cannot be made.
 * A lock is lost when this process opens and closes the file by other means: the record locks of POSIX belong to file and process.
 */
export function holdFile(file: string, waitMs: number): HeldFile | null {
  makePrivate(file);
  const db = new DatabaseSync(file, { timeout: waitMs });
  try {
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db.close();
    if (isBusy(error)) return null;
    throw error;
  }
  held.add(db);
  return {
    release() {
      if (held.delete(db)) db.close();
    },
  };
}
