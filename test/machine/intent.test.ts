/** First faults: the daemon dies between a decision and its effect, or between the effect and the record of it. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Failpoint } from '../../src/failpoint.ts';
import { endRigsAfterEach } from './each.ts';
import { killIfThere, needs, Rig, until } from './rig.ts';

endRigsAfterEach();
beforeAll(() => needs('strace', 'strace'));

function oneEngine(): Rig {
  return new Rig({
    one: {
      engine: { command: ['ENGINES/one-per-replica.sh', 'DIR'], port: 'auto', env: { PORT: '${port}' } },
      restart: 'always',
      readyAfter: '100ms',
      backoff: { delay: '50ms', limit: '50ms' },
    },
  });
}

/** The daemon comes up, or to the failpoint before that, and dies there. */
async function diesAt(rig: Rig, point: string): Promise<void> {
  const daemon = rig.spawnDaemon({ env: { POOLD_FAILPOINT: point } });
  expect(await rig.daemonEnded(), rig.daemonLog()).toBeNull();
  expect(daemon.signalCode).toBe('SIGKILL');
}

function journal(rig: Rig, what: 'start' | 'double'): string[] {
  return rig
    .text('journal')
    .split('\n')
    .filter((line) => line.startsWith(`${what} `));
}

/** Exactly one engine, ready, and nobody blamed for what the daemon did. */
async function expectOne(rig: Rig, facts: { readonly starts: number; readonly crashes: number }): Promise<number | null> {
  const { pid } = await rig.reaches('one/0', 'ready', facts.crashes);
  expect(rig.members('one/0')).toEqual([pid]);
  expect(journal(rig, 'start')).toHaveLength(facts.starts);
  expect(journal(rig, 'double')).toEqual([]);
  expect(await rig.pool('one')).toMatchObject({ crashCount: facts.crashes, restartCount: facts.crashes, state: 'running' });
  expect(rig.text('run/engines/one-0.pid')).toBe(`${pid}\n`);
  return pid;
}

describe('the daemon dies during a first start', { timeout: 60_000 }, () => {
  // The intent is stored with the commit in front of `spawn`; the launcher goes on alone once it is forked.
  it.each<Failpoint | `${Failpoint}@${number}`>([
    'commit:before',
    'commit:after',
    'commit:before@2',
    'commit:after@2',
    'preflight:before',
    'requestSpawn:before',
    'requestSpawn:after',
    'spawn:before',
    'spawn:after',
    'launch:held',
    'launch:forked',
    'launch:told',
    'file:written',
    'file:renamed',
    'releaseSpawn:before',
    'probe:after',
    'writeHandoff:before',
    'file:written@2',
    'writeHandoff:after',
  ])('at %s', async (point) => {
    const rig = oneEngine();
    await diesAt(rig, point);
    await rig.start();
    await expectOne(rig, { starts: 1, crashes: 0 });
    await rig.endsClean();
  });
});

describe('the daemon dies while an engine that was killed is put away', { timeout: 60_000 }, () => {
  it.each<Failpoint | `${Failpoint}@2`>(['kill:before', 'awaitGone:before', 'releaseDevice:before@2', 'release:before', 'release:after'])(
    'at %s',
    async (point) => {
      const rig = oneEngine();
      await rig.start({ env: { POOLD_FAILPOINT: point } });
      const { pid } = await rig.reaches('one/0', 'ready');
      killIfThere(pid ?? 0);
      expect(await rig.daemonEnded()).toBeNull();
      await rig.start();
      await expectOne(rig, { starts: 2, crashes: 1 });
      expect(await rig.ended('one/0', 1)).toMatchObject({ class: 'signal', signal: 'SIGKILL', failure: true });
      await rig.endsClean();
    },
  );
});

describe('the daemon dies during a stop', { timeout: 60_000 }, () => {
  it.each<Failpoint>(['terminate:before', 'terminate:after', 'release:before'])('at %s: the next one has it stopped', async (point) => {
    const rig = oneEngine();
    await rig.start({ env: { POOLD_FAILPOINT: point } });
    await rig.reaches('one/0', 'ready');
    rig.poolctl('stop', 'one');
    expect(await rig.daemonEnded()).toBeNull();
    await rig.start();
    await rig.poolReaches('one', 'stopped');
    expect(await rig.ended('one/0', 1)).toMatchObject({ class: 'requested', failure: false });
    await until('the engine and its launcher are gone', () => rig.processes().length === 0);
    expect(journal(rig, 'start')).toHaveLength(1);
    await rig.endsClean();
  });
});

describe('the daemon dies while a launcher hangs, and one engine comes of it', { timeout: 60_000 }, () => {
  it.each([
    { where: 'before it has forked what becomes the engine', opens: '/etc/ld.so.cache' },
    { where: 'behind that', opens: '/proc/self/stat' },
  ])('$where', async ({ opens }) => {
    const rig = oneEngine();
    // strace holds up whoever opens that file, and is nobody's parent.
    const slowly = ['strace', '-D', '-f', '-o', rig.path('trace'), '-P', opens, '-e', 'inject=openat:delay_enter=3s'];
    const daemon = rig.spawnDaemon({ env: { POOLD_FAILPOINT: 'launch:forked' }, through: slowly });
    expect(await rig.daemonEnded()).toBeNull();
    expect(daemon.signalCode).toBe('SIGKILL');
    expect(rig.processes()).not.toEqual([]);
    expect(journal(rig, 'start')).toEqual([]);
    await rig.start();
    await until('an engine has started', () => journal(rig, 'start').length > 0);
    // One that was killed while strace held it up is there until strace lets go.
    await until('there are a launcher and its engine', () => rig.processes().length === 2);
    await expectOne(rig, { starts: 1, crashes: 0 });
    await rig.endsClean();
  });
});

it('the daemon dies when it has found what lives: the next one finds it again', { timeout: 60_000 }, async () => {
  const rig = oneEngine();
  await rig.start();
  const { pid } = await rig.reaches('one/0', 'ready');
  await rig.endDaemon('SIGKILL');
  await diesAt(rig, 'adopt:found');
  await rig.start();
  expect(await expectOne(rig, { starts: 1, crashes: 0 })).toBe(pid);
  await rig.endsClean();
});

it('a failpoint that does not exist is refused', async () => {
  const rig = oneEngine();
  rig.spawnDaemon({ env: { POOLD_FAILPOINT: 'nowhere' } });
  expect(await rig.daemonEnded()).toBe(2);
  expect(rig.daemonLog()).toMatch(/cannot arm POOLD_FAILPOINT=nowhere: .* commit:before, /);
});
