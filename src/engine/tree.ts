/**
 * An engine is a whole tree of processes. With a cgroup the tree is what is in the leaf; without one it is the main process's session and
 * every process that carries the instance in its environment (weak: one that does neither gets away).
 */
import { watch } from 'node:fs';
import { join } from 'node:path';
import type { Clock, Timer } from '../clock.ts';
import { killCgroup, oomKilledIn, pidsIn, populated } from './cgroup.ts';
import type { Identity } from './identity.ts';
import { bootId, liveStat, statOf } from './proc.ts';
import { alive, ownsLeaf, prove } from './proof.ts';
import type { ProcessTable, Seen } from './scan.ts';

/** What became of a signal to the main process. `gone`: it had ended; `unproven`: something is there, and it may be a stranger. */
export type Sent = 'sent' | 'gone' | 'unproven';

export interface TreeOptions {
  readonly clock: Clock;
  readonly table: ProcessTable;
  /** When the main process ended, in ticks since boot; null while it lives or where nobody saw it. */
  endTicks(identity: Identity): number | null;
}

/** Between two looks for what is left of a tree that tells nothing by event; doubles from the first to the second. */
const LOOK_MS = { first: 10, last: 250 } as const;
/** Rounds of SIGKILL against a tree that forks while it is killed. */
const KILL_ROUNDS = 20;

export class Tree {
  readonly #options: TreeOptions;

  constructor(options: TreeOptions) {
    this.#options = options;
  }

  /** To the main process alone. Throws what kill throws but ESRCH: EPERM. */
  signal(identity: Identity, signal: string): Sent {
    const proof = prove(identity);
    if (proof !== 'alive') return proof === 'ended' ? 'gone' : 'unproven';
    return send(identity.pid, signal) ? 'sent' : 'gone';
  }

  /** To the main process's group, then CONT: a stopped process keeps a TERM for later. Throws as `signal`. */
  terminate(identity: Identity, signal: string): Sent {
    const proof = prove(identity);
    if (proof !== 'alive') return proof === 'ended' ? 'gone' : 'unproven';
    const target = groupOf(identity.pid);
    const sent = send(target, signal);
    send(target, 'SIGCONT');
    return sent ? 'sent' : 'gone';
  }

  /** TERM for what has outlived the main process; returns how many there were. */
  async terminateRest(identity: Identity): Promise<number> {
    const members = await this.members(identity);
    for (const pid of members) {
      sendOrSkip(pid, 'SIGTERM');
      sendOrSkip(pid, 'SIGCONT');
    }
    return members.length;
  }

  /** SIGKILL for the whole tree, frozen or stopped too. Resolves when it is sent, not when they are gone. */
  async kill(identity: Identity): Promise<void> {
    const { cgroup } = identity;
    if (cgroup !== null && ownsLeaf(identity) && killCgroup(cgroup)) {
      if (prove(identity) === 'alive') sendOrSkip(identity.pid, 'SIGKILL'); // It had moved itself out.
      return;
    }
    if (prove(identity) === 'alive') sendOrSkip(groupOf(identity.pid), 'SIGKILL');
    const killed = new Set<number>();
    for (let round = 0; round < KILL_ROUNDS; round += 1) {
      const left = (await this.members(identity)).filter((pid) => !killed.has(pid));
      if (left.length === 0) return;
      for (const pid of left) {
        killed.add(pid);
        sendOrSkip(pid, 'SIGKILL');
      }
    }
  }

  /** Pids of the live members; a zombie is none. */
  async members(identity: Identity): Promise<number[]> {
    if (identity.bootId !== bootId()) return [];
    if (identity.cgroup !== null && ownsLeaf(identity)) {
      const inside = pidsIn(identity.cgroup).filter((pid) => liveStat(pid) !== null);
      return inside.includes(identity.pid) || prove(identity) !== 'alive' ? inside : [identity.pid, ...inside];
    }
    const seen = await this.#options.table.look();
    const proof = prove(identity);
    if (proof === 'unproven') return membersAmong(seen, { identity, main: false, untilTicks: null });
    const untilTicks = proof === 'alive' ? Number.POSITIVE_INFINITY : this.#options.endTicks(identity);
    return membersAmong(seen, { identity, main: proof === 'alive', untilTicks });
  }

  /** Resolves when no live member is left: by event with a cgroup, by looking otherwise. Two empty looks, as one can miss a process that forks. */
  async gone(identity: Identity): Promise<void> {
    if (identity.bootId !== bootId()) return;
    if (identity.cgroup !== null && ownsLeaf(identity)) return emptied(this.#options.clock, identity, identity.cgroup);
    let delayMs: number = LOOK_MS.first;
    let empty = 0;
    for (;;) {
      // Unproven is not gone: it keeps its slot and port until that very process has ended.
      empty = (await this.members(identity)).length === 0 && !alive(identity) ? empty + 1 : 0;
      if (empty === 2) return;
      if (empty === 0) {
        await new Promise<void>((resolve) => this.#options.clock.after(delayMs, resolve));
        delayMs = Math.min(LOOK_MS.last, delayMs * 2);
      }
    }
  }

  /** The kernel's out-of-memory killer was in its leaf. Ask before the leaf is given back. */
  oomKilled(identity: Identity): boolean {
    return identity.cgroup !== null && ownsLeaf(identity) && oomKilledIn(identity.cgroup);
  }

  /** Whether the identity's cgroup is one that may be touched. */
  owns(identity: Identity): boolean {
    return ownsLeaf(identity);
  }
}

/**
 * A member carries the mark, or is of the main process's session. A session's number stays taken while it has members, so who was in it
 * before the main process ended is ours; who came later only with a parent that is. `untilTicks: null`: nobody knows, so only marks count.
 */
function membersAmong(
  seen: readonly Seen[],
  of: { readonly identity: Identity; readonly main: boolean; readonly untilTicks: number | null },
): number[] {
  const { identity, main, untilTicks } = of;
  const members = new Set<number>();
  const belongs = (one: Seen): boolean => {
    if (one.mark === identity.instance) return true;
    if (one.pid === identity.pid) return main && one.startTicks === identity.startTicks;
    return one.sessionId === identity.pid && (members.has(one.parentPid) || (untilTicks !== null && one.startTicks <= untilTicks));
  };
  for (const one of seen) {
    const neverOurs = one.pid <= 1 || one.pid === process.pid || one.pid === identity.launcherPid;
    if (!neverOurs && belongs(one)) members.add(one.pid);
  }
  return [...members];
}

/** ORDER: first the watch, then the look, or an end between them would be missed. */
function emptied(clock: Clock, identity: Identity, leaf: string): Promise<void> {
  const empty = (): boolean => !populated(leaf) && !alive(identity);
  if (empty()) return Promise.resolve();
  return new Promise((resolve) => {
    let timer: Timer | null = null;
    let over = false;
    const watcher = watchOrNull(join(leaf, 'cgroup.events'), () => look());
    const look = (): void => {
      if (over || !empty()) return;
      over = true;
      timer?.cancel();
      watcher?.close();
      resolve();
    };
    // inotify can be used up, and a main process that left its cgroup ends without an event there.
    const again = (): void => {
      look();
      if (!over) timer = clock.after(LOOK_MS.last, again);
    };
    again();
  });
}

function watchOrNull(path: string, changed: () => void) {
  try {
    return watch(path, { persistent: false }, changed).on('error', () => {});
  } catch {
    return null;
  }
}

/** Before its setsid the main process still is in the launcher's group: then it is meant alone. Never our own group, never 1. */
function groupOf(pid: number): number {
  const own = statOf(process.pid)?.groupId;
  return liveStat(pid)?.groupId === pid && pid > 1 && pid !== own ? -pid : pid;
}

function send(target: number, signal: string): boolean {
  try {
    return process.kill(target, signal);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw cause;
  }
}

function sendOrSkip(target: number, signal: string): void {
  try {
    process.kill(target, signal);
  } catch {
    // Gone, or one that changed its user: what is left shows when the tree does not become empty.
  }
}
