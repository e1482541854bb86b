/** The daemon's user has no process left: a start fails with EAGAIN, is put off and told, and comes when there is room. Root is under no such limit. */
import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import { endRigsAfterEach } from './each.ts';
import { killIfThere, needs, Rig, until } from './rig.ts';

endRigsAfterEach();
beforeAll(() => {
  needs('setpriv', 'util-linux');
  if (process.geteuid?.() !== 0) throw new Error('cannot run these tests as an ordinary user: become root');
});

/** Nobody's: what is counted are the processes of a user, whoever else runs tests here. */
const UID = 45_000 + (process.pid % 10_000);
const AS_USER = ['setpriv', `--reuid=${UID}`, `--regid=${UID}`, '--clear-groups'];

it('without a process left starts are put off, engines go on, and it is over when the limit is raised', { timeout: 120_000 }, async () => {
  const rig = new Rig({
    chat: {
      engine: { command: ['sleep', '1000'] },
      replicas: 2,
      readyAfter: '50ms',
      backoff: { delay: '100ms', limit: '300ms' },
      breaker: { failureThreshold: 3 },
    },
  });
  for (const directory of ['state', 'run']) mkdirSync(rig.path(directory));
  for (const path of ['', 'state', 'run', 'poold.yaml']) chownSync(rig.path(path), UID, UID);
  const daemon = await rig.start({ through: AS_USER });
  const { engines } = await rig.poolReaches('chat', 'running');
  // The soft limit alone: a user may raise that again.
  const limited = (processes: number): void => {
    execFileSync('setpriv', [...AS_USER.slice(1), 'prlimit', '--pid', String(daemon.pid), `--nproc=${processes}:`]);
  };
  limited(1);
  killIfThere(engines[0]?.pid ?? 0);
  await until('it is put off for want of a process, more often than its breaker takes', async () => {
    const { reason, generation } = await rig.engine('chat/0');
    return reason === 'starved' && generation > 4;
  });
  const { lastExit, message } = await rig.engine('chat/0');
  expect(lastExit).toMatchObject({ class: 'starved', message: expect.stringMatching(/EAGAIN|could not start anything/) });
  expect(message).toMatch(/next start in .*: the daemon lacks what a start needs$/);
  expect(rig.daemonLog()).toMatch(/"event":"daemon.starved".*"engine":"chat\/0"/);
  expect(await rig.engine('chat/1')).toMatchObject({ state: 'ready', generation: 1, pid: engines[1]?.pid });

  limited(1_000);
  await rig.reaches('chat/0', 'ready', 4);
  expect(await rig.pool('chat')).toMatchObject({ crashCount: 1, breaker: { state: 'closed', failures: 1 } });
  await rig.endsClean();
});
