/** A daemon with 64 descriptors, most of which clients take: what needs one more waits, says so, and goes on when there are some. */
import { readdirSync } from 'node:fs';
import type { Socket } from 'node:net';
import { connect } from 'node:net';
import { expect, it } from 'vitest';
import { endRigsAfterEach } from './each.ts';
import { killIfThere, Rig, until } from './rig.ts';

endRigsAfterEach();

const LIMIT = 64;

it('out of descriptors it loses no engine, names what it lacks, counts no failure for it, and goes on by itself when some are free', {
  timeout: 120_000,
}, async () => {
  const rig = new Rig({
    chat: {
      engine: { command: ['sleep', '1000'] },
      replicas: 3,
      readyAfter: '50ms',
      backoff: { delay: '100ms', limit: '300ms' },
      breaker: { failureThreshold: 3 },
    },
  });
  const daemon = await rig.start({ through: limitedTo(LIMIT) });
  const { engines } = await rig.poolReaches('chat', 'running');
  const open = () => readdirSync(`/proc/${daemon.pid}/fd`).length;
  const before = open();
  const sockets: Socket[] = [];
  await until('all descriptors are taken', () => {
    sockets.push(connect(rig.path('run/api.sock')).on('error', () => {}));
    return open() >= LIMIT;
  });

  killIfThere(engines[0]?.pid ?? 0);
  const starved = /"event":"daemon.starved".*"engine":"chat\/0".*EMFILE: too many open files/g;
  await until('it has said so more often than its breaker takes', () => (rig.daemonLog().match(starved)?.length ?? 0) > 3);
  expect(rig.daemonLog()).not.toContain('a fault of poold itself');
  for (const socket of sockets) socket.destroy();

  const { generation } = await rig.reaches('chat/0', 'ready', 4);
  const { crashCount, breaker } = await rig.pool('chat');
  expect({ crashCount, state: breaker.state, failures: breaker.failures }).toEqual({ crashCount: 1, state: 'closed', failures: 1 });
  for (const id of ['chat/1', 'chat/2']) {
    expect(await rig.engine(id)).toMatchObject({ state: 'ready', generation: 1, pid: engines.find((one) => one.id === id)?.pid });
  }
  expect(await rig.ended('chat/0', generation - 1)).toMatchObject({ class: 'starved', failure: false });
  await until('it holds no more than before', () => open() <= before);
  expect(rig.poolctl('status', 'chat')).toMatchObject({ code: 0 });
  await rig.endsClean();
});

it('with less than it needs to begin with it does not start, says what to raise, and has made nothing', async () => {
  const limit = 47;
  const rig = new Rig({ chat: { engine: { command: ['sleep', '1000'] } } });
  rig.spawnDaemon({ through: limitedTo(limit) });
  expect(await rig.daemonEnded()).toBe(1);
  expect(rig.daemonLog()).toBe(
    `poold: cannot start: it may open ${limit} files, and needs 48 to begin with; raise the limit (ulimit -n, or LimitNOFILE= in its unit)\n`,
  );
  expect([rig.has('state'), rig.has('run')]).toEqual([false, false]);
});

function limitedTo(descriptors: number): string[] {
  return ['sh', '-c', `ulimit -n ${descriptors}; exec "$@"`, 'sh'];
}
