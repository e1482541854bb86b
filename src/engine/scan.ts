/** One look at the whole process table, shared by all who ask for it at the same time. */
import type { Clock } from '../clock.ts';
import { pause } from '../clock.ts';
import type { ProcessStat } from './proc.ts';
import { allPids, argvOf, environmentOf, liveStat, markIn } from './proc.ts';

export interface Seen extends ProcessStat {
  /** Its POOLD_INSTANCE, or null. */
  readonly mark: string | null;
}

/** Pids looked at before other work gets its turn: about a millisecond. */
const CHUNK = 32;
/** The parent of all kernel threads. */
const KTHREADD = 2;
/** Times that the list is read at most, and how long an exec is given between two of them when nothing else is new. */
const ROUNDS = 8;
const EXEC_MS = 1;

export class ProcessTable {
  readonly #clock: Clock;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<Seen[]> | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * All live processes, from a look that BEGINS after the call: one under way may already have passed what the caller is after.
   * So callers during a look share the next one.
   */
  look(): Promise<Seen[]> {
    this.#next ??= this.#running.then(() => {
      const scan = scanTable(this.#clock);
      this.#next = null;
      this.#running = scan;
      return scan;
    });
    return this.#next;
  }
}

/**
 * The list of pids is read again until it has no new ones: what forks and ends before its turn has left a child that no earlier list had.
 * What shows no environment may be in the middle of an exec, and is looked at again too.
 */
async function scanTable(clock: Clock): Promise<Seen[]> {
  const seen: Seen[] = [];
  const known = new Set<number>();
  let bare: Seen[] = [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    const fresh = allPids().filter((pid) => !known.has(pid));
    if (fresh.length === 0 && bare.length === 0) break;
    if (fresh.length === 0) await pause(clock, EXEC_MS);
    for (const pid of fresh) known.add(pid);
    const again = lookAt(bare.map(({ pid }) => pid));
    const first = await inChunks(fresh);
    seen.push(...first.clothed, ...again.clothed, ...again.bare.filter(({ pid }) => argvOf(pid).length > 0));
    bare = [...first.bare, ...again.bare.filter(({ pid }) => argvOf(pid).length === 0)];
  }
  return [...seen, ...bare];
}

interface Looked {
  readonly clothed: readonly Seen[];
  /** Without an environment, and no kernel thread, which never has one. */
  readonly bare: readonly Seen[];
}

async function inChunks(pids: readonly number[]): Promise<Looked> {
  const parts: Looked[] = [];
  for (let from = 0; from < pids.length; from += CHUNK) {
    parts.push(lookAt(pids.slice(from, from + CHUNK)));
    await new Promise(setImmediate);
  }
  return { clothed: parts.flatMap(({ clothed }) => clothed), bare: parts.flatMap(({ bare }) => bare) };
}

function lookAt(pids: readonly number[]): Looked {
  const clothed: Seen[] = [];
  const bare: Seen[] = [];
  for (const pid of pids) {
    const stat = liveStat(pid);
    if (stat === null) continue;
    const environment = environmentOf(pid);
    const isBare = environment === '' && pid !== KTHREADD && stat.parentPid !== KTHREADD;
    (isBare ? bare : clothed).push({ ...stat, mark: markIn(environment) });
  }
  return { clothed, bare };
}
