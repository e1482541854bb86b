import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EstimateGround, HeldSlot, WaitEstimate } from '../../src/admission/estimate-state.ts';
import { estimates } from '../../src/admission/estimate-state.ts';
import { Dice } from '../sim/dice.ts';
import { LENGTHS } from './load.ts';

const draws = (seed = 1): (() => number) => new Dice({ seed, only: null }).stream('estimates');
const held = (heldMs: number, change: Partial<HeldSlot> = {}): HeldSlot => ({ heldMs, ttlLeftMs: 30_000, ttlMs: 30_000, ...change });
const times = (count: number, ms: number): number[] => Array.from({ length: count }, () => ms);
const estimated = (change: Partial<EstimateGround>): readonly (WaitEstimate | null)[] =>
  estimates({ held: [], freeSlots: 0, coming: [], durationsMs: [], positions: 1, random: draws(), ...change });
const first = (change: Partial<EstimateGround>): WaitEstimate => {
  const [estimate] = estimated(change);
  if (estimate === null || estimate === undefined) throw new Error('there is no estimate');
  return estimate;
};

/** What many estimates are in the mean: one is drawn from 59 futures, and as uneven as that. */
const inTheMean = (change: Partial<EstimateGround>, position = 1): { readonly p50Ms: number; readonly p90Ms: number } => {
  const all = Array.from({ length: 200 }, (_, seed) => estimated({ ...change, positions: position, random: draws(seed) })[position - 1]);
  const mean = (of: (estimate: WaitEstimate) => number): number =>
    all.reduce((sum, estimate) => sum + (estimate ? of(estimate) : Number.NaN), 0) / all.length;
  return { p50Ms: mean(({ p50Ms }) => p50Ms), p90Ms: mean(({ p90Ms }) => p90Ms) };
};

describe('an estimate', () => {
  it('is not to be had where no slot is held, free or coming', () => {
    expect(estimated({ positions: 3 })).toEqual([null, null, null]);
    expect(estimated({ positions: 2, durationsMs: times(200, 10_000) })).toEqual([null, null]);
    expect(estimated({ positions: 2, coming: [{ p50Ms: 1, p90Ms: 2, slots: 0 }] })).toEqual([null, null]);
  });

  it.each([0, -1, Number.NaN])('is given to nobody where nobody waits (%d)', (positions) => {
    expect(estimated({ positions, held: [held(0)] })).toEqual([]);
  });

  it('is nothing for as many as there are free slots', () => {
    const now = { p50Ms: 0, p90Ms: 0, basis: 'history' };
    const free = { freeSlots: 2, positions: 3, durationsMs: times(200, 10_000) };
    expect(estimated(free)).toEqual([now, now, { p50Ms: 10_000, p90Ms: 10_000, basis: 'history' }]);
  });

  it('ends with the slots where nothing tells how long a lease lasts', () => {
    expect(estimated({ freeSlots: 2, positions: 4 }).map((estimate) => estimate?.p50Ms)).toEqual([0, 0, undefined, undefined]);
    expect(estimated({ coming: [{ p50Ms: 5, p90Ms: 5, slots: 1 }], positions: 3 }).map((estimate) => estimate?.p50Ms)).toEqual([
      5,
      undefined,
      undefined,
    ]);
  });

  it('is the same for the same draws', () => {
    const ground = { held: [held(1_000), held(2_000)], durationsMs: Array.from({ length: 100 }, (_, index) => index * 100), positions: 20 };
    expect(estimated(ground)).toEqual(estimated(ground));
    expect(estimated(ground)).not.toEqual(estimated({ ...ground, random: draws(2) }));
  });

  it('is a pair of whole numbers in order, never falls with the position, and stops nowhere but at the end, whatever comes in', () => {
    const wild = fc.oneof(
      fc.double({ min: 0, max: 1e6 }),
      fc.double(),
      fc.constantFrom(0, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_VALUE),
    );
    const ground = fc.record(
      {
        held: fc.array(fc.record({ heldMs: wild, ttlLeftMs: wild, ttlMs: wild }), { maxLength: 20 }),
        freeSlots: fc.oneof(fc.integer({ min: 0, max: 3 }), wild),
        coming: fc.array(fc.record({ p50Ms: wild, p90Ms: wild, slots: fc.oneof(fc.integer({ min: 0, max: 4 }), wild) }), { maxLength: 4 }),
        durationsMs: fc.array(wild, { maxLength: 60 }),
        watchedMs: wild,
        positions: fc.integer({ min: 0, max: 40 }),
      },
      { requiredKeys: ['held', 'freeSlots', 'coming', 'durationsMs', 'positions'] },
    );
    const drawn = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(ground, drawn, (given, cycle) => {
        let at = 0;
        const random = (): number => {
          at += 1;
          return cycle[at % cycle.length] ?? 0;
        };
        const all = estimates({ ...given, random });
        expect(all).toHaveLength(given.positions);
        let before: WaitEstimate | null = { p50Ms: 0, p90Ms: 0, basis: 'ttl' };
        for (const estimate of all) {
          if (estimate !== null) {
            if (before === null) throw new Error('an estimate comes after one that is not to be had');
            expect([estimate.p50Ms, estimate.p90Ms].every(Number.isInteger)).toBe(true);
            expect(estimate.p90Ms).toBeGreaterThanOrEqual(estimate.p50Ms);
            expect(estimate.p50Ms).toBeGreaterThanOrEqual(before.p50Ms);
            expect(estimate.p90Ms).toBeGreaterThanOrEqual(before.p90Ms);
          }
          before = estimate;
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('an estimate by history', () => {
  it('is exact where all leases last the same', () => {
    const durationsMs = times(200, 10_000);
    expect(estimated({ held: [held(4_000)], durationsMs, positions: 3 })).toEqual(
      [6_000, 16_000, 26_000].map((ms) => ({ p50Ms: ms, p90Ms: ms, basis: 'history' })),
    );
    expect(estimated({ held: [held(4_000), held(9_000)], durationsMs, positions: 5 }).map((estimate) => estimate?.p90Ms)).toEqual([
      1_000, 6_000, 11_000, 16_000, 21_000,
    ]);
  });

  it('is made from 20 durations on', () => {
    expect(first({ held: [held(0)], durationsMs: times(19, 10_000) }).basis).toBe('ttl');
    expect(first({ held: [held(0)], durationsMs: times(20, 10_000) })).toEqual({ p50Ms: 10_000, p90Ms: 10_000, basis: 'history' });
  });

  it('goes by those that lasted longer than the lease has been held so far', () => {
    const durationsMs = [...times(100, 1_000), ...times(100, 100_000)];
    expect(first({ held: [held(500)], durationsMs })).toMatchObject({ p90Ms: 99_500 });
    expect(first({ held: [held(2_000)], durationsMs })).toMatchObject({ p50Ms: 98_000, p90Ms: 98_000 });
  });

  it('spreads what is left as the durations are spread', () => {
    const durationsMs = Array.from({ length: 200 }, (_, index) => (index + 1) * 1_000);
    const { p50Ms, p90Ms } = inTheMean({ held: [held(100_000)], durationsMs });
    expect(p50Ms).toBeGreaterThan(48_000);
    expect(p50Ms).toBeLessThan(53_000);
    expect(p90Ms).toBeGreaterThan(88_000);
    expect(p90Ms).toBeLessThan(94_000);
  });

  it('gives a lease that has outlived all measured ones a rest that grows with its age', () => {
    const durationsMs = times(200, 10_000);
    const restMs = [10_000, 20_000, 200_000].map((heldMs) => first({ held: [held(heldMs)], durationsMs }).p50Ms);
    // ln 2 of the mean: the age through ln 401, as 0.5 of 200.5 leases are beyond the last end.
    for (const [index, heldMs] of [10_000, 20_000, 200_000].entries()) {
      const middleMs = (heldMs / Math.log(401)) * Math.LN2;
      expect(restMs[index]).toBeGreaterThan(middleMs / 2);
      expect(restMs[index]).toBeLessThan(middleMs * 2);
    }
  });

  it('counts on a lease bound to a connection like on any', () => {
    const bound = held(4_000, { ttlLeftMs: Number.POSITIVE_INFINITY, ttlMs: Number.POSITIVE_INFINITY });
    expect(first({ held: [bound], durationsMs: times(200, 10_000) })).toEqual({ p50Ms: 6_000, p90Ms: 6_000, basis: 'history' });
  });

  it('does not take the first leases to end for the length of all', () => {
    // 64 granted at once, each a minute in the mean: the 20 that have ended are the shortest of them.
    const draw = draws(5);
    const lengthsMs = Array.from({ length: 64 }, () => LENGTHS.exponential(draw)).toSorted((one, other) => one - other);
    const nowMs = lengthsMs[19] ?? 0;
    const ground = { held: Array.from({ length: 64 }, (_, index) => held(index < 44 ? nowMs : 0)), durationsMs: lengthsMs.slice(0, 20) };
    const told = inTheMean({ ...ground, watchedMs: nowMs }, 40);
    // 40 ends of 64 leases, each of which ends in a minute in the mean.
    expect(told.p50Ms).toBeGreaterThan(30_000);
    expect(told.p50Ms).toBeLessThan(47_000);
    expect(inTheMean(ground, 40).p50Ms).toBeLessThan(told.p50Ms / 2);
  });
});

describe('an estimate by TTL', () => {
  it('is the end of the TTL that ends first', () => {
    const ends = [held(0, { ttlLeftMs: 20_000 }), held(0, { ttlLeftMs: 12_345.6 })];
    expect(estimated({ held: ends, positions: 2 })[0]).toEqual({ p50Ms: 12_346, p90Ms: 12_346, basis: 'ttl' });
  });

  it('is at once where the TTL is over', () => {
    expect(first({ held: [held(40_000, { ttlLeftMs: -5 })] })).toEqual({ p50Ms: 0, p90Ms: 0, basis: 'ttl' });
  });

  it('has the next lease last from nothing to twice the TTL', () => {
    const { p50Ms, p90Ms } = inTheMean({ held: [held(0, { ttlLeftMs: 10_000, ttlMs: 30_000 })] }, 2);
    expect(p50Ms).toBeGreaterThan(38_500);
    expect(p50Ms).toBeLessThan(41_500);
    expect(p90Ms).toBeGreaterThan(62_500);
    expect(p90Ms).toBeLessThan(65_500);
  });

  it('does not count on a lease bound to a connection', () => {
    const bound = held(4_000, { ttlLeftMs: Number.POSITIVE_INFINITY, ttlMs: Number.POSITIVE_INFINITY });
    expect(estimated({ held: [bound] })).toEqual([null]);
    expect(first({ held: [bound, held(0, { ttlLeftMs: 9_000 })] })).toEqual({ p50Ms: 9_000, p90Ms: 9_000, basis: 'ttl' });
    expect(first({ held: [bound], coming: [{ p50Ms: 5, p90Ms: 5, slots: 1 }] })).toEqual({ p50Ms: 5, p90Ms: 5, basis: 'coldStart' });
  });
});

describe('an estimate of a cold start', () => {
  const start = { p50Ms: 90_000, p90Ms: 180_000, slots: 3 };

  it('is that of the start, the same for all its slots', () => {
    const [one, two, three, four] = estimated({ coming: [start], durationsMs: times(200, 10_000), positions: 4 });
    expect(one).toMatchObject({ basis: 'coldStart' });
    expect([two, three]).toEqual([one, one]);
    expect(four).toEqual({ p50Ms: (one?.p50Ms ?? 0) + 10_000, p90Ms: (one?.p90Ms ?? 0) + 10_000, basis: 'coldStart' });
  });

  it('has its middle and its ninth tenth where the measured starts have theirs', () => {
    const { p50Ms, p90Ms } = inTheMean({ coming: [start] });
    expect(p50Ms).toBeGreaterThan(85_000);
    expect(p50Ms).toBeLessThan(95_000);
    expect(p90Ms).toBeGreaterThan(170_000);
    expect(p90Ms).toBeLessThan(195_000);
  });

  it('is exact where all starts took the same, and takes a p90 below the p50 for none', () => {
    expect(first({ coming: [{ p50Ms: 8_000, p90Ms: 8_000, slots: 1 }] })).toEqual({ p50Ms: 8_000, p90Ms: 8_000, basis: 'coldStart' });
    expect(first({ coming: [{ p50Ms: 8_000, p90Ms: 0, slots: 1 }] })).toEqual({ p50Ms: 8_000, p90Ms: 8_000, basis: 'coldStart' });
  });

  it('makes the few durations there are do for who comes after its slots', () => {
    const estimate = estimated({ coming: [{ p50Ms: 8_000, p90Ms: 8_000, slots: 1 }], durationsMs: times(3, 1_000), positions: 2 })[1];
    expect(estimate).toMatchObject({ p50Ms: 9_000, basis: 'coldStart' });
  });

  it('is not what somebody waits for where a lease ends before it', () => {
    const ground = { held: [held(4_000)], durationsMs: times(200, 10_000), positions: 2 };
    const coming = [{ p50Ms: 7_000, p90Ms: 7_000, slots: 1 }];
    expect(estimated({ ...ground, coming }).map((estimate) => estimate?.p50Ms)).toEqual([6_000, 7_000]);
    expect(estimated({ ...ground, coming })[0]?.basis).toBe('history');
  });
});
