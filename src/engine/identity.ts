/** Who a process is. Types only. */

/** Which generation of which engine: whatever is said about a process carries it, and what is said about an older one is dropped. */
export interface EngineRef {
  readonly pool: string;
  readonly replica: number;
  readonly generation: number;
}

/** Which of a replica's two sets of files a generation writes to: the one beside the engine that is being replaced takes the other. */
export type Side = 'a' | 'b';

/**
 * What proves that a process is ours. A pid alone is nobody: it is used again. It counts only with the boot it was seen in and its start
 * time (field 22 of /proc/PID/stat), and only as a descendant of the recorded launcher or a member of the recorded cgroup.
 */
export interface Identity {
  readonly bootId: string;
  readonly pid: number;
  readonly startTicks: number;
  readonly launcherPid: number;
  readonly launcherStartTicks: number;
  /** Absolute path of the generation's own cgroup v2 directory, or null where containment is weak. */
  readonly cgroup: string | null;
  /** POOLD_INSTANCE of this generation: unique over all generations of all daemons. */
  readonly instance: string;
}

/** `chat/0` */
export function engineId(ref: { readonly pool: string; readonly replica: number }): string {
  return `${ref.pool}/${ref.replica}`;
}

/** `chat-0`: the name of an engine's files. Unambiguous, as what follows the last dash is always the replica. */
export function fileStem(ref: { readonly pool: string; readonly replica: number }): string {
  return `${ref.pool}-${ref.replica}`;
}

/** As `fileStem`, for what two generations of a replica must not share while one replaces the other: `chat-0`, `chat-0.b`. */
export function sideStem(ref: { readonly pool: string; readonly replica: number; readonly side: Side }): string {
  return ref.side === 'a' ? fileStem(ref) : `${fileStem(ref)}.${ref.side}`;
}
