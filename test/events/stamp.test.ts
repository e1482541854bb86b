import fc from 'fast-check';
import { expect, it } from 'vitest';
import { stamp } from '../../src/stamp.ts';

it('is what a Date says, whatever was stamped before', () => {
  const wallMs = fc.oneof(fc.double({ min: -1e12, max: 4e12, noNaN: true }), fc.integer({ min: -70_000, max: 70_000 }));
  fc.assert(
    fc.property(fc.array(wallMs), (times) => {
      expect(times.map(stamp)).toEqual(times.map((time) => new Date(time).toISOString()));
    }),
  );
});

it('refuses what is no time', () => {
  expect(() => stamp(Number.NaN)).toThrow(RangeError);
  expect(() => stamp(9e15)).toThrow(RangeError);
});
