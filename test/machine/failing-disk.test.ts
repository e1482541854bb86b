/** First faults: the disk answers with an error, now and then or from some call on, or turns read-only under the daemon. */
import { beforeAll, expect, it } from 'vitest';
import { Dice } from '../sim/dice.ts';
import { brokenDisk } from '../storage/broken-disk.ts';
import type { Life } from '../storage/failing-disk.ts';
import { livesThrough } from '../storage/failing-disk.ts';
import { LEDGER_POOLS, Ledger } from '../storage/ledger.ts';
import { endRigsAfterEach } from './each.ts';
import { needs, Rig } from './rig.ts';

endRigsAfterEach();
beforeAll(() => {
  needs('strace', 'strace');
  needs('mkfs.ext4', 'e2fsprogs');
});

const SEED = Number(process.env.POOLD_SEED ?? 1);

/** Behind the calls that a start takes: what those do is `opening.test.ts`. */
const LIVES: readonly Omit<Life, 'seed'>[] = [
  { call: 'pwrite64', when: '90+7', as: 'EIO', failures: 20 },
  { call: 'pwrite64', when: '90+11', as: 'ENOSPC', failures: 20 },
  { call: 'pwrite64', when: '150+', as: 'EIO', failures: 30 },
  { call: 'fsync', when: '9+2', as: 'EIO', failures: 5 },
];

it(`what was answered is known to the next daemon, and nothing else, whatever writing has failed (seed ${SEED})`, {
  timeout: 120_000,
}, async () => {
  const rig = new Rig(LEDGER_POOLS);
  await rig.start();
  await rig.poolReaches('chat', 'running');
  await rig.endDaemon('SIGKILL');
  for (const life of LIVES) {
    const outcome = await livesThrough(rig, { ...life, seed: SEED });
    expect(outcome, JSON.stringify(life)).toMatchObject({ broken: [], faults: [] });
    expect(outcome.failed).toBeGreaterThanOrEqual(life.failures);
    const { done = 0, storage_full: refused = 0, ...others } = outcome.answers;
    expect(others).toEqual({});
    expect(done).toBeGreaterThan(0);
    // What is not written through to the disk is still there for the next daemon: only a loss of power would show it.
    if (life.call !== 'fsync') expect(refused).toBeGreaterThan(0);
  }
  await rig.start();
  await rig.endsClean();
});

it('on a file system that turns read-only all is refused and all engines go on, and from its copy the next daemon knows all', {
  timeout: 120_000,
}, async () => {
  const rig = new Rig(LEDGER_POOLS);
  const disk = brokenDisk(rig);
  const daemon = await rig.start();
  const { engines } = await rig.poolReaches('chat', 'running');
  const ledger = new Ledger(rig, new Dice({ seed: SEED, only: null }).stream('read-only'));
  for (let asked = 0; asked < 60; asked += 1) await ledger.ask();
  const { done } = ledger.answers();
  disk.breaks();
  for (let asked = 0; asked < 40; asked += 1) await ledger.ask();
  expect(ledger.answers()).toEqual({ done, storage_full: 40 });
  expect(await ledger.broken()).toEqual([]);
  expect(await rig.client.health()).toMatchObject({ status: 'ok' });
  expect(rig.poolctl('stop', 'chat')).toMatchObject({ code: 7 });
  expect(daemon.exitCode).toBeNull();

  // One that is started there says why it cannot, and leaves the engines alone.
  await rig.endDaemon('SIGKILL');
  rig.spawnDaemon();
  expect(await rig.daemonEnded()).toBe(1);
  expect(rig.daemonLog()).toMatch(/^poold: cannot .*(?:read-only|EROFS).*\n$/i);

  disk.isReplaced();
  await rig.start();
  const after = (await rig.poolReaches('chat', 'running')).engines;
  expect(after.map(({ pid }) => pid)).toEqual(engines.map(({ pid }) => pid));
  await ledger.settled();
  expect(await ledger.broken()).toEqual([]);
});
