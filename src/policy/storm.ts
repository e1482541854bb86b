/** Many restarts of one pool in a short time, whatever their reasons: product.md, "Storm". */

export interface StormEntry {
  readonly atMs: number;
  /** Class of the failure that the restart followed. */
  readonly crashClass: string;
}

export interface StormSpec {
  readonly count: number;
  readonly windowMs: number;
}

/** The entries that still count at `nowMs`, with one more. */
export function stormEntered(entries: readonly StormEntry[], spec: StormSpec, entry: StormEntry): readonly StormEntry[] {
  return [...entries.filter((old) => old.atMs + spec.windowMs > entry.atMs), entry].slice(-spec.count);
}

export function isStorm(entries: readonly StormEntry[], spec: StormSpec): boolean {
  return entries.length >= spec.count;
}

/** The class that at least half of the restarts followed, or null when there is none. Of two halves the one seen first. */
export function stormClass(entries: readonly StormEntry[]): string | null {
  const counts = new Map<string, number>();
  for (const { crashClass } of entries) counts.set(crashClass, (counts.get(crashClass) ?? 0) + 1);
  for (const [crashClass, count] of counts) if (count * 2 >= entries.length) return crashClass;
  return null;
}

const HINTS = new Map(
  Object.entries({
    oom: 'the engines run out of memory: raise limits.memory, lower slots or the model size',
    gpu_oom: 'the device runs out of memory: a smaller model, fewer slots, or nothing else on that device',
    gpu: 'the GPU or its driver fails: look at nvidia-smi -q and dmesg, then try poolctl retry',
    bad_model: 'the model file is missing or damaged: check engine.vars and prepare',
    start_timeout: 'the engines are not ready in time: look at poolctl logs, raise startTimeout',
    unhealthy: 'the engines stop answering their liveness probe: look at poolctl logs and the load',
    spawn_failed: 'the command cannot be started: check engine.command, user and workingDirectory',
    prepare_failed: 'the engines cannot be prepared: look at poolctl explain for what prepare or a limit said',
  }),
);

/** What to do about a storm of that class. */
export function stormHint(crashClass: string | null): string {
  return HINTS.get(crashClass ?? '') ?? 'look at poolctl history and poolctl logs --previous for the first line that tells why';
}
