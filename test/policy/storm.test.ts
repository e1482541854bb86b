import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StormEntry } from '../../src/policy/storm.ts';
import { isStorm, stormClass, stormEntered, stormHint } from '../../src/policy/storm.ts';

const spec = { count: 3, windowMs: 30_000 };
const at = (...times: number[]): readonly StormEntry[] =>
  times.reduce((entries: readonly StormEntry[], atMs) => stormEntered(entries, spec, { atMs, crashClass: 'error' }), []);
const of = (...classes: string[]): readonly StormEntry[] => classes.map((crashClass, atMs) => ({ atMs, crashClass }));

describe('a storm', () => {
  it.each([
    [[0, 1], false],
    [[0, 1, 2], true],
    [[0, 15_000, 29_999], true],
    [[0, 15_000, 30_000], false],
    [[0, 29_999, 30_001, 30_002], true],
  ])('of restarts at %j ms: %s', (times, storm) => {
    expect(isStorm(at(...times), spec)).toBe(storm);
  });

  it('is what a brute-force count says, and what is kept is bounded', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 8 }), fc.array(fc.nat(50), { maxLength: 60 }), (count, waits) => {
        const given = { count, windowMs: 100 };
        let entries: readonly StormEntry[] = [];
        let atMs = 0;
        const all: number[] = [];
        for (const wait of waits) {
          atMs += wait;
          all.push(atMs);
          entries = stormEntered(entries, given, { atMs, crashClass: 'error' });
          expect(entries.length).toBeLessThanOrEqual(count);
          expect(isStorm(entries, given)).toBe(all.filter((other) => other > atMs - 100).length >= count);
        }
      }),
    );
  });

  it.each([
    [of('oom', 'oom', 'error'), 'oom'],
    [of('error', 'oom', 'oom'), 'oom'],
    [of('gpu', 'error'), 'gpu'],
    [of('a', 'b', 'c'), null],
    [of('a', 'b', 'b', 'c'), 'b'],
    [of('a', 'b', 'b', 'c', 'd'), null],
    [[], null],
  ])('row %#: the class that makes up at least half of it', (entries, crashClass) => {
    expect(stormClass(entries)).toBe(crashClass);
  });

  it('has a hint for each class, its own for the common ones', () => {
    expect(stormHint('oom')).toContain('limits.memory');
    for (const crashClass of [null, 'error', 'constructor', '__proto__']) expect(stormHint(crashClass)).toContain('poolctl history');
  });
});
