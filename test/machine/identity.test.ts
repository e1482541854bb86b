/** First faults: what a daemon finds after an absence has the pid of an engine, or its very words, and is none. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { liveStat, statOf } from '../../src/engine/proc.ts';
import { CONTAINMENTS } from '../engine/rig.ts';
import { endRigsAfterEach } from './each.ts';
import { closePidSpacesAfterEach, PidSpace } from './pid-space.ts';
import { childOf } from './processes.ts';
import { killIfThere, needs, Rig, ROOT, until } from './rig.ts';
import { endStrangersAfterEach, Stranger, strangerCommand } from './strangers.ts';

closePidSpacesAfterEach();
endRigsAfterEach();
endStrangersAfterEach();

const ROUNDS = 10;

beforeAll(() => {
  needs('nsenter', 'util-linux');
  needs('unshare', 'util-linux');
  if (process.geteuid?.() !== 0) throw new Error('cannot run these tests as an ordinary user: become root');
});

function tenEngines(command: readonly string[] = ['sleep', '1000']): Rig {
  return new Rig({
    ten: {
      engine: { command },
      replicas: ROUNDS,
      restart: 'always',
      readyAfter: '50ms',
      backoff: { delay: '50ms', limit: '50ms' },
      stop: { timeout: '1s' },
    },
  });
}

const REPLICAS = Array.from({ length: ROUNDS }, (_, replica) => replica);

/** Each has ended once, and its successor serves. */
async function expectReplaced(rig: Rig, end: (replica: number) => object): Promise<void> {
  for (const replica of REPLICAS) {
    await rig.reaches(`ten/${replica}`, 'ready', 1);
    expect(await rig.ended(`ten/${replica}`, 1), `ten/${replica}`).toMatchObject(end(replica));
  }
  expect(await rig.pool('ten')).toMatchObject({ state: 'running', crashCount: ROUNDS, restartCount: ROUNDS });
}

describe.each(CONTAINMENTS)('under $name', ({ env }) => {
  it(`${ROUNDS} pids that others have now: no signal to them, and the engines have ended`, { timeout: 120_000 }, async () => {
    const rig = tenEngines();
    const space = await PidSpace.open();
    const inside = { env, through: space.through, asChild: true };
    await rig.start(inside);
    await rig.poolReaches('ten', 'running');
    const engines = await Promise.all(REPLICAS.map((replica) => rig.pid(`ten/${replica}`)));
    await rig.endDaemon('SIGKILL');
    const strangers: Stranger[] = [];
    for (const [replica, pid] of engines.entries()) {
      const main = space.outside(pid) ?? 0;
      const launcher = statOf(main)?.parentPid ?? 0;
      // Of every other one nobody is left to write down how it ended.
      if (replica % 2 === 1) killIfThere(launcher);
      killIfThere(main);
      await until('engine and launcher are reaped', () => statOf(main) === null && statOf(launcher) === null);
      strangers.push(await takesPid(space, pid, rig.path(`stranger-${replica}`)));
    }

    await rig.start(inside);
    await expectReplaced(rig, (replica) => (replica % 2 === 1 ? { class: 'unknown', code: null, signal: null } : { signal: 'SIGKILL' }));
    await rig.endsClean();
    for (const stranger of strangers) await stranger.expectUntouched();
  });

  it(`${ROUNDS} zombies: they have ended`, { timeout: 120_000 }, async () => {
    const rig = tenEngines();
    await rig.start({ env });
    await rig.poolReaches('ten', 'running');
    const mains = await Promise.all(REPLICAS.map((replica) => rig.pid(`ten/${replica}`)));
    await rig.endDaemon('SIGKILL');
    const launchers = mains.map((pid) => statOf(pid)?.parentPid ?? 0);
    for (const pid of launchers) killIfThere(pid, 'SIGSTOP');
    await until('the launchers are stopped', () => launchers.every((pid) => statOf(pid)?.state === 'T'));
    for (const pid of mains) killIfThere(pid);
    await until('the engines are zombies', () => mains.every((pid) => statOf(pid)?.state === 'Z'));
    await rig.start({ env });
    await expectReplaced(rig, () => ({ class: 'unknown', code: null, signal: null }));
    expect(mains.map((pid) => statOf(pid)?.state)).toEqual(mains.map(() => 'Z'));
    for (const pid of launchers) killIfThere(pid, 'SIGCONT');
    await until('the launchers are gone', () => launchers.every((pid) => liveStat(pid) === null));
    await rig.endsClean();
  });
});

it(`${ROUNDS} processes that are the engines in everything but the boot: no signal to them, and the engines have ended`, {
  timeout: 120_000,
}, async () => {
  const rig = tenEngines([join(ROOT, 'test/engines/writes-signals.sh'), 'DIR/signals-${replica}-${generation}']);
  await rig.start();
  await rig.poolReaches('ten', 'running');
  await until('all of them hear', () => REPLICAS.every((replica) => rig.has(`signals-${replica}-1`)));
  const strangers = await Promise.all(
    REPLICAS.map(async (replica) => new Stranger(await rig.pid(`ten/${replica}`), rig.path(`signals-${replica}-1`))),
  );
  await rig.endDaemon('SIGKILL');
  await rig.start({ through: anotherBoot(rig) });
  for (const replica of REPLICAS) {
    await rig.reaches(`ten/${replica}`, 'ready', 1);
    expect(await rig.ended(`ten/${replica}`, 1)).toMatchObject({
      failure: false,
      code: null,
      message: 'ended with the reboot of the host',
    });
  }
  expect(await rig.pool('ten')).toMatchObject({ state: 'running', crashCount: 0 });
  const stop = rig.poolctl('stop', 'ten');
  expect([0, 4], stop.stderr).toContain(stop.code);
  expect(await rig.endDaemon('SIGTERM')).toBe(0);
  for (const stranger of strangers) await stranger.expectUntouched();
  for (const stranger of strangers) expect(childOf(stranger.pid)).not.toBeNull();
});

/** A stranger of that pid. Its session, and so its group, are its own too. ORDER: one after the other, as whoever forks meanwhile takes the pid. */
async function takesPid(space: PidSpace, pid: number, file: string): Promise<Stranger> {
  const script = 'echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid; shift; setsid "$@"; exit $?';
  space.spawn(['/bin/sh', '-c', script, 'sh', String(pid), ...strangerCommand(file)]);
  const outside = await until(`pid ${pid} is used again`, () => space.outside(pid));
  await until('the stranger hears, and waits for more', () => existsSync(file) && childOf(outside) !== null);
  return new Stranger(outside, file);
}

/** Words that give what runs behind them another boot id. */
function anotherBoot(rig: Rig): readonly string[] {
  const script = 'cat /proc/sys/kernel/random/uuid >"$0" && mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"';
  return ['unshare', '--mount', 'sh', '-c', script, rig.path('boot-id')];
}
