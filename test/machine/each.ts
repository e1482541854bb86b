/** Ends what a test has started, and shows what its daemon said when it failed. */
import { afterEach } from 'vitest';
import { openRigs, PATIENCE_MS } from './rig.ts';

export function endRigsAfterEach(): void {
  afterEach(async ({ task }) => {
    for (const rig of openRigs()) {
      if (task.result?.state === 'fail') process.stderr.write(`${rig.daemonLog().split('\n').slice(-40).join('\n')}\n`);
      await rig.tidyUp();
    }
  }, 2 * PATIENCE_MS);
}
