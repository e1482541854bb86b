import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arrivals } from '../../src/engine/logs/arrivals.ts';
import { LogIndex, parseRecord } from '../../src/engine/logs/log-index.ts';

describe('arrivals', () => {
  it('say by when a byte had come, and what came since', () => {
    const arrivals = new Arrivals();
    for (const [position, atMs] of [
      [10, 1000],
      [20, 2000],
      [20, 2500],
      [30, 3000],
    ] as const)
      arrivals.add({ position, atMs });
    expect([1, 10, 11, 20, 30, 31].map((position) => arrivals.arrivedMs(position))).toEqual([1000, 1000, 2000, 2000, 3000, null]);
    expect([0, 1000, 1001, 2000, 2001, 3000, 3001].map((ms) => arrivals.positionSince(ms))).toEqual([0, 0, 10, 10, 20, 20, 30]);
  });

  it('stay bounded, precise for the last two minutes, and never leave out what came since', () => {
    const arrivals = new Arrivals();
    const all = Array.from({ length: 100_000 }, (_, at) => ({ position: (at + 1) * 10, atMs: (at + 1) * 1000 }));
    for (const sample of all) arrivals.add(sample);
    expect(arrivals.samples.length).toBeLessThanOrEqual(512);
    expect(arrivals.samples.slice(-128)).toEqual(all.slice(-128));
    for (const { position, atMs } of all) expect(arrivals.positionSince(atMs)).toBeLessThan(position);
  });

  it('a wall clock that was set back hides nothing', () => {
    const arrivals = new Arrivals();
    for (const [position, atMs] of [
      [10, 5000],
      [20, 6000],
      [30, 1000],
      [40, 2000],
    ] as const)
      arrivals.add({ position, atMs });
    expect(arrivals.positionSince(1500)).toBe(0);
    expect(arrivals.positionSince(5500)).toBe(10);
  });
});

describe('the index', () => {
  it('keeps the place of marks when old ones are forgotten', () => {
    const index = new LogIndex();
    for (let generation = 1; generation <= 1000; generation += 1) index.apply({ is: 'start', generation, position: generation, atMs: 1 });
    expect(index.mark(999)?.mark.generation).toBe(1000);
    expect(index.mark(0)).toEqual({ number: 744, mark: { is: 'start', generation: 745, position: 745, atMs: 1 } });
    expect(index.mark(1000)).toBe(null);
    expect(index.firstMarkAt(900)).toBe(899);
    expect(index.windowOf(900)).toEqual({ from: 900, to: 901 });
  });

  it('says the same when written and read again', () => {
    const index = new LogIndex();
    index.apply({ is: 'base', position: 100 });
    index.apply({ is: 'older', from: 50, bytes: 50 });
    index.apply({ is: 'start', generation: 1, position: 60, atMs: 5 });
    index.apply({ is: 'exit', generation: 1, position: 120, atMs: 9, how: 'exit code 1 (gpu)' });
    index.apply({ is: 'at', position: 120, atMs: 9 });
    index.apply({ is: 'rotate', bytes: 10, sizeBytes: 20, copied: true });
    const again = new LogIndex();
    for (const record of index.compact()) again.apply(parseRecord(JSON.stringify(record)) ?? { is: 'kept' });
    expect(again.compact()).toEqual(index.compact());
    again.apply({ is: 'rotated' });
    expect([again.base, again.older, again.pending]).toEqual([
      110,
      [
        { from: 100, bytes: 10 },
        { from: 50, bytes: 50 },
      ],
      null,
    ]);
  });

  it('takes no record that is not one', () => {
    for (const line of [
      '',
      '{',
      'null',
      '[]',
      '1',
      '{"is":1}',
      '{"is":"at","position":1}',
      '{"is":"at","position":-1,"atMs":1}',
      '{"is":"__proto__"}',
    ]) {
      expect(parseRecord(line)).toBe(null);
    }
    expect(parseRecord('{"is":"exit","generation":1,"position":1,"atMs":1}')).toBe(null);
    fc.assert(fc.property(fc.string(), (line) => void parseRecord(line)));
    fc.assert(fc.property(fc.json(), (line) => parseRecord(line) === null));
  });
});
