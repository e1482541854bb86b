/** A state directory on a file system of its own that runs out of room, as disks do: logs and launchers are on it too. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { endRigsAfterEach } from './each.ts';
import { Rig, until } from './rig.ts';

endRigsAfterEach();

const SIZE_MIB = 16;

it('without a free byte engines go on, starts are put off, commands are still recorded, and it is over by itself', {
  timeout: 120_000,
}, async () => {
  const rig = new Rig({
    chat: { engine: { command: ['sleep', '1000'] }, replicas: 3, readyAfter: '100ms', backoff: { delay: '100ms', limit: '200ms' } },
  });
  const disk = smallDisk();
  symlinkSync(disk, rig.path('state'));
  await rig.start();
  const [first, second] = (await rig.poolReaches('chat', 'running')).engines;

  fill(disk);
  process.kill(first?.pid ?? 0, 'SIGKILL');
  const held = await until('a start is put off for want of room, and again', async () => {
    fill(disk);
    const engine = await rig.engine('chat/0');
    return engine.reason === 'starved' && engine.generation > 2 && engine;
  });
  expect(held.message).toMatch(/next start in .*: the daemon lacks what a start needs$/);
  expect(rig.members('chat/0')).toEqual([]);
  // What the store keeps in advance is for this: a person who takes load off a full machine.
  expect(rig.poolctl('stop', 'chat/2')).toMatchObject({ code: 0 });
  expect(await rig.engine('chat/1')).toMatchObject({ pid: second?.pid, state: 'ready' });

  rmSync(join(disk, 'filler'));
  await rig.reaches('chat/0', 'ready', held.generation);
  await rig.endDaemon('SIGKILL');
  await rig.start();
  await rig.reaches('chat/0', 'ready');
  expect(await rig.engine('chat/1')).toMatchObject({ pid: second?.pid, generation: 1 });
  expect(await rig.engine('chat/2')).toMatchObject({ state: 'stopped', reason: 'stopped_by_hand' });
  expect(await rig.ended('chat/0', 1)).toMatchObject({ signal: 'SIGKILL', failure: true });
  expect(await rig.pool('chat')).toMatchObject({ crashCount: 1 });
  await rig.endsClean();
});

/** Removed behind the rigs, which have their engines on it. */
function smallDisk(): string {
  const dir = mkdtempSync(join(tmpdir(), 'poold-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m,mode=755`, 'poold-test', dir]);
  onTestFinished(() => {
    execFileSync('umount', ['-l', dir]);
    rmSync(dir, { recursive: true });
  });
  return dir;
}

/** Takes all the room there is. */
function fill(disk: string): void {
  for (let bytes = 1 << 20; bytes >= 1; bytes = Math.floor(bytes / 2)) {
    try {
      for (;;) writeFileSync(join(disk, 'filler'), Buffer.alloc(bytes), { flag: 'a' });
    } catch {
      // Full for pieces of this size.
    }
  }
  expect(statfsSync(disk).bavail).toBe(0);
}
