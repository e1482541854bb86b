/** Not one inotify instance is to be had: the ends of adopted engines and of trees are seen all the same, later, by looking. */
import { beforeAll, expect, it } from 'vitest';
import { endRigsAfterEach } from './each.ts';
import { killIfThere, needs, Rig } from './rig.ts';

endRigsAfterEach();
beforeAll(() => needs('unshare', 'util-linux'));

/** The limit counts in a user namespace of its own, so nobody else on this machine is short of them. */
const WITHOUT = ['unshare', '--user', '--map-root-user', 'sh', '-c', 'echo 0 > /proc/sys/user/max_inotify_instances; exec "$@"', 'sh'];

it('without inotify an adopted engine that dies is missed by the event, found by the check and replaced; a stop waits for the whole tree', {
  timeout: 60_000,
}, async () => {
  const rig = new Rig({
    chat: { engine: { command: ['ENGINES/ignores-term.sh'] }, readyAfter: '50ms', backoff: { delay: '50ms' }, stop: { timeout: '200ms' } },
  });
  await rig.start();
  const { pid } = await rig.reaches('chat/0', 'ready');
  await rig.endDaemon('SIGKILL');
  await rig.start({ through: WITHOUT });
  expect(await rig.engine('chat/0')).toMatchObject({ state: 'ready', generation: 1, pid });
  killIfThere(pid ?? 0);
  await rig.reaches('chat/0', 'ready', 1);
  expect(await rig.ended('chat/0', 1)).toMatchObject({ signal: 'SIGKILL', class: 'signal', failure: true });
  expect(rig.daemonLog()).toMatch(/"event":"engine.exited".*"generation":1,.*"seen":"check"/);
  expect(rig.poolctl('stop', 'chat')).toMatchObject({ code: 4 });
  expect(rig.processes()).toEqual([]);
  await rig.endsClean();
});
