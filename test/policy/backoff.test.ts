import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BackoffSpec } from '../../src/config/spec.ts';
import { backoffDelayMs, blockedDelayMs } from '../../src/policy/backoff.ts';

const defaults: BackoffSpec = {
  delayMs: 1_000,
  factor: 2,
  limitMs: 60_000,
  jitter: 0.1,
  minDelayMs: 0,
  resetAfterMs: 300_000,
  classes: {},
};
/** Draws that make the jitter its least, none, and (all but) its most. */
const LEAST = 0;
const NONE = 0.5;
const MOST = 1 - 2 ** -53;

const delay = (change: Partial<BackoffSpec>, failures: number, random = NONE, crashClass = 'error'): number =>
  backoffDelayMs({ ...defaults, ...change }, { failures, crashClass, random });

describe('the delay before a restart', () => {
  it.each([
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [4, 8_000],
    [5, 16_000],
    [6, 32_000],
    [7, 60_000],
    [8, 60_000],
    [10_000, 60_000],
  ])('after failure %i in a row is %i ms', (failures, expected) => {
    expect(delay({}, failures)).toBe(expected);
  });

  it.each([
    [{ delayMs: 5_000, limitMs: 300_000 }, 7, 300_000],
    [{ factor: 1 }, 50, 1_000],
    [{ factor: 3 }, 3, 9_000],
    [{ limitMs: 500 }, 1, 500],
  ])('goes by delay, factor and limit: %j, failure %i', (change, failures, expected) => {
    expect(delay(change, failures)).toBe(expected);
  });

  it('is spread by the jitter on both sides, and never beyond the limit', () => {
    expect(delay({}, 1, LEAST)).toBe(900);
    expect(delay({}, 1, MOST)).toBeCloseTo(1_100);
    expect(delay({}, 9, LEAST)).toBe(54_000);
    expect(delay({}, 9, MOST)).toBe(60_000);
    expect(delay({ jitter: 0 }, 3, LEAST)).toBe(4_000);
  });

  it('is at least minDelay, after the jitter too, and the limit wins over it', () => {
    expect(delay({ minDelayMs: 3_000 }, 1)).toBe(3_000);
    expect(delay({ minDelayMs: 1_000 }, 1, LEAST)).toBe(1_000);
    expect(delay({ minDelayMs: 90_000 }, 1)).toBe(60_000);
  });

  it('is multiplied for a class, within the limit, and for no other', () => {
    const classes = { gpu: 2 };
    expect(delay({ classes }, 1, NONE, 'gpu')).toBe(2_000);
    expect(delay({ classes }, 6, NONE, 'gpu')).toBe(60_000);
    expect(delay({ classes }, 1, NONE, 'error')).toBe(1_000);
    expect(delay({ classes: { gpu: 0.5 } }, 1, NONE, 'gpu')).toBe(500);
  });

  it('does not take what every object has for a multiplier', () => {
    for (const name of ['constructor', '__proto__', 'toString']) expect(delay({}, 1, NONE, name)).toBe(1_000);
  });

  it('stays 0 where it is 0, however many failures there are', () => {
    for (const failures of [1, 2, 1_024, 1_025, 1_100, 10_000]) {
      expect(delay({ delayMs: 0 }, failures)).toBe(0);
      expect(delay({ classes: { gpu: 0 } }, failures, NONE, 'gpu')).toBe(0);
    }
  });

  it('is always a number within its bounds, and without jitter never falls', () => {
    const spec = fc.record({
      delayMs: fc.integer({ min: 0, max: 3_600_000 }),
      factor: fc.double({ min: 1, max: 100, noNaN: true }),
      limitMs: fc.integer({ min: 0, max: 86_400_000 }),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
      minDelayMs: fc.integer({ min: 0, max: 60_000 }),
      resetAfterMs: fc.constant(300_000),
      classes: fc.constantFrom({}, { error: 2 }, { error: 0 }, { gpu: 7 }),
    });
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(spec, fc.integer({ min: 1, max: 10_000 }), random, (given, failures, drawn) => {
        const delayMs = backoffDelayMs(given, { failures, crashClass: 'error', random: drawn });
        expect(delayMs).toBeGreaterThanOrEqual(Math.min(given.minDelayMs, given.limitMs));
        expect(delayMs).toBeLessThanOrEqual(given.limitMs);
        const steady = { ...given, jitter: 0 };
        const before = backoffDelayMs(steady, { failures, crashClass: 'error', random: drawn });
        expect(backoffDelayMs(steady, { failures: failures + 1, crashClass: 'error', random: drawn })).toBeGreaterThanOrEqual(before);
      }),
    );
  });
});

describe('the retry of a start that a stranger stands in the way of', () => {
  it.each([
    [1, 10_000],
    [2, 20_000],
    [3, 40_000],
    [4, 60_000],
    [5, 60_000],
    [10_000, 60_000],
  ])('attempt %i comes after %i ms', (attempt, expected) => {
    expect(blockedDelayMs(attempt)).toBe(expected);
  });
});
