/** The wall clock is set a year ahead and two years back while things are pending: it moves what is shown and nothing else. */
import { expect, it } from 'vitest';
import type { ClientError } from '../../src/client/client-error.ts';
import { pause, systemClock } from '../../src/clock.ts';
import type { Event } from '../../src/events/event.ts';
import { endRigsAfterEach } from './each.ts';
import { DAY_MS, FakeClock } from './fake-clock.ts';
import { endOf, stateOf, take } from './holding.ts';
import { Rig, until } from './rig.ts';

endRigsAfterEach();

const BACKOFF_MS = 2_500;
/** More than the busiest machine needs, and nothing beside a year. */
const LATE_MS = 10_000;

/** Engines to be held, to be drained, and one that always waits for its next start. */
function pendingRig(): Rig {
  const sleeps = { engine: { command: ['sleep', '1000'] }, readyAfter: '50ms' };
  return new Rig({
    chat: { ...sleeps, slots: 2 },
    drained: sleeps,
    failing: {
      // It writes down by itself when it starts, on the clock of the kernel.
      engine: { command: ['sh', '-c', 'cat /proc/uptime >> DIR/starts; exit 1'] },
      backoff: { delay: `${BACKOFF_MS}ms`, limit: `${BACKOFF_MS}ms`, jitter: 0 },
      breaker: { failureThreshold: 100 },
    },
  });
}

/** Each event of the daemon as it comes. */
function follow(rig: Rig): { readonly heard: Event[]; end(): Promise<void> } {
  const over = new AbortController();
  const heard: Event[] = [];
  const ended = (async () => {
    for await (const piece of rig.client.events({ follow: true }, over.signal)) if (piece.is === 'event') heard.push(piece.event);
  })();
  // Of a test that has failed nobody asks any more.
  ended.catch(() => {});
  return {
    heard,
    async end() {
      over.abort();
      await ended;
    },
  };
}

it('set a year ahead and two years back, no lease, back-off, drain or wait ends early or late, and stamps are its own', {
  timeout: 60_000,
}, async () => {
  const rig = pendingRig();
  const wall = new FakeClock(rig.path('clock'), 'wall');
  await wall.start(rig);
  await rig.poolReaches('chat', 'running');
  await rig.poolReaches('drained', 'running');
  const events = follow(rig);

  const short = await take(rig, 'chat', { holder: 'short', ttlMs: 2_000 });
  const long = await take(rig, 'chat', { holder: 'long', ttlMs: 60_000 });
  const cut = await take(rig, 'drained', { holder: 'cut', ttlMs: 60_000 });
  await rig.client.act('drained', { do: 'drain', replica: null, deadlineMs: 3_000, extend: false }, null);
  const waitMs = systemClock.nowMs();
  const waited = rig.client.leases
    .acquire('chat', { holder: 'waits', ttlMs: 1_000, waitMs: 1_500, priority: 0, key: null })
    .catch(({ code }: ClientError) => ({ code, afterMs: systemClock.nowMs() - waitMs }));

  for (const days of [365, -365]) {
    wall.set(days);
    const state = await stateOf(rig, long);
    expect(wall.fromNowMs('expiresAt' in state ? state.expiresAt : null)).toSatisfy(within(60_000 - LATE_MS, 60_000));
    const { nextStartAt } = await rig.reaches('failing/0', 'backoff');
    expect(wall.fromNowMs(nextStartAt)).toSatisfy(within(-LATE_MS, BACKOFF_MS));
    await pause(systemClock, 500);
  }

  expect(await waited).toEqual({ code: 'queue_timeout', afterMs: expect.toSatisfy(within(1_500, 1_500 + LATE_MS)) });
  for (const [holding, word, dueMs] of [[short, 'expired', 2_000] as const, [cut, 'forced', 3_000] as const]) {
    const { how, atLeastMs, atMostMs } = await endOf(rig, holding);
    expect(how).toBe(word);
    expect(atMostMs).toBeGreaterThanOrEqual(dueMs);
    expect(atLeastMs).toBeLessThan(dueMs + LATE_MS);
  }
  await rig.poolReaches('drained', 'drained');
  const starts = await until('it has started three times', () => {
    const uptimes = rig.text('starts').trim().split('\n').map(Number.parseFloat);
    return uptimes.length > 2 && uptimes;
  });
  for (const [index, secondsAfterBoot] of starts.slice(1).entries()) {
    // /proc/uptime has hundredths.
    expect((secondsAfterBoot - (starts[index] ?? 0)) * 1_000).toSatisfy(within(BACKOFF_MS - 10, BACKOFF_MS + LATE_MS));
  }
  const { lastExit } = await rig.engine('failing/0');
  expect(wall.fromNowMs(lastExit?.at)).toSatisfy(within(-BACKOFF_MS - LATE_MS, 0));
  await rig.client.leases.release(long.lease.id, { token: long.lease.token, outcome: null });
  await events.end();
  expect(new Set(events.heard.map(({ at }) => at.slice(0, 4)))).toContain(
    String(new Date(systemClock.wallMs() - 365 * DAY_MS).getUTCFullYear()),
  );
  expect(events.heard.map(({ cursor }) => Number(cursor.split(':')[1]))).toEqual(
    events.heard.map((_, index) => first(events.heard) + index),
  );
  await rig.endsClean();
});

function first(heard: readonly Event[]): number {
  return Number(heard[0]?.cursor.split(':')[1]);
}

function within(leastMs: number, mostMs: number): (value: number) => boolean {
  return (value) => value >= leastMs && value <= mostMs;
}
