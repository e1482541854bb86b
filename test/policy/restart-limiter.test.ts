import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Limit, RestartLog } from '../../src/policy/restart-limiter.ts';
import { countInWindow, defaultCount, freeAtMs, levelOf, restarted } from '../../src/policy/restart-limiter.ts';

const limit: Limit = { count: 3, windowMs: 60_000 };

describe('the sliding window', () => {
  it('frees a place exactly windowMs after the restart that took it', () => {
    const log: RestartLog = [0, 10, 20];
    expect(freeAtMs(log, limit, { nowMs: 30, ahead: 0 })).toBe(60_000);
    expect(countInWindow(log, limit, 59_999)).toBe(3);
    expect(freeAtMs(log, limit, { nowMs: 59_999, ahead: 0 })).toBe(60_000);
    expect(countInWindow(log, limit, 60_000)).toBe(2);
    expect(freeAtMs(log, limit, { nowMs: 60_000, ahead: 0 })).toBe(60_000);
  });

  it('is no tumbling one: restarts just before and just after a minute count together', () => {
    const log = [59_998, 59_999].reduce((before: RestartLog, atMs) => restarted(before, limit, atMs), []);
    expect(freeAtMs(log, limit, { nowMs: 60_001, ahead: 0 })).toBe(60_001);
    expect(freeAtMs(restarted(log, limit, 60_001), limit, { nowMs: 60_002, ahead: 0 })).toBe(119_998);
  });

  it('keeps the places of those that are ahead', () => {
    expect(freeAtMs([0], limit, { nowMs: 10, ahead: 1 })).toBe(10);
    expect(freeAtMs([0], limit, { nowMs: 10, ahead: 2 })).toBe(60_000);
    expect(freeAtMs([0, 5], limit, { nowMs: 10, ahead: 2 })).toBe(60_005);
    expect(freeAtMs([], limit, { nowMs: 10, ahead: 3 })).toBe(60_010);
  });

  it('works with one place, and after the limit was lowered', () => {
    const one: Limit = { count: 1, windowMs: 1_000 };
    expect(freeAtMs([], one, { nowMs: 0, ahead: 0 })).toBe(0);
    expect(freeAtMs([0], one, { nowMs: 0, ahead: 0 })).toBe(1_000);
    expect(freeAtMs([0, 10, 20], one, { nowMs: 30, ahead: 0 })).toBe(1_020);
  });

  it('forgets what no window reaches any more', () => {
    expect(restarted([0, 10, 20], limit, 60_010)).toEqual([20, 60_010]);
  });

  /** Asks at random times, restarts whenever it may, and counts by brute force. */
  it('never holds more than count in any window, and lets go as soon as it may', () => {
    const limits = fc.record({ count: fc.integer({ min: 1, max: 12 }), windowMs: fc.integer({ min: 1, max: 100 }) });
    const waits = fc.array(fc.nat(40), { minLength: 1, maxLength: 120 });
    fc.assert(
      fc.property(limits, waits, (given, steps) => {
        let nowMs = 0;
        let log: RestartLog = [];
        const all: number[] = [];
        for (const step of steps) {
          nowMs += step;
          const freeMs = freeAtMs(log, given, { nowMs, ahead: 0 });
          const mine = all.filter((atMs) => atMs > nowMs - given.windowMs).length;
          expect(countInWindow(log, given, nowMs)).toBe(mine);
          expect(freeMs <= nowMs).toBe(mine < given.count);
          if (freeMs > nowMs) {
            expect(all.filter((atMs) => atMs > freeMs - given.windowMs).length).toBeLessThan(given.count);
            expect(all.filter((atMs) => atMs > freeMs - 1 - given.windowMs).length).toBe(given.count);
            continue;
          }
          log = restarted(log, given, nowMs);
          all.push(nowMs);
        }
        for (const from of all)
          expect(all.filter((atMs) => atMs >= from && atMs < from + given.windowMs).length).toBeLessThanOrEqual(given.count);
      }),
    );
  });
});

describe('how near the limit it is', () => {
  it.each([
    [10, 4, 'below'],
    [10, 5, 'half'],
    [10, 9, 'half'],
    [10, 10, 'limit'],
    [10, 11, 'limit'],
    [3, 1, 'below'],
    [3, 2, 'half'],
    [3, 3, 'limit'],
    [2, 1, 'half'],
    [1, 0, 'below'],
    [1, 1, 'limit'],
  ] as const)('of %i, %i are %s', (count, restarts, level) => {
    expect(levelOf(restarts, { count, windowMs: 1 })).toBe(level);
  });
});

it.each([
  [1, 10],
  [5, 10],
  [6, 12],
  [100, 200],
  [0, 10],
])('the count for %i replicas is %i where the file gives none', (replicas, count) => {
  expect(defaultCount(replicas)).toBe(count);
});
