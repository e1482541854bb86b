import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Identity } from '../../src/engine/identity.ts';
import type { Launched } from '../../src/engine/launch.ts';
import { liveStat, statOf } from '../../src/engine/proc.ts';
import { killDaemon, startDaemon } from './daemon.ts';
import { bystander, CONTAINMENTS, endBystandersAfterEach, endRigsAfterEach, fixture, killIfThere, Rig, until } from './rig.ts';

endRigsAfterEach();
endBystandersAfterEach();

function identityOf(launched: Launched | undefined): Identity {
  if (launched?.is !== 'started') throw new Error(launched?.message ?? 'nothing was launched');
  return launched.identity;
}

/** A daemon that has started `generations` engines and was killed; and the rig that comes after it. */
async function orphaned(of: { env: NodeJS.ProcessEnv; command: readonly string[]; generations?: number }) {
  const { env, command, generations = 1 } = of;
  const before = new Rig({ env });
  const daemon = await startDaemon({ rig: before, engine: { command }, generations, env });
  await killDaemon(daemon.process);
  const identities = daemon.launched.map(identityOf);
  return { rig: new Rig({ after: before, env }), identities, first: identityOf(daemon.launched[0]) };
}

function stored(rig: Rig, identity: Identity | null, generation = 1) {
  return { ref: rig.ref(generation), instance: rig.instance(generation), identity };
}

describe.each(CONTAINMENTS)('after a daemon that was killed, under $name', ({ env }) => {
  it('an engine runs on as the same process, and its end is told to the next one', async () => {
    const { rig, first } = await orphaned({ env, command: ['/bin/sleep', '1000'] });
    expect(rig.room.alive(first)).toBe(true);
    const { found, strays } = await rig.room.adopt([stored(rig, first)]);
    expect(found).toEqual([{ is: 'alive', ref: rig.ref(), identity: first }]);
    expect(strays).toEqual([]);
    expect(rig.room.tree.terminate(first, 'SIGTERM')).toBe('sent');
    expect(await rig.exit()).toMatchObject({ signal: 'SIGTERM', codeKnown: true, seen: 'event' });
    await rig.room.tree.gone(first);
    // The launcher, which is not of the tree, ends behind its word.
    await until(() => rig.marked().length === 0, 'the end of the launcher');
  });

  it('the exit of one that ended while nobody was there is known, with its time', async () => {
    const { rig, first } = await orphaned({ env, command: fixture('dies-after.sh', '0.3', '9') });
    const file = join(rig.dir, 'runs', 'chat-0.1.run');
    await until(() => /^9 /m.test(readFileSync(file, 'utf8')), 'the exit record');
    utimesSync(file, 1_700_000_000, 1_700_000_000);
    const { found } = await rig.room.adopt([stored(rig, first)]);
    expect(found).toMatchObject([{ is: 'ended', exit: { code: 9, signal: null, codeKnown: true, endedAtMs: 1_700_000_000_000 } }]);
    expect(rig.log).toBe('ready\nlast words\n');
  });

  it('one whose pid was never stored is found by its record', async () => {
    const { rig, first } = await orphaned({ env, command: ['/bin/sleep', '1000'] });
    const { found } = await rig.room.adopt([stored(rig, null)]);
    expect(found).toEqual([{ is: 'alive', ref: rig.ref(), identity: first }]);
  });

  it('one whose pid was never stored is found without its record too', async () => {
    const { rig, first } = await orphaned({ env, command: ['/bin/sleep', '1000'] });
    writeFileSync(join(rig.dir, 'runs', 'chat-0.1.run'), 'damaged');
    const { found } = await rig.room.adopt([stored(rig, null)]);
    expect(found).toEqual([{ is: 'alive', ref: rig.ref(), identity: first }]);
  });

  it('an intent without a spawn was never started', async () => {
    const rig = new Rig({ env });
    expect((await rig.room.adopt([stored(rig, null)])).found).toEqual([{ is: 'neverStarted', ref: rig.ref() }]);
  });

  it('what no row knows is found by generation, and left alone', async () => {
    const { rig, identities } = await orphaned({ env, command: ['/bin/sleep', '1000'], generations: 2 });
    const { found, strays } = await rig.room.adopt([]);
    expect(found).toEqual([]);
    expect(strays.toSorted((a, b) => a.ref.generation - b.ref.generation)).toEqual([
      { ref: rig.ref(1), identity: identities[0], port: null, device: null, side: 'a' },
      { ref: rig.ref(2), identity: identities[1], port: null, device: null, side: 'a' },
    ]);
    expect(identities.every((identity) => rig.room.alive(identity))).toBe(true);
  });

  it('one that lost launcher and daemon is adopted, and ends without a code', async () => {
    const { rig, first } = await orphaned({ env, command: ['/bin/sleep', '1000'] });
    killIfThere(first.launcherPid);
    await until(() => liveStat(first.launcherPid) === null, 'the end of the launcher');
    expect((await rig.room.adopt([stored(rig, first)])).found).toMatchObject([{ is: 'alive' }]);
    await new Promise(setImmediate);
    rig.room.check(rig.ref());
    expect(rig.lost).toEqual([rig.ref()]);
    await rig.room.tree.kill(first);
    expect(await rig.exit()).toMatchObject({ codeKnown: false, code: null, signal: null });
  });

  it('leftovers of a generation that ended are found by its identity', async () => {
    const { rig, first } = await orphaned({ env, command: fixture('setsid-grandchild.sh', 'exits') });
    const grandchild = Number(/grandchild (\d+)/.exec(await rig.logged(/grandchild \d+/))?.[1]);
    const { found, strays } = await rig.room.adopt([stored(rig, first)]);
    expect(found).toMatchObject([{ is: 'ended', exit: { code: 0 } }]);
    expect(strays).toEqual([]);
    await rig.room.tree.kill(first);
    await rig.room.tree.gone(first);
    expect(liveStat(grandchild)).toBeNull();
  });
});

describe('nothing that is written down makes a stranger ours', () => {
  it('a pid that was used again has ended, without a code', async () => {
    const rig = new Rig();
    const identity = await rig.start(['/bin/sleep', '1000']);
    const stranger = bystander();
    const reused = { ...identity, pid: stranger, startTicks: (liveStat(stranger)?.startTicks ?? 0) - 1 };
    expect((await rig.room.adopt([stored(rig, reused, 2)])).found).toMatchObject([{ is: 'ended', exit: { codeKnown: false } }]);
    expect(liveStat(stranger)).not.toBeNull();
  });

  it('a row with pid and start time of a stranger is unproven', async () => {
    const rig = new Rig();
    const identity = await rig.start(['/bin/sleep', '1000']);
    const stranger = bystander();
    const row = { ...identity, pid: stranger, startTicks: liveStat(stranger)?.startTicks ?? 0 };
    expect((await rig.room.adopt([stored(rig, row, 2)])).found).toEqual([{ is: 'unproven', ref: rig.ref(2), identity: row }]);
    expect(rig.room.tree.terminate(row, 'SIGKILL')).toBe('unproven');
  });

  it('a record rewritten by an engine names no one that we would touch', async () => {
    const { rig } = await orphaned({ env: {}, command: ['/bin/sleep', '1000'] });
    const stranger = bystander();
    const file = join(rig.dir, 'runs', 'chat-0.1.run');
    const [head = '', second = '', third = ''] = readFileSync(file, 'utf8').split('\n');
    const launcherPid = second.trim().split(' ')[2];
    const forged = `${stranger} ${liveStat(stranger)?.startTicks} ${launcherPid}`.padEnd(40);
    writeFileSync(file, [head.replace(/"cgroup":("[^"]*"|null)/, '"cgroup":"/sys/fs/cgroup/unified"'), forged, third, ''].join('\n'));
    const { found } = await rig.room.adopt([stored(rig, null)]);
    expect(found).toMatchObject([{ is: 'unproven' }]);
    expect(liveStat(stranger)).not.toBeNull();
  });

  it('a record that speaks of an end while the engine lives is not believed', async () => {
    const rig = new Rig();
    const identity = await rig.start(['/bin/sleep', '1000']);
    const file = join(rig.dir, 'runs', 'chat-0.1.run');
    const [head, second] = readFileSync(file, 'utf8').split('\n');
    writeFileSync(file, [head, second, '0   1.00'.padEnd(24), ''].join('\n'));
    rig.room.check(rig.ref());
    // The true end, which the launcher writes at its own offset, is the one that is told.
    process.kill(identity.pid, 'SIGKILL');
    expect(await rig.exit()).toMatchObject({ signal: 'SIGKILL' });
    expect(rig.exits).toHaveLength(1);
  });

  it('a record of another boot says how it ended, and nothing of it is looked for among the living', async () => {
    const { rig, first } = await orphaned({ env: {}, command: fixture('dies-after.sh', '0', '5') });
    const other = '00000000-0000-0000-0000-000000000000';
    const file = join(rig.dir, 'runs', 'chat-0.1.run');
    await until(() => /^5 /m.test(readFileSync(file, 'utf8')), 'the exit record');
    expect((await rig.room.adopt([stored(rig, { ...first, bootId: other })])).found).toMatchObject([{ is: 'ended', exit: { code: 5 } }]);
    expect((await rig.room.adopt([stored(rig, { ...first, bootId: other }, 2)])).found).toMatchObject([
      { is: 'ended', exit: { codeKnown: false } },
    ]);
  });
});

it('records and leaves that nobody needs any more are swept', async () => {
  const { rig, first } = await orphaned({ env: {}, command: ['/bin/true'] });
  const file = join(rig.dir, 'runs', 'chat-0.1.run');
  await until(() => /^0 /m.test(readFileSync(file, 'utf8')), 'the exit record');
  await until(() => liveStat(first.launcherPid) === null, 'the end of the launcher');
  await rig.room.adopt([]);
  expect(existsSync(file)).toBe(false);
  expect(first.cgroup === null || !existsSync(first.cgroup)).toBe(true);
});

it('the sweep tells what no event has told, and counts it as such', async () => {
  const { rig, first } = await orphaned({ env: {}, command: ['/bin/sleep', '1000'] });
  await rig.room.adopt([stored(rig, first)]);
  await new Promise(setImmediate);
  // The launcher cannot write: its record stays blank, and no event comes.
  process.kill(first.launcherPid, 'SIGSTOP');
  await until(() => statOf(first.launcherPid)?.state === 'T', 'the stopped launcher');
  process.kill(first.pid, 'SIGKILL');
  await until(() => !rig.room.alive(first), 'the end of the engine');
  rig.room.check(rig.ref());
  expect(rig.exits).toEqual([]);
  rig.room.check(rig.ref());
  expect(await rig.exit()).toMatchObject({ codeKnown: false, seen: 'check' });
  process.kill(first.launcherPid, 'SIGKILL');
});
