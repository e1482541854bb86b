import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Watched } from '../../src/admission/survival-state.ts';
import { ageReachedMs, shareBeyond, survivalOf, tailMeanMs } from '../../src/admission/survival-state.ts';

const curve = (change: Partial<Watched>) => survivalOf({ durationsMs: [10, 20, 30, 40], heldMs: [], watchedMs: null, ...change });
const afterOf = (change: Partial<Watched>): number[] => [...curve(change).after];

describe('the survival curve', () => {
  it('falls by the same at each end where only ended leases count, and keeps half a lease beyond the last', () => {
    const shares = [3.5, 2.5, 1.5, 0.5].map((left) => left / 4.5);
    for (const [index, share] of afterOf({}).entries()) expect(share).toBeCloseTo(shares[index] ?? 0, 12);
  });

  it('takes the ends in any order', () => {
    expect(afterOf({ durationsMs: [30, 10, 40, 20] })).toEqual(afterOf({}));
  });

  it('counts those still held, up to their age', () => {
    // Watched from the beginning: at 10 five are at risk, as one is held for 25; at 30 it is not known any more whether it would be.
    const shares = afterOf({ heldMs: [25], watchedMs: 1e9 });
    let expected = 1;
    for (const [index, atRisk] of [5, 4, 2, 1].entries()) {
      expected *= 1 - 1 / (atRisk + 0.5);
      expect(shares[index]).toBeCloseTo(expected, 12);
    }
  });

  it('counts a lease only from the age at which it was watched first', () => {
    // Held for 1,000 and watched for the last 100 of them: at no age up to 40 could its end have been seen.
    expect(afterOf({ heldMs: [1_000], watchedMs: 100 })).toEqual(afterOf({ heldMs: [], watchedMs: 100 }));
    expect(afterOf({ heldMs: [1_000], watchedMs: 970 })[0]).toBe(afterOf({ heldMs: [], watchedMs: 970 })[0]);
    expect(afterOf({ heldMs: [1_000], watchedMs: 970 })[2]).toBeGreaterThan(afterOf({ heldMs: [], watchedMs: 970 })[2] ?? 0);
  });

  it('does not let one early end of the only lease at risk be the end of all', () => {
    const [share = 0] = afterOf({ durationsMs: [1], watchedMs: 1_000 });
    expect(share).toBeCloseTo(1 / 3, 12);
  });

  it('says which share is held for longer than an age, and which age a share reaches', () => {
    const survival = curve({});
    expect([0, 9, 10, 40].map((ageMs) => shareBeyond(survival, ageMs) * 4.5)).toEqual(
      [4.5, 4.5, 3.5, 0.5].map((share) => expect.closeTo(share, 12)),
    );
    expect([1, 0.78, 0.77, 0.5, 0.12].map((share) => ageReachedMs(survival, share))).toEqual([10, 10, 20, 30, 40]);
  });

  it('goes on beyond the last end, as far as the share is small', () => {
    const survival = curve({});
    const tailMs = tailMeanMs(survival, 40);
    expect(tailMs).toBeCloseTo(40 / Math.log(9), 12);
    expect(ageReachedMs(survival, 0.5 / 4.5 / Math.E)).toBeCloseTo(40 + tailMs, 9);
    expect(ageReachedMs(survival, 0)).toBeLessThan(Number.POSITIVE_INFINITY);
  });

  it('falls, stays above 0, and reaches no smaller age by a smaller share', () => {
    const ms = fc.double({ min: 0, max: 1e12, noNaN: true });
    const watched = fc.record({
      durationsMs: fc.array(ms, { minLength: 1, maxLength: 500 }),
      heldMs: fc.array(ms, { maxLength: 100 }),
      watchedMs: fc.option(ms),
    });
    fc.assert(
      fc.property(watched, fc.double({ min: 0, max: 1, noNaN: true }), (given, share) => {
        const survival = survivalOf(given);
        let before = 1;
        for (const after of survival.after) {
          expect(after).toBeLessThan(before);
          expect(after).toBeGreaterThan(0);
          before = after;
        }
        expect(ageReachedMs(survival, share / 2)).toBeGreaterThanOrEqual(ageReachedMs(survival, share));
        expect(ageReachedMs(survival, share / 2)).toBeLessThan(Number.POSITIVE_INFINITY);
      }),
    );
  });
});
