import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { ProcessTable } from '../../src/engine/scan.ts';
import { endRigsAfterEach, Rig } from './rig.ts';

endRigsAfterEach();

/** By looks that have missed one: one in fifty came in the middle of an exec, one in a thousand while the kernel had the environment's place and not yet its end. */
const LOOKS = 300;

/** How many of the looks found nothing of the engine. */
async function missedOf(command: readonly string[]): Promise<number> {
  const rig = new Rig({ env: { POOLD_CONTAINMENT: 'weak' } });
  const { launcherPid } = await rig.start(command, 'up');
  const table = new ProcessTable(systemClock);
  let missed = 0;
  for (let look = 0; look < LOOKS; look += 1) {
    const seen = await table.look();
    if (!seen.some(({ pid, mark }) => mark === rig.instance() && pid !== launcherPid)) missed += 1;
  }
  return missed;
}

it('a look finds a process that is always in the middle of an exec, where it shows no environment', { timeout: 60_000 }, async () => {
  const again = 'exec /bin/sh -c "$0" "$0"';
  expect(await missedOf(['/bin/sh', '-c', `echo up; ${again}`, again])).toBe(0);
});

it('a look finds a process that forks and ends before its turn, again and again', { timeout: 60_000 }, async () => {
  // What nobody catches ends with the directory of the test.
  const hops = 'sleep 0.003; [ ! -d "$TMPDIR" ] || /bin/sh -c "$0" "$0" &';
  expect(await missedOf(['/bin/sh', '-c', `echo up; ${hops}`, hops])).toBe(0);
});
