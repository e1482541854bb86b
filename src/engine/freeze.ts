/** Stops a whole engine for the moment in which its log is moved on a file system that cannot cut off the head of a file. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { pause } from '../clock.ts';
import { standsStill } from './cgroup.ts';
import type { Identity } from './identity.ts';
import { statOf, threadsOf } from './proc.ts';
import type { Tree } from './tree.ts';

const LOOK_MS = 2;
/** A process stands still when it next has a core: on a machine with six times the work that it can do, half a second was not enough. */
const STILL_WITHIN_MS = 2_000;

interface Parts {
  readonly clock: Clock;
  readonly tree: Tree;
}

/** Resolves when nothing of it runs any more, with what lets it go on. Throws when it could not be frozen; it runs on then. */
export async function freezeTree(parts: Parts, identity: Identity): Promise<() => Promise<void>> {
  const { clock, tree } = parts;
  const { cgroup } = identity;
  if (cgroup === null || !tree.owns(identity)) return stopMembers(parts, identity);
  const thaw = async (): Promise<void> => setFrozen(cgroup, false);
  const lastMs = clock.nowMs() + STILL_WITHIN_MS;
  setFrozen(cgroup, true);
  while (clock.nowMs() < lastMs) {
    if (standsStill(cgroup)) return thaw;
    await pause(clock, LOOK_MS);
  }
  await thaw();
  throw new Error(`cannot freeze ${cgroup}: the kernel did not say that it is frozen`);
}

/** Lets a tree go on that a daemon had frozen when it was killed. */
export async function thawTree(tree: Tree, identity: Identity): Promise<void> {
  const { cgroup } = identity;
  if (cgroup !== null && tree.owns(identity)) setFrozen(cgroup, false);
  else for (const pid of await tree.members(identity)) sendOrSkip(pid, 'SIGCONT');
}

/**
 * ORDER: each member stands still before the next look begins. So what a look finds new was forked before that, and a look that finds nothing
 * new leaves nobody who could fork or write.
 */
async function stopMembers({ clock, tree }: Parts, identity: Identity): Promise<() => Promise<void>> {
  const told = new Set<number>();
  const still = new Set<number>();
  const goOn = (pid: number): void => {
    sendOrSkip(pid, 'SIGCONT');
    told.delete(pid);
    still.delete(pid);
  };
  const thaw = async (): Promise<void> => told.forEach(goOn);
  const lastMs = clock.nowMs() + STILL_WITHIN_MS;
  while (clock.nowMs() < lastMs) {
    const fresh = (await tree.members(identity)).filter((pid) => !still.has(pid));
    if (fresh.length === 0) return thaw;
    for (const pid of fresh) {
      // Who stands still without being told was stopped by somebody else, and stays so.
      if (isStill(pid)) still.add(pid);
      else if (told.has(pid)) for (const child of heldUpBy(pid, told)) goOn(child);
      else if (sendOrSkip(pid, 'SIGSTOP')) told.add(pid);
      else still.add(pid);
    }
    if (fresh.some((pid) => !still.has(pid))) await pause(clock, LOOK_MS);
  }
  await thaw();
  throw new Error(`cannot stop the processes of ${identity.instance}: not all of them stood still in time`);
}

/** A vfork holds the parent up, deaf to STOP, until the child has come to its exec; one that was stopped before that has to go on first. */
function heldUpBy(pid: number, told: ReadonlySet<number>): number[] {
  return statOf(pid)?.state === 'D' ? [...told].filter((child) => statOf(child)?.parentPid === pid) : [];
}

/** Threads stop one by one: the process is still when the last is, and writes no more only then. */
function isStill(pid: number): boolean {
  const threads = threadsOf(pid);
  // The process or one of its threads has ended: the next look tells.
  return threads.length > 0 && threads.every((thread) => 'TtZX'.includes(statOf(thread)?.state ?? '?'));
}

/** A leaf that is gone had nobody left in it. */
function setFrozen(cgroup: string, frozen: boolean): void {
  if (existsSync(cgroup)) writeFileSync(join(cgroup, 'cgroup.freeze'), frozen ? '1' : '0');
}

/** False when it has ended, or is another user's: it writes no more, or nothing can be done about it. */
function sendOrSkip(pid: number, signal: 'SIGSTOP' | 'SIGCONT'): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
