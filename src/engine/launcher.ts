/**
 * The launcher: a small POSIX shell that stays beside its engine, so that pid and exit code are known although no daemon was there.
 * Its text travels in argv: an upgrade of poold never changes a launcher that runs. Tried with dash, bash and busybox.
 *
 * - It traps and thereby survives every signal it can. Caught signals are reset in the subshell and by exec, ignored ones would be inherited:
 *   so `trap :` and never `trap ''`.
 * - The engine is a FOREGROUND subshell: one started with `&` would ignore SIGINT and SIGQUIT for good.
 * - ORDER in the subshell: first the record (it must outlive a daemon that dies now), then cgroup and limits, then the word to the daemon
 *   (what could not be done is told there, and nothing was started), last all descriptors but the engine's three are closed.
 * - PWD, OLDPWD and SHLVL are the shell's, not the engine's. bash puts `_` and SHLVL back at each exec, so there `env -u` takes them out.
 * - Its own output goes nowhere: a shell says "Killed" when its child was, and that is no line of the engine's log.
 * - `read` in /proc/self reads the reader, so the subshell learns its own pid and start time, which exec keeps; `$$` is the launcher's.
 */

import type { Identity } from './identity.ts';
import { BOOTTIME_OFFSET_TICKS } from './proc.ts';

/** argv[3] of each launcher, by which it is found in the process table; argv[4] is the instance. */
export const LAUNCHER_NAME = 'poold-launcher';

/** Its descriptors: 3 the word to the daemon, 4 the record, 5 cgroup.procs, 6 the log. */
const SCRIPT = `trap : HUP INT QUIT TERM PIPE ALRM USR1 USR2
(
trap : PIPE
read -r pid x x x x x x x x x x x x x x x x x x x x start x </proc/self/stat
printf '%-40s\\n' "$pid $start $$" >&4
[ "$2" = - ] || echo 0 >&5 || { echo 'refused cgroup' >&3; exit 1; }
lost=
[ "$3" = - ] || echo "$3" >/proc/self/oom_score_adj || lost="$lost oomScoreAdjust"
[ "$4" = - ] || ulimit -n "$4" || lost="$lost openFiles"
[ "$5" = - ] || ulimit -l "$5" || lost="$lost memlock"
if [ "$lost" ] && [ "$6" = strict ]; then echo "refused$lost" >&3; exit 1; fi
echo "started $pid $start$lost" >&3
shift 6
unset PWD OLDPWD SHLVL
exec >&6 2>&6 3>&- 4>&- 5>&- 6>&-
if [ "\${BASH_VERSION-}" ]; then exec env -u _ -u SHLVL -u PWD -u OLDPWD "$@"; fi
exec "$@"
)
code=$?
read -r up x </proc/uptime
printf '%-3s %-20s\\n' "$code" "$up" >&4
exit "$code"`;

export interface LauncherLimits {
  readonly oomScoreAdjust: number | null;
  readonly openFiles: number | 'unlimited' | null;
  readonly memlockBytes: number | 'unlimited' | null;
  /** A limit that cannot be set is told, and the engine starts all the same. */
  readonly bestEffort: boolean;
}

/** argv behind the shell's own name. `command` is executed as it stands: no shell ever reads it. */
export function launcherArguments(instance: string, inCgroup: boolean, limits: LauncherLimits, command: readonly string[]): string[] {
  const { oomScoreAdjust, openFiles, memlockBytes, bestEffort } = limits;
  const memlock = typeof memlockBytes === 'number' ? Math.floor(memlockBytes / 1024) : memlockBytes;
  const words = [oomScoreAdjust, openFiles, memlock].map((value) => (value === null ? '-' : String(value)));
  return ['-c', SCRIPT, LAUNCHER_NAME, instance, inCgroup ? 'cgroup' : '-', ...words, bestEffort ? 'lenient' : 'strict', ...command];
}

/** What a launcher says once, on descriptor 3. `lost`: the limits that could not be set. */
export type LauncherWord =
  | ({ readonly is: 'started'; readonly lost: readonly string[] } & Pick<Identity, 'pid' | 'startTicks'>)
  | { readonly is: 'refused'; readonly lost: readonly string[] };

/** Null for anything else than one whole line of a launcher, which is in our time namespace. */
export function parseWord(line: string): LauncherWord | null {
  const [first, ...rest] = line.trim().split(' ');
  if (first === 'refused') return { is: 'refused', lost: rest };
  const [pid = 0, startTicks = 0] = rest.slice(0, 2).map(Number);
  const known = { is: 'started', pid, startTicks: startTicks - BOOTTIME_OFFSET_TICKS, lost: rest.slice(2) } as const;
  return first === 'started' && pid > 1 ? known : null;
}
