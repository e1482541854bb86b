/** Hardly any room from the start on: the daemon says what it lacks and has done nothing, or does all that it promises. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { endRigsAfterEach } from './each.ts';
import { Rig } from './rig.ts';

endRigsAfterEach();

const SIZE = '64k';

function rigOnSmall(directory: 'run' | 'state'): { readonly rig: Rig; unmount(): void } {
  const rig = new Rig({ chat: { engine: { command: ['sleep', '1000'] }, readyAfter: '50ms', replicas: 2 } });
  mkdirSync(rig.path(directory));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE},mode=755`, 'poold-test', rig.path(directory)]);
  return { rig, unmount: () => execFileSync('umount', ['-l', rig.path(directory)]) };
}

it('a state directory without room for a database: it ends, says what to do, has started nothing and left nothing running', {
  timeout: 60_000,
}, async () => {
  const { rig, unmount } = rigOnSmall('state');
  try {
    rig.spawnDaemon();
    expect(await rig.daemonEnded()).toBe(1);
    expect(rig.daemonLog()).toBe(
      `poold: cannot store the state in ${rig.path('state')}: database or disk is full (SQLite 13); running engines go on, make room on that file system\n`,
    );
    expect([rig.has('run/poold.pid'), rig.has('run/api.sock'), rig.processes(), rig.leaves()]).toEqual([false, false, [], []]);
    // Room is made, and the same directory does.
    execFileSync('mount', ['-o', 'remount,size=32m', rig.path('state')]);
    await rig.start();
    await rig.poolReaches('chat', 'running');
    await rig.endsClean();
  } finally {
    unmount();
  }
});

it('a runtime directory of 64 KiB is enough for all that belongs there', { timeout: 60_000 }, async () => {
  const { rig, unmount } = rigOnSmall('run');
  try {
    await rig.start();
    await rig.poolReaches('chat', 'running');
    expect(readdirSync(rig.path('run')).toSorted()).toEqual(expect.arrayContaining(['api.sock', 'engines', 'lease.sock', 'poold.pid']));
    expect(readdirSync(rig.path('run/engines')).toSorted()).toEqual(['chat-0.json', 'chat-0.pid', 'chat-1.json', 'chat-1.pid']);
    await rig.endsClean();
  } finally {
    unmount();
  }
});
