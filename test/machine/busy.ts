/** Programs that want a whole core each, until the test is over. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { onTestFinished } from 'vitest';

/** Twice as many as there are cores. */
export function coresAreBusy(): void {
  const hogs = Array.from({ length: 2 * availableParallelism() }, () => spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' }));
  onTestFinished(() => {
    for (const hog of hogs) hog.kill('SIGKILL');
  });
}
