/** First faults: somebody starts the daemon fifty times at once, by a loop in a script or a unit beside another. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { expect, it } from 'vitest';
import { endRigsAfterEach } from './each.ts';
import { Rig, until } from './rig.ts';

endRigsAfterEach();

const DAEMONS = 50;
const REPLICAS = 3;
/** Each has all of its program to load: on two cores that others use too, fifty take minutes. */
const PATIENCE_MS = 240_000;

it(`of ${DAEMONS} daemons at once one serves, the others say who does and exit 3, and each engine is started once`, {
  timeout: 360_000,
}, async () => {
  const rig = new Rig({
    one: { engine: { command: ['ENGINES/one-per-replica.sh', 'DIR'] }, replicas: REPLICAS, readyAfter: '100ms' },
  });
  // One that has been before leaves what Node has compiled: fifty that each compile all of it are a test of Node.
  await rig.start();
  await rig.poolReaches('one', 'running');
  await rig.endsClean();
  rmSync(rig.path('journal'));
  const daemons = Array.from({ length: DAEMONS }, () => rig.spawnDaemon());
  try {
    await until('one is left', () => daemons.filter(hasEnded).length === DAEMONS - 1, PATIENCE_MS);
    const { engines } = await rig.poolReaches('one', 'running');
    const [winner] = daemons.filter((daemon) => !hasEnded(daemon));
    expect(rig.text('run/poold.pid')).toBe(`${winner?.pid}\n`);
    const says = `cannot start: another poold (pid ${winner?.pid}) already runs with ${rig.path('state')}; `;
    for (const [index, daemon] of daemons.entries()) {
      if (daemon === winner) continue;
      expect(rig.text(`daemon-${index + 2}.log`)).toMatch(new RegExp(`^poold: ${says.replaceAll(/[().]/g, '\\$&')}.*\n$`));
      expect(daemon.exitCode).toBe(3);
    }
    // None of the others has counted itself as a start, or looked for engines.
    expect(JSON.parse(rig.text('state/identity.json'))).toMatchObject({ epoch: 2 });
    expect(engines.map(({ id, pid }) => [rig.members(id), pid])).toEqual(engines.map(({ pid }) => [[pid], pid]));
    const journal = rig.text('journal').trimEnd().split('\n');
    expect(journal.map((line) => line.split(' ').slice(0, 3).join(' ')).toSorted()).toEqual(engines.map(({ id }) => `start ${id} 2`));
    winner?.kill('SIGTERM');
    if (winner !== undefined) await ended(winner);
    expect([winner?.exitCode, rig.processes(), rig.leaves()]).toEqual([0, [], []]);
  } finally {
    for (const daemon of daemons) daemon.kill('SIGKILL');
    await Promise.all(daemons.map(ended));
  }
});

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function ended(child: ChildProcess): Promise<void> {
  if (!hasEnded(child)) await once(child, 'exit');
}
