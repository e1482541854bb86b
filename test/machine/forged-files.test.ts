/** First faults: somebody has been at the files of the daemon. It believes none, comes up all the same, and touches nobody. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { endRigsAfterEach } from './each.ts';
import type { Aim } from './forgeries.ts';
import { FORGERIES } from './forgeries.ts';
import { killIfThere, Rig, until } from './rig.ts';
import { endStrangersAfterEach, Stranger } from './strangers.ts';

endRigsAfterEach();
endStrangersAfterEach();

const PRECIOUS = 'not of poold\n';
/** What a daemon with a few engines needs, and far less than a huge file. */
const MOST_MEMORY_KIB = 300 * 1024;

/** One daemon per forgery takes its time: these few are left to the engines' files. */
const HARMLESS = ['nothing', 'garbage', 'nothing, beside it', 'garbage, beside it', 'a stranger, beside it', 'a huge file, beside it'];

/** Each forgery once for an engine that lives on, once for one that has died meanwhile. */
const CASES = FORGERIES.flatMap((forgery) => [true, false].map((lives) => ({ ...forgery, lives })));
const QUICK = { restart: 'always', readyAfter: '50ms', backoff: { delay: '50ms', limit: '50ms' }, stop: { timeout: '1s' } };

it(`${FORGERIES.length} forgeries of pid, handoff and exit files, while the daemon is away and under its eyes`, {
  timeout: 120_000,
}, async () => {
  const rig = new Rig({
    forged: {
      ...QUICK,
      engine: { command: ['sleep', '1000'] },
      replicas: CASES.length,
      breaker: { failureThreshold: 1_000 },
      storm: { count: 1_000 },
      restartLimit: { count: 1_000 },
    },
  });
  const aim = await aimIn(rig);
  await rig.start();
  const { engines } = await rig.poolReaches('forged', 'running');
  await rig.endDaemon('SIGKILL');
  for (const [replica, { lives }] of CASES.entries()) if (!lives) killIfThere(engines[replica]?.pid ?? 0);
  await until('the dead are written down', () =>
    CASES.every(({ lives }, replica) => lives || /^137 /m.test(rig.text(`state/runs/forged-${replica}.1.run`))),
  );
  forgeAll(rig, aim, 1);

  const daemon = await rig.start();
  for (const [replica, { name, lives, isDirectory }] of CASES.entries()) {
    const id = `forged/${replica}`;
    const engine = await rig.reaches(id, 'ready', lives ? 0 : 1);
    if (lives) expect(engine, `${id}: ${name}`).toMatchObject({ generation: 1, pid: engines[replica]?.pid });
    else expect(await rig.ended(id, 1), `${id}: ${name}`).toMatchObject({ generation: 1 });
    if (isDirectory === true) continue;
    await until(
      `the pid file of ${id} is right again (${name})`,
      () => rig.text(`run/engines/forged-${replica}.pid`) === `${engine.pid}\n`,
    );
  }

  forgeAll(rig, aim, null);
  const stop = rig.poolctl('stop', 'forged');
  // A machine that is busy may let the time run out.
  expect([0, 4], stop.stderr).toContain(stop.code);
  expect(Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1])).toBeLessThan(MOST_MEMORY_KIB);
  await rig.endsClean();
  expect(readFileSync(aim.precious, 'utf8')).toBe(PRECIOUS);
  await aim.stranger.expectUntouched();
});

it('the daemon’s own pid file, and beside it: each daemon comes up, or says what is in its way', { timeout: 120_000 }, async () => {
  const rig = new Rig({});
  const aim = await aimIn(rig);
  for (const { name, forge, isDirectory } of FORGERIES.filter((one) => !HARMLESS.includes(one.name))) {
    mkdirSync(rig.path('run'), { recursive: true });
    forge(rig.path('run/poold.pid'), aim);
    if (isDirectory === true) {
      rig.spawnDaemon();
      expect(await rig.daemonEnded(), name).toBe(1);
      expect(rig.daemonLog()).toMatch(/cannot start: .*poold\.pid/);
      rmSync(rig.path('run/poold.pid'), { recursive: true });
    } else {
      const daemon = await rig.start();
      expect(rig.text('run/poold.pid'), name).toBe(`${daemon.pid}\n`);
      await rig.endDaemon('SIGKILL');
    }
  }
  expect(readFileSync(aim.precious, 'utf8')).toBe(PRECIOUS);
  await aim.stranger.expectUntouched();
});

it('a record that names a stranger, of an engine whose pid was never stored: hands off both, and it is said', {
  timeout: 60_000,
}, async () => {
  const rig = new Rig({ one: { ...QUICK, engine: { command: ['sleep', '1000'] } } });
  const aim = await aimIn(rig);
  rig.spawnDaemon({ env: { POOLD_FAILPOINT: 'launch:told' } });
  expect(await rig.daemonEnded()).toBeNull();
  const members = await until('the engine is there', () => rig.members('one/0').length === 1 && rig.members('one/0'));
  FORGERIES.find(({ name }) => name === 'a stranger')?.forge(rig.path('state/runs/one-0.1.run'), aim);
  await rig.start();
  expect(await rig.reaches('one/0', 'stuck')).toMatchObject({ reason: 'unproven', generation: 1 });
  expect(rig.poolctl('stop', 'one').stderr).toContain('it cannot be proved to be ours');
  expect(rig.poolctl('signal', 'one/0', 'SIGTERM').code).not.toBe(0);
  expect(rig.members('one/0')).toEqual(members);
  await rig.endDaemon('SIGKILL');
  await aim.stranger.expectUntouched();
});

async function aimIn(rig: Rig): Promise<Aim & { readonly stranger: Stranger }> {
  const precious = rig.path('precious');
  writeFileSync(precious, PRECIOUS);
  return { stranger: await Stranger.start(rig.path('signals')), precious };
}

/** `generation` null: of whatever runs now, and so its record is left alone. */
function forgeAll(rig: Rig, aim: Aim, generation: number | null): void {
  for (const [replica, { forge }] of CASES.entries()) {
    for (const kind of ['pid', 'json']) forge(rig.path(`run/engines/forged-${replica}.${kind}`), aim);
    if (generation === null) continue;
    const record = rig.path(`state/runs/forged-${replica}.${generation}.run`);
    if (existsSync(record)) forge(record, aim);
  }
}
