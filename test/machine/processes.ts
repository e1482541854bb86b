/** Which processes and cgroups belong to a daemon's engines: looked for in every way there is, as nginx overwrites its own environment. */
import { childrenOf, findContainment, pidsIn } from '../../src/engine/cgroup.ts';
import { allPids, liveStat, markOf } from '../../src/engine/proc.ts';
import { launchedInstance } from '../../src/engine/proof.ts';

export interface Found {
  readonly pid: number;
  /** POOLD_INSTANCE of the generation it is of. */
  readonly instance: string;
  readonly isLauncher: boolean;
}

/** The directory of a daemon's leaves, or null where containment is weak. */
export function leavesDirectory(stateInstance: string): string | null {
  const containment = findContainment(stateInstance, process.env);
  return containment.by === 'cgroup' ? containment.parent : null;
}

/** Live processes of all engines of that state directory, launchers among them, by pid. */
export function processesOf(stateInstance: string): Found[] {
  const found = new Map<number, Found>();
  const stats = allPids().flatMap((pid) => liveStat(pid) ?? []);
  for (const { pid } of stats) {
    const launched = launchedInstance(pid);
    const instance = launched ?? markOf(pid);
    if (instance?.startsWith(`${stateInstance}-`)) found.set(pid, { pid, instance, isLauncher: launched !== null });
  }
  const parent = leavesDirectory(stateInstance);
  for (const instance of parent === null ? [] : childrenOf(parent)) {
    for (const pid of pidsIn(`${parent}/${instance}`)) if (liveStat(pid) !== null) found.set(pid, { pid, instance, isLauncher: false });
  }
  // The launcher's child leads a session, whatever became of its environment.
  for (const { pid, parentPid } of stats) {
    const launcher = found.get(parentPid);
    if (launcher?.isLauncher !== true) continue;
    for (const { pid: member, sessionId } of stats) {
      if (sessionId === pid) found.set(member, { pid: member, instance: launcher.instance, isLauncher: false });
    }
  }
  return [...found.values()].toSorted((one, other) => one.pid - other.pid);
}

/** A live child of that process; null when it has none. */
export function childOf(pid: number | null | undefined): number | null {
  return allPids().find((one) => liveStat(one)?.parentPid === pid) ?? null;
}
