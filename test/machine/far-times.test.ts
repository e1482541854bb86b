/** Delays beyond 24.8 days, at which a timer of Node's fires at once: with a real daemon whose clocks are moved on. */
import { expect, it } from 'vitest';
import type { ClientError } from '../../src/client/client-error.ts';
import { endRigsAfterEach } from './each.ts';
import { FakeClock } from './fake-clock.ts';
import { endOf, stateOf, take } from './holding.ts';
import { Rig, until } from './rig.ts';

endRigsAfterEach();

const THIRTY_DAYS = '720h';
const THIRTY_DAYS_MS = 720 * 3_600_000;

it('thirty days are thirty days: of a lease, its longest hold, a drain, a back-off, a breaker and a place in the queue', {
  timeout: 60_000,
}, async () => {
  const sleeps = { engine: { command: ['sleep', '1000'] }, readyAfter: '50ms' };
  const leases = { ttl: THIRTY_DAYS, ttlMax: '1440h' };
  const failing = { engine: { command: ['sh', '-c', 'exit 1'] }, breaker: { failureThreshold: 100 } };
  const rig = new Rig({
    leased: { ...sleeps, leases },
    longest: { ...sleeps, leases: { ...leases, maxHold: THIRTY_DAYS } },
    drained: { ...sleeps, leases, drain: { deadline: THIRTY_DAYS } },
    queued: { ...sleeps, leases, queue: { timeout: THIRTY_DAYS } },
    failing: { ...failing, backoff: { delay: THIRTY_DAYS, limit: THIRTY_DAYS, jitter: 0 } },
    broken: { ...failing, breaker: { failureThreshold: 1, openFor: THIRTY_DAYS, openForMax: THIRTY_DAYS } },
  });
  const clock = new FakeClock(rig.path('clock'), 'all');
  await clock.start(rig);
  for (const pool of ['leased', 'longest', 'drained', 'queued']) await rig.poolReaches(pool, 'running');
  await rig.reaches('failing/0', 'backoff');
  await rig.reaches('broken/0', 'backoff');
  const leased = await take(rig, 'leased', { holder: 'leased', ttlMs: THIRTY_DAYS_MS });
  const longest = await take(rig, 'longest', { holder: 'longest', ttlMs: 2 * THIRTY_DAYS_MS });
  const drained = await take(rig, 'drained', { holder: 'drained', ttlMs: 2 * THIRTY_DAYS_MS });
  const queued = await take(rig, 'queued', { holder: 'queued', ttlMs: 2 * THIRTY_DAYS_MS });
  const waited = linesTo('waits', rig).catch(({ code }: ClientError) => code);
  // Asked on a connection of its own: its thirty days begin before the clock is moved.
  await until('one waits', async () => (await rig.client.leases.queue('queued')).length === 1);
  await rig.client.act('drained', { do: 'drain', replica: null, deadlineMs: null, extend: false }, null);

  // Node says so of each timer that it takes for one of 1 ms.
  expect(rig.daemonLog()).not.toContain('TimeoutOverflowWarning');

  clock.set(29);
  for (const held of [leased, longest, drained]) expect(await stateOf(rig, held)).toMatchObject({ id: held.lease.id });
  expect(await rig.engine('failing/0')).toMatchObject({ generation: 1, reason: 'backoff' });
  expect(await rig.engine('broken/0')).toMatchObject({ generation: 1, reason: 'breaker_open' });
  expect(await rig.client.leases.queue('queued')).toMatchObject([{ holder: 'waits' }]);

  clock.set(31);
  // Whoever asks wakes the daemon, which slept for a day by the kernel's clock.
  expect(await rig.reaches('failing/0', 'backoff', 1)).toMatchObject({ generation: 2 });
  expect(await rig.reaches('broken/0', 'backoff', 1)).toMatchObject({ generation: 2 });
  await rig.poolReaches('drained', 'drained');
  // The one that may be renewed has a moment for a renewal that might lie unread after such a leap.
  const ends = await Promise.all([leased, longest, drained].map((held) => endOf(rig, held)));
  expect(ends.map(({ how }) => how)).toEqual(['expired', 'expired', 'forced']);
  expect(await waited).toEqual(['queued', 'refused queue_timeout']);
  await rig.client.leases.release(queued.lease.id, { token: queued.lease.token, outcome: null });
  await rig.endsClean();
});

/** What is heard by one who waits on a connection of his own, to its end; a new place in the queue is told each few seconds. */
async function linesTo(holder: string, rig: Rig): Promise<string[]> {
  const order = { holder, ttlMs: null, waitMs: null, priority: null, key: null };
  const said: string[] = [];
  for await (const line of rig.client.leases.acquireBound('queued', order)) {
    said.push(line.outcome === 'refused' ? `refused ${line.code}` : line.outcome);
  }
  return said;
}
