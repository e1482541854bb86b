/**
 * Whoever moves a process into another cgroup waits for a grace period of the kernel's RCU, 4 to 15 ms; within the next one further moves are
 * free (percpu_rw_semaphore: the writer's way stays open for a while). So a move that is to come is begun early, by moving ourselves to where we
 * are, which changes nothing: the wait goes by on a thread of the pool while the next engine's start is decided, stored and prepared.
 */
import { writeFile } from 'node:fs';
import { join } from 'node:path';
import { mountPoint } from './cgroup.ts';
import { cgroupPathOf } from './proc.ts';

let underWay = false;

/** A launcher is about to move its engine into its leaf. */
export function moveExpected(): void {
  const mount = underWay ? null : mountPoint();
  const own = mount === null ? null : cgroupPathOf('self');
  if (mount === null || own === null) return;
  underWay = true;
  // Where it is refused, the engine's own move waits for itself.
  writeFile(join(mount, own, 'cgroup.procs'), '0', () => {
    underWay = false;
  });
}
