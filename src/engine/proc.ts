/** What /proc says of one process. Everything here is one or two short synchronous reads of kernel memory, never of a disk. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { namespaceOffsetMs } from '../clock.ts';

export interface ProcessStat {
  readonly pid: number;
  /** One letter; Z and X are the dead. */
  readonly state: string;
  readonly parentPid: number;
  readonly groupId: number;
  readonly sessionId: number;
  /** Clock ticks (1/100 s) since boot, as outside of any time namespace: with the boot id and the pid it names one process for ever. */
  readonly startTicks: number;
}

/** What /proc adds to every time since boot for a reader in this process's time namespace. */
export const BOOTTIME_OFFSET_TICKS = Math.round(namespaceOffsetMs('boottime') / 10);

/** Null when there is no such process. */
export function statOf(pid: number): ProcessStat | null {
  const fields = statFields(pid);
  const [state, parentPid, groupId, sessionId] = fields;
  const startTicks = fields[19];
  if (state === undefined || startTicks === undefined) return null;
  return {
    pid,
    state,
    parentPid: Number(parentPid),
    groupId: Number(groupId),
    sessionId: Number(sessionId),
    startTicks: Number(startTicks) - BOOTTIME_OFFSET_TICKS,
  };
}

/** As `statOf`, but only for a process that still runs: `kill(pid, 0)` calls a zombie alive, this does not. */
export function liveStat(pid: number): ProcessStat | null {
  const stat = statOf(pid);
  return stat === null || stat.state === 'Z' || stat.state === 'X' ? null : stat;
}

/** The POOLD_INSTANCE that a process was started with; null when it has none or may not be looked at. */
export function markOf(pid: number): string | null {
  return markIn(environmentOf(pid));
}

export function markIn(environment: string | null): string | null {
  return /(?:^|\0)POOLD_INSTANCE=([^\0]*)/.exec(environment ?? '')?.[1] ?? null;
}

/** Empty for a kernel thread, for a process that was given none, and for each in the middle of an exec; null as `markOf`. */
export function environmentOf(pid: number): string | null {
  return read(pid, 'environ');
}

/**
 * The address of an environment without anything in it; null for any other. An exec comes by such a state too, for some microseconds, but each at an
 * address of its own: what stands at the same one a while later was given none.
 */
export function emptyEnvironmentAt(pid: number): number | null {
  const [start, end] = statFields(pid).slice(ENVIRONMENT_AT).map(Number);
  return start !== undefined && start > 0 && start === end ? start : null;
}

export function argvOf(pid: number): string[] {
  return (read(pid, 'cmdline') ?? '').split('\0').slice(0, -1);
}

/** Path of its cgroup v2 within the hierarchy, `/` when it is in none of its own. */
export function cgroupPathOf(pid: number | 'self'): string | null {
  return /^0::(.*)$/m.exec(read(pid, 'cgroup') ?? '')?.[1] ?? null;
}

/** Effective owner, or null when it is gone. */
export function ownerOf(pid: number): number | null {
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid ?? null;
}

/** None when it is gone. `statOf` knows each of them by its own number. */
export function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch {
    return [];
  }
}

export function allPids(): number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

/** `env_start` and `env_end`, fields 50 and 51 of proc_pid_stat(5), behind the two that `statFields` leaves out. */
const ENVIRONMENT_AT = 47;

/** Those behind the name, which stands in parentheses and may hold spaces and parentheses itself. Empty when there is no such process. */
function statFields(pid: number): string[] {
  const text = read(pid, 'stat');
  return text?.slice(text.lastIndexOf(')') + 2).split(' ') ?? [];
}

let boot: string | undefined;

/** Changes with every boot of the kernel and only then. */
export function bootId(): string {
  boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return boot;
}

function read(pid: number | 'self', name: string): string | null {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return null; // Gone, or not ours to look at: the caller cannot tell them apart and need not.
  }
}
