/** Where a damaged database goes, and how many leases go with it. */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const KEPT_ASIDE = 3;
const SUFFIXES = ['', '-wal', '-shm'] as const;

/** Where the damaged database is now. The write-ahead log and its index go with it; the newest three are kept. */
export function movedAside(file: string, wallMs: number): string {
  const stamp = new Date(wallMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  let aside = `${file}.damaged-${stamp}`;
  for (let again = 2; existsSync(aside); again += 1) aside = `${file}.damaged-${stamp}-${again}`;
  for (const suffix of SUFFIXES) if (existsSync(file + suffix)) renameSync(file + suffix, aside + suffix);
  const older = readdirSync(dirname(file)).filter((name) => name.startsWith(`${basename(file)}.damaged-`) && !/-(?:wal|shm)$/.test(name));
  for (const name of older.sort().slice(0, -KEPT_ASIDE)) {
    for (const suffix of SUFFIXES) rmSync(join(dirname(file), name + suffix), { force: true });
  }
  return aside;
}

/**
 * The pools of the leases in it, one entry for each that can be read; `all`: there are no more. They are counted and not taken over: what is
 * reached through a damaged table may have been given back long ago.
 */
export function leasesAside(aside: string): { readonly pools: readonly string[]; readonly all: boolean } {
  const pools: string[] = [];
  let db: DatabaseSync | null = null;
  try {
    db = new DatabaseSync(aside, { readOnly: true });
    for (const row of db.prepare('SELECT pool FROM leases').iterate()) pools.push(String(row.pool));
    return { pools, all: true };
  } catch {
    return { pools, all: false };
  } finally {
    db?.close();
  }
}
