/** One look at the whole process table, shared by all who ask for it at the same time. */
import type { Clock } from '../clock.ts';
import { pause } from '../clock.ts';
import type { ProcessStat } from './proc.ts';
import { allPids, emptyEnvironmentAt, environmentOf, liveStat, markIn } from './proc.ts';

export interface Seen extends ProcessStat {
  /** Its POOLD_INSTANCE, or null. */
  readonly mark: string | null;
}

/** Pids looked at before other work gets its turn: about a millisecond. */
const CHUNK = 32;
/** The parent of all kernel threads. */
const KTHREADD = 2;
/** Times that the list of pids is read at most. */
const ROUNDS = 8;
/** An exec is given 1 ms, 2 ms, 4 ms …, so often: on a busy machine it can be put aside in the middle. */
const EXEC_MS = 1;
const EXEC_WAITS = 8;

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
 * What is in the middle of an exec shows no environment, and is looked at again too.
 */
async function scanTable(clock: Clock): Promise<Seen[]> {
  const seen: Seen[] = [];
  const known = new Set<number>();
  let bare: Bare[] = [];
  for (let rounds = 0, waits = 0; ; ) {
    const fresh = rounds < ROUNDS ? allPids().filter((pid) => !known.has(pid)) : [];
    if (fresh.length > 0) rounds += 1;
    else if (bare.length > 0 && waits < EXEC_WAITS) await pause(clock, EXEC_MS * 2 ** waits++);
    else break;
    for (const pid of fresh) known.add(pid);
    const again = lookAt(bare.map(({ pid }) => pid));
    const givenNone = again.bare.filter(({ pid, emptyAt }) =>
      bare.some((before) => before.pid === pid && before.emptyAt === emptyAt && emptyAt !== null),
    );
    const first = await inChunks(fresh);
    seen.push(...first.clothed, ...again.clothed, ...givenNone);
    bare = [...first.bare, ...again.bare.filter((one) => !givenNone.includes(one))];
  }
  return [...seen, ...bare];
}

/** Shows no environment. */
interface Bare extends Seen {
  /** Where its empty environment is; null in the middle of an exec. */
  readonly emptyAt: number | null;
}

interface Looked {
  readonly clothed: readonly Seen[];
  /** Without kernel threads, which never have an environment. */
  readonly bare: readonly Bare[];
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
  const bare: Bare[] = [];
  for (const pid of pids) {
    const stat = liveStat(pid);
    if (stat === null) continue;
    const environment = environmentOf(pid);
    const seen = { ...stat, mark: markIn(environment) };
    if (environment !== '' || pid === KTHREADD || stat.parentPid === KTHREADD) clothed.push(seen);
    else bare.push({ ...seen, emptyAt: emptyEnvironmentAt(pid) });
  }
  return { clothed, bare };
}
