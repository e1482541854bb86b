import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Breaker } from '../../src/policy/breaker.ts';
import { closed, closedBreaker, opened, rebooted, trialFailed, waited } from '../../src/policy/breaker.ts';

const spec = { openForMs: 300_000, openForMaxMs: 3_600_000 };
const CLOSED: Breaker = { is: 'closed', sinceMs: 0, openForMs: 300_000 };
const OPEN: Breaker = { is: 'open', sinceMs: 1_000, untilMs: 301_000, openForMs: 300_000 };
const HALF_OPEN: Breaker = { is: 'half_open', openForMs: 300_000 };

describe('every transition of a breaker', () => {
  const transitions: readonly (readonly [name: string, move: (breaker: Breaker) => Breaker, from: Breaker, to: Breaker])[] = [
    ['opened', (b) => opened(b, spec, 1_000), CLOSED, OPEN],
    ['opened', (b) => opened(b, spec, 2_000), OPEN, OPEN],
    ['opened', (b) => opened(b, spec, 2_000), HALF_OPEN, HALF_OPEN],
    ['trialFailed', (b) => trialFailed(b, spec, 2_000), CLOSED, CLOSED],
    ['trialFailed', (b) => trialFailed(b, spec, 2_000), OPEN, OPEN],
    ['trialFailed', (b) => trialFailed(b, spec, 2_000), HALF_OPEN, { is: 'open', sinceMs: 2_000, untilMs: 602_000, openForMs: 600_000 }],
    ['waited too short', (b) => waited(b, 300_999), OPEN, OPEN],
    ['waited', (b) => waited(b, 301_000), OPEN, HALF_OPEN],
    ['waited', (b) => waited(b, 301_000), CLOSED, CLOSED],
    ['waited', (b) => waited(b, 301_000), HALF_OPEN, HALF_OPEN],
    ['closed', (b) => closed(b, 7_000), CLOSED, CLOSED],
    ['closed', (b) => closed(b, 7_000), OPEN, { is: 'closed', sinceMs: 7_000, openForMs: 300_000 }],
    ['closed', (b) => closed(b, 7_000), HALF_OPEN, { is: 'closed', sinceMs: 7_000, openForMs: 300_000 }],
    ['rebooted', (b) => rebooted(b, 50), CLOSED, { is: 'closed', sinceMs: 50, openForMs: 300_000 }],
    ['rebooted', (b) => rebooted(b, 50), OPEN, HALF_OPEN],
    ['rebooted', (b) => rebooted(b, 50), HALF_OPEN, HALF_OPEN],
  ];
  it.each(transitions)('%s: row %#', (_name, move, from, to) => {
    expect(move(from)).toEqual(to);
  });
});

/** Fails its trial after each wait, `times` times; what it was open for each time, in ms. */
function openings(times: number): number[] {
  let breaker = opened(closedBreaker(spec, 0), spec, 0);
  const lengths: number[] = [];
  for (let n = 0; n < times; n += 1) {
    if (breaker.is !== 'open') throw new Error('cannot go on: it is not open');
    lengths.push(breaker.untilMs - breaker.sinceMs);
    breaker = trialFailed(waited(breaker, breaker.untilMs), spec, breaker.untilMs);
  }
  return lengths;
}

describe('how long it is open', () => {
  it('doubles with each failed trial up to openForMax', () => {
    expect(openings(6)).toEqual([300_000, 600_000, 1_200_000, 2_400_000, 3_600_000, 3_600_000]);
  });

  it('is remembered while it has been closed for less than 600 s, and forgotten then', () => {
    const closedAt = closed({ is: 'half_open', openForMs: 1_200_000 }, 1_000);
    expect(opened(closedAt, spec, 1_000 + 599_999)).toMatchObject({ openForMs: 1_200_000 });
    expect(opened(closedAt, spec, 1_000 + 600_000)).toMatchObject({ openForMs: 300_000 });
  });

  it('is never below openFor nor above openForMax, though the config was changed meanwhile', () => {
    const fc_ = fc.record({ openForMs: fc.integer({ min: 1, max: 1_000_000 }), moreMs: fc.nat(1_000_000) });
    fc.assert(
      fc.property(fc_, fc.integer({ min: 1, max: 10_000_000 }), ({ openForMs, moreMs }, before) => {
        const changed = { openForMs, openForMaxMs: openForMs + moreMs };
        for (const breaker of [
          opened({ is: 'closed', sinceMs: 0, openForMs: before }, changed, 5),
          trialFailed({ is: 'half_open', openForMs: before }, changed, 5),
        ]) {
          if (breaker.is !== 'open') throw new Error('cannot go on: it is not open');
          expect(breaker.openForMs).toBeGreaterThanOrEqual(changed.openForMs);
          expect(breaker.openForMs).toBeLessThanOrEqual(changed.openForMaxMs);
          expect(breaker.untilMs).toBe(5 + breaker.openForMs);
        }
      }),
    );
  });
});
