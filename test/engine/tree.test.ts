import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { populated } from '../../src/engine/cgroup.ts';
import type { Identity } from '../../src/engine/identity.ts';
import { bootId, liveStat, statOf } from '../../src/engine/proc.ts';
import { bystander, CONTAINMENTS, endBystandersAfterEach, endRigsAfterEach, fixture, Rig, until } from './rig.ts';

endRigsAfterEach();
endBystandersAfterEach();

async function numberAfter(rig: Rig, word: string): Promise<number> {
  return Number((await rig.logged(new RegExp(`${word} (\\d+)`))).split(' ')[1]);
}

describe.each(CONTAINMENTS)('ending a tree under $name', ({ env }) => {
  it('by its stop signal', async () => {
    const rig = new Rig({ env });
    const identity = await rig.start(['/bin/sleep', '1000']);
    expect(rig.room.tree.terminate(identity, 'SIGTERM')).toBe('sent');
    await rig.room.tree.gone(identity);
    expect(await rig.exit()).toMatchObject({ signal: 'SIGTERM' });
    expect(rig.room.tree.terminate(identity, 'SIGTERM')).toBe('gone');
    expect(rig.marked()).toEqual([]);
  });

  it('that ignores TERM takes KILL', async () => {
    const rig = new Rig({ env });
    const identity = await rig.start(fixture('ignores-term.sh'), 'ready');
    rig.room.tree.terminate(identity, 'SIGTERM');
    await rig.logged('heard TERM');
    expect(rig.room.alive(identity)).toBe(true);
    await rig.room.tree.kill(identity);
    await rig.room.tree.gone(identity);
    expect(await rig.exit()).toMatchObject({ signal: 'SIGKILL', codeKnown: true });
    expect(rig.marked()).toEqual([]);
  });

  it('that is stopped hears its TERM all the same', async () => {
    const rig = new Rig({ env });
    const identity = await rig.start(fixture('stops-itself.sh'), 'ready');
    await until(() => statOf(identity.pid)?.state === 'T', 'the engine to be stopped');
    rig.room.tree.terminate(identity, 'SIGTERM');
    expect(await rig.exit()).toMatchObject({ signal: 'SIGTERM' });
  });

  it('with a grandchild in a session of its own is not over before that is gone', async () => {
    const rig = new Rig({ env });
    const identity = await rig.start(fixture('setsid-grandchild.sh'), /grandchild \d+/);
    const grandchild = await numberAfter(rig, 'grandchild');
    await until(() => liveStat(grandchild)?.sessionId === grandchild, 'its own session');
    let gone = false;
    const whole = rig.room.tree.gone(identity).then(() => {
      gone = true;
    });
    rig.room.tree.terminate(identity, 'SIGTERM');
    await rig.exit();
    expect(await rig.room.tree.members(identity)).toEqual([grandchild]);
    expect(gone).toBe(false);
    expect(await rig.room.tree.terminateRest(identity)).toBe(1);
    await whole;
    expect(liveStat(grandchild)).toBeNull();
  });

  it('that daemonised itself is killed to the last', async () => {
    const rig = new Rig({ env });
    const identity = await rig.start(fixture('double-fork.sh'), /daemon \d+/);
    const daemon = await numberAfter(rig, 'daemon');
    expect(await rig.exit()).toMatchObject({ code: 0 });
    await rig.room.tree.kill(identity);
    await rig.room.tree.gone(identity);
    expect(liveStat(daemon)).toBeNull();
    rig.room.release(rig.ref(), identity);
    expect(identity.cgroup === null || !populated(identity.cgroup)).toBe(true);
  });

  it('never signals a process that is not proved to be it', async () => {
    const rig = new Rig({ env });
    const identity = await rig.start(['/bin/sleep', '1000']);
    const stranger = bystander();
    const startTicks = liveStat(stranger)?.startTicks ?? 0;
    const forged: [string, Identity, string][] = [
      ['pid used again', { ...identity, startTicks: identity.startTicks + 1 }, 'gone'],
      ['another boot', { ...identity, bootId: '00000000-0000-0000-0000-000000000000' }, 'gone'],
      ['a stranger', { ...identity, pid: stranger, startTicks }, 'unproven'],
      [
        'a stranger, and all processes as its cgroup',
        { ...identity, pid: stranger, startTicks, cgroup: '/sys/fs/cgroup/unified' },
        'unproven',
      ],
      [
        'a stranger, and its parent as the launcher',
        { ...identity, pid: stranger, startTicks, launcherPid: process.pid, launcherStartTicks: statOf(process.pid)?.startTicks ?? 0 },
        'unproven',
      ],
      ['us', { ...identity, pid: process.pid, startTicks: statOf(process.pid)?.startTicks ?? 0 }, 'gone'],
      ['init', { ...identity, pid: 1, startTicks: statOf(1)?.startTicks ?? 0 }, 'gone'],
    ];
    for (const [what, one, answer] of forged) {
      expect(rig.room.tree.terminate(one, 'SIGKILL'), what).toBe(answer);
      expect(rig.room.tree.signal(one, 'SIGKILL'), what).toBe(answer);
    }
    // Nor by way of the whole tree, of which it has nothing.
    await rig.room.tree.kill({
      ...identity,
      pid: stranger,
      startTicks,
      cgroup: '/sys/fs/cgroup/unified',
      instance: `${identity.instance}9`,
    });
    expect(liveStat(stranger)).not.toBeNull();
    expect(rig.room.alive(identity)).toBe(true);
  });

  it('does not wait for a zombie', async () => {
    const rig = new Rig({ env });
    // Its child is never reaped and dies; then the engine itself becomes one: its parent, the launcher, is stopped.
    const identity = await rig.start(['/bin/sh', '-c', '/bin/true & echo up; exec sleep 1000'], 'up');
    process.kill(identity.launcherPid, 'SIGSTOP');
    // A stop takes effect on the way out of the kernel: until then the launcher could still reap.
    await until(() => statOf(identity.launcherPid)?.state === 'T', 'the stopped launcher');
    process.kill(identity.pid, 'SIGKILL');
    await until(() => statOf(identity.pid)?.state === 'Z', 'the zombie');
    expect(rig.room.alive(identity)).toBe(false);
    await rig.room.tree.gone(identity);
    process.kill(identity.launcherPid, 'SIGCONT');
    expect(await rig.exit()).toMatchObject({ signal: 'SIGKILL' });
  });
});

it('a group that has lost its leader and its environment is still ours in weak containment', async () => {
  const rig = new Rig({ env: { POOLD_CONTAINMENT: 'weak' } });
  // As nginx does: what is left neither has the main process above it nor the mark in its environment.
  const identity = await rig.start(['/bin/sh', '-c', 'env -i /bin/sleep 1000 & echo "left $!"; exit 3'], /left \d+/);
  const left = await numberAfter(rig, 'left');
  expect(await rig.exit()).toMatchObject({ code: 3 });
  await until(() => rig.marked().length === 0, 'a cleared environment');
  expect(await rig.room.tree.members(identity)).toEqual([left]);
  await rig.room.tree.kill(identity);
  await rig.room.tree.gone(identity);
  expect(liveStat(left)).toBeNull();
});

it('a killed launcher is told, the engine goes on, and its end is told without a code', async () => {
  const rig = new Rig();
  const identity = await rig.start(['/bin/sleep', '1000']);
  process.kill(identity.launcherPid, 'SIGKILL');
  await until(() => rig.lost.length === 1, 'the loss of the launcher');
  expect(rig.room.alive(identity)).toBe(true);
  expect(rig.room.tree.terminate(identity, 'SIGTERM')).toBe('sent');
  expect(await rig.exit()).toMatchObject({ code: null, signal: null, codeKnown: false });
  await rig.room.tree.gone(identity);
  expect(rig.exits).toHaveLength(1);
});

it('an identity of another boot has nothing to wait for', async () => {
  const rig = new Rig();
  const identity = await rig.start(['/bin/sleep', '1000']);
  const old = { ...identity, bootId: bootId().replace(/^./, (first) => (first === '0' ? '1' : '0')) };
  await rig.room.tree.gone(old);
  await rig.room.tree.kill(old);
  expect(await rig.room.tree.members(old)).toEqual([]);
  expect(rig.room.alive(identity)).toBe(true);
});

it('a child of ours that is no engine does not disturb the look at the process table', async () => {
  const rig = new Rig({ env: { POOLD_CONTAINMENT: 'weak' } });
  const other = spawn('true');
  const identity = await rig.start(['/bin/sleep', '1000']);
  expect(await Promise.all([1, 2, 3].map(() => rig.room.tree.members(identity)))).toEqual([[identity.pid], [identity.pid], [identity.pid]]);
  other.kill();
});
