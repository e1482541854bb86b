/** One look at the whole process table, shared by all who ask for it at the same time. */
import type { ProcessStat } from './proc.ts';
import { allPids, liveStat, markOf } from './proc.ts';

export interface Seen extends ProcessStat {
  /** Its POOLD_INSTANCE, or null. */
  readonly mark: string | null;
}

/** Pids looked at before other work gets its turn: about a millisecond. */
const CHUNK = 32;

export class ProcessTable {
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<Seen[]> | null = null;

  /**
   * All live processes, from a look that BEGINS after the call: one under way may already have passed what the caller is after.
   * So callers during a look share the next one.
   */
  look(): Promise<Seen[]> {
    this.#next ??= this.#running.then(() => {
      const scan = scanTable();
      this.#next = null;
      this.#running = scan;
      return scan;
    });
    return this.#next;
  }
}

async function scanTable(): Promise<Seen[]> {
  const seen: Seen[] = [];
  const pids = allPids();
  for (let from = 0; from < pids.length; from += CHUNK) {
    for (const pid of pids.slice(from, from + CHUNK)) {
      const stat = liveStat(pid);
      if (stat !== null) seen.push({ ...stat, mark: markOf(pid) });
    }
    await new Promise(setImmediate);
  }
  return seen;
}
