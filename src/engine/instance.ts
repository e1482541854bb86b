/** The mark that every process of a generation carries: POOLD_INSTANCE, the launcher's argv and the cgroup's name are all this one string. */
import type { EngineRef } from './identity.ts';

/** `stateInstance` is made once with the state directory (`Store.instance`), so the mark is unique over all daemons and generations. */
export function instanceOf(stateInstance: string, ref: EngineRef): string {
  return `${stateInstance}-${ref.pool}-${ref.replica}-${ref.generation}`;
}

/** The generation that `instance` marks, or null when it is not one of this state directory's. */
export function refOf(stateInstance: string, instance: string): EngineRef | null {
  if (!instance.startsWith(`${stateInstance}-`)) return null;
  const match = /^([a-z0-9][a-z0-9-]{0,62})-(\d{1,9})-(\d{1,15})$/.exec(instance.slice(stateInstance.length + 1));
  const [, pool, replica, generation] = match ?? [];
  if (pool === undefined) return null;
  return { pool, replica: Number(replica), generation: Number(generation) };
}
