/** What was stored by one daemon is read by one that has other clocks: in another time namespace of the same boot, and after another boot. */
import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { endRigsAfterEach } from './each.ts';
import type { Holding } from './holding.ts';
import { endOf, stateOf, take } from './holding.ts';
import type { StartOptions } from './rig.ts';
import { killIfThere, Rig, until } from './rig.ts';

endRigsAfterEach();

const DEADLINE_MS = 2_500;
const BACKOFF_MS = 3_000;
/** More than the busiest machine needs, and nothing beside the offsets. */
const LATE_MS = 20_000;
const LATER = ['--monotonic', '1000000', '--boottime', '2000000'];
const EARLIER = ['--monotonic', '-1000', '--boottime', '-1000'];

interface Pending {
  readonly rig: Rig;
  readonly held: Holding;
  readonly drained: Holding;
  readonly failedMs: number;
  /** Of `chat/0`. */
  readonly pid: number;
}

/** A lease, a drain and a back-off that a daemon leaves behind. */
async function pending({
  env = {},
  backoffMs = BACKOFF_MS,
}: {
  readonly env?: StartOptions['env'];
  readonly backoffMs?: number;
} = {}): Promise<Pending> {
  const sleeps = { engine: { command: ['sleep', '1000'] }, readyAfter: '50ms' };
  const backoff = { delay: `${backoffMs}ms`, limit: `${backoffMs}ms`, jitter: 0 };
  const rig = new Rig({
    chat: { ...sleeps, slots: 2 },
    drained: sleeps,
    failing: { engine: { command: ['sh', '-c', 'exit 1'] }, backoff },
  });
  await rig.start({ env });
  await rig.poolReaches('chat', 'running');
  await rig.poolReaches('drained', 'running');
  await rig.reaches('failing/0', 'backoff');
  const failedMs = systemClock.nowMs();
  const held = await take(rig, 'chat', { holder: 'held', ttlMs: 500 });
  const drained = await take(rig, 'drained', { holder: 'drained', ttlMs: 60_000 });
  await rig.client.act('drained', { do: 'drain', replica: null, deadlineMs: DEADLINE_MS, extend: false }, null);
  const pid = await rig.pid('chat/0');
  await rig.endDaemon('SIGKILL');
  return { rig, held, drained, failedMs, pid };
}

/** When that start of `failing` comes, it is not early, nor later than a busy machine is. Its moment. */
async function startsAgain(
  rig: Rig,
  { generation, failedMs }: { readonly generation: number; readonly failedMs: number },
): Promise<number> {
  await until(`it starts as generation ${generation}`, async () => (await rig.engine('failing/0')).generation === generation);
  const nowMs = systemClock.nowMs();
  expect(nowMs - failedMs).toBeGreaterThanOrEqual(BACKOFF_MS - 500);
  expect(nowMs - failedMs).toBeLessThan(BACKOFF_MS + LATE_MS);
  return nowMs;
}

it('a daemon in another time namespace knows its engines, and what was pending has the time that it had; so has what it leaves to one outside', {
  timeout: 60_000,
}, async () => {
  const { rig, held, drained, failedMs, pid } = await pending();
  await rig.start({ through: ['unshare', '--time', ...LATER] });
  const found = { state: 'ready', generation: 1, pid };
  expect(await rig.engine('chat/0')).toMatchObject(found);
  expect((await endOf(rig, held)).how).toBe('expired');
  const { how, atLeastMs, atMostMs } = await endOf(rig, drained);
  expect(how).toBe('forced');
  expect(atMostMs).toBeGreaterThanOrEqual(DEADLINE_MS);
  expect(atLeastMs).toBeLessThan(DEADLINE_MS + LATE_MS);
  const againMs = await startsAgain(rig, { generation: 2, failedMs });

  const inside = await take(rig, 'chat', { holder: 'inside', ttlMs: 60_000 });
  await rig.reaches('failing/0', 'backoff', 1);
  await rig.endDaemon('SIGKILL');
  await rig.start();
  expect(await rig.engine('chat/0')).toMatchObject(found);
  const state = await stateOf(rig, inside);
  expect('heldMs' in state && state.heldMs >= 0 && state.heldMs < 60_000).toBe(true);
  await startsAgain(rig, { generation: 3, failedMs: againMs });
  await rig.client.leases.release(inside.lease.id, { token: inside.lease.token, outcome: null });
  await rig.endsClean();
});

describe('after another boot', { timeout: 60_000 }, () => {
  it.each([
    ['that began a moment ago', EARLIER],
    ['that has lasted for longer', LATER],
  ])('%s no time of the old one counts: engines and leases ended with it, the drain is done, the back-off over', async (_, words) => {
    // The cgroups of a boot are gone with it, and here they are not.
    const env = { POOLD_CONTAINMENT: 'weak' };
    const { rig, held, drained } = await pending({ env, backoffMs: 60_000 });
    for (const pid of rig.processes()) killIfThere(pid);
    await until('all are gone', () => rig.processes().length === 0);
    writeFileSync(rig.path('boot-id'), '11111111-2222-4333-8444-555555555555\n');
    const boot = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"';
    const startedMs = systemClock.nowMs();
    await rig.start({ env, through: ['unshare', '--mount', '--time', ...words, 'sh', '-c', boot, rig.path('boot-id')] });
    for (const lease of [held, drained]) expect(await stateOf(rig, lease)).toEqual({ how: 'engine_lost' });
    expect(await rig.pool('drained')).toMatchObject({ state: 'drained', live: false });
    await rig.reaches('chat/0', 'ready', 1);
    expect((await rig.ended('failing/0', 2)).class).toBe('error');
    expect(systemClock.nowMs() - startedMs).toBeLessThan(60_000);
    const after = await take(rig, 'chat', { holder: 'after', ttlMs: 500 });
    expect(after.lease.token > held.lease.token).toBe(true);
    const { how, atMostMs } = await endOf(rig, after);
    expect([how, atMostMs >= 500]).toEqual(['expired', true]);
    await rig.endsClean();
  });
});
