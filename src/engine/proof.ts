/** Is this process the one we recorded? Asked before EVERY signal: pids are used again, and records can be forged. */
import { basename, dirname } from 'node:path';
import { inCgroup } from './cgroup.ts';
import type { Identity } from './identity.ts';
import { LAUNCHER_NAME } from './launcher.ts';
import { argvOf, bootId, liveStat, markOf, ownerOf } from './proc.ts';

/** `unproven`: pid, boot and start time fit, but nothing ties it to us. */
export type Proof = 'alive' | 'ended' | 'unproven';

/** Boot id, pid and start time, and besides: in the generation's leaf, or the launcher's child, or marked with the instance. */
export function prove(identity: Identity): Proof {
  if (!alive(identity) || identity.pid <= 1 || identity.pid === process.pid) return 'ended';
  if (identity.cgroup !== null && ownsLeaf(identity) && inCgroup(identity.pid, identity.cgroup)) return 'alive';
  if (liveStat(identity.pid)?.parentPid === identity.launcherPid && isLauncher(identity)) return 'alive';
  return markOf(identity.pid) === identity.instance ? 'alive' : 'unproven';
}

/** True while this very process runs: same boot, same pid, same start, no zombie. One read. */
export function alive(identity: Identity): boolean {
  return identity.bootId === bootId() && liveStat(identity.pid)?.startTicks === identity.startTicks;
}

export function launcherLives(identity: Identity): boolean {
  return identity.bootId === bootId() && liveStat(identity.launcherPid)?.startTicks === identity.launcherStartTicks;
}

/** The leaf is named for the instance, in a directory of poold's: whatever a row or a record says, no other cgroup is touched or believed. */
export function ownsLeaf({ cgroup, instance, bootId: boot }: Identity): boolean {
  return boot === bootId() && cgroup !== null && basename(cgroup) === instance && basename(dirname(cgroup)).startsWith('poold-');
}

/** The recorded launcher still runs, and is one: our user's, and its argv carries the instance. */
export function isLauncher(identity: Identity): boolean {
  return launcherLives(identity) && launchedInstance(identity.launcherPid) === identity.instance;
}

/** The instance that a launcher of ours stands for, or null when `pid` is none. */
export function launchedInstance(pid: number): string | null {
  const [, , , name, instance] = argvOf(pid);
  return name === LAUNCHER_NAME && instance !== undefined && ownerOf(pid) === process.geteuid?.() ? instance : null;
}
