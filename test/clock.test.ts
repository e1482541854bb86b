import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { pause, systemClock } from '../src/clock.ts';

const DAY_MS = 86_400_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'hrtime', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it.each([
  ['nothing', 0],
  ['a moment', 5],
  ['a day', DAY_MS],
  ['the longest that a timer of Node takes', 2 ** 31 - 1],
  ['one more than that', 2 ** 31],
  ['a whole round of its 32 bits', 2 ** 32 + 10],
  ['a year', 365 * DAY_MS],
])('a delay of %s fires once, then and not before', async (_, delayMs) => {
  let fired = 0;
  systemClock.after(delayMs, () => {
    fired += 1;
  });
  expect(fired).toBe(0);
  await vi.advanceTimersByTimeAsync(Math.max(0, delayMs - 1));
  expect(fired).toBe(delayMs === 0 ? 1 : 0);
  await vi.advanceTimersByTimeAsync(2);
  expect(fired).toBe(1);
  await vi.advanceTimersByTimeAsync(3 * DAY_MS);
  expect(fired).toBe(1);
});

it('a delay below nothing is none, and one without end never fires and holds no timer', async () => {
  const fired: string[] = [];
  systemClock.after(-5, () => fired.push('past'));
  systemClock.after(Number.NEGATIVE_INFINITY, () => fired.push('long past'));
  systemClock.after(Number.POSITIVE_INFINITY, () => fired.push('never'));
  expect(vi.getTimerCount()).toBe(2);
  await vi.advanceTimersByTimeAsync(400 * DAY_MS);
  expect(fired).toEqual(['past', 'long past']);
});

it.each([1, 40])('taken back on day %i, and once more, it never fires and holds no timer', async (day) => {
  let fired = false;
  const timer = systemClock.after(60 * DAY_MS, () => {
    fired = true;
  });
  await vi.advanceTimersByTimeAsync(day * DAY_MS);
  timer.cancel();
  timer.cancel();
  expect(vi.getTimerCount()).toBe(0);
  await vi.advanceTimersByTimeAsync(90 * DAY_MS);
  expect(fired).toBe(false);
});

it('the wall clock moves no delay', async () => {
  let over = false;
  void pause(systemClock, 1_000).then(() => {
    over = true;
  });
  vi.setSystemTime(systemClock.wallMs() + 365 * DAY_MS);
  await vi.advanceTimersByTimeAsync(999);
  expect(over).toBe(false);
  vi.setSystemTime(systemClock.wallMs() - 700 * DAY_MS);
  await vi.advanceTimersByTimeAsync(1);
  expect(over).toBe(true);
});
