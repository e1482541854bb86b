import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DURATIONS_KEPT, DurationRing } from '../../src/admission/durations-state.ts';

describe('the record of durations', () => {
  it('is empty at first', () => {
    expect(new DurationRing(0).values).toEqual([]);
  });

  it('keeps the last ones, newest last', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { maxLength: 3 * DURATIONS_KEPT }), (durationsMs) => {
        const ring = new DurationRing(0);
        for (const [index, durationMs] of durationsMs.entries()) ring.measured(durationMs, index);
        expect(ring.values).toEqual(durationsMs.slice(-DURATIONS_KEPT));
      }),
    );
  });

  it('hands out a copy', () => {
    const ring = new DurationRing(0);
    ring.measured(5, 5);
    const before = ring.values;
    ring.measured(6, 6);
    expect(before).toEqual([5]);
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1])('leaves out what is no duration: %d', (ms) => {
    const ring = new DurationRing(0);
    ring.measured(ms, 1);
    ring.measured(7, 2);
    expect(ring.values).toEqual([7]);
  });

  it('goes back to its beginning, and once full to the end it has forgotten last', () => {
    const ring = new DurationRing(1_000);
    expect(ring.watchedMs(1_000)).toBe(0);
    for (let end = 1; end <= DURATIONS_KEPT; end += 1) ring.measured(1, 1_000 + end * 10);
    expect(ring.watchedMs(5_000)).toBe(4_000);
    ring.measured(1, 5_000);
    expect(ring.watchedMs(5_000)).toBe(3_990);
    ring.measured(1, 5_000);
    expect(ring.watchedMs(5_000)).toBe(3_980);
  });

  it('is never said to go back to the future', () => {
    expect(new DurationRing(1_000).watchedMs(999)).toBe(0);
  });
});
