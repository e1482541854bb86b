import { expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { Estimator } from '../../src/lease/estimator.ts';
import type { PoolState } from '../../src/pool/pool-state.ts';
import { LeaseScript } from './lease-script.ts';

/** The same leases, granted later. */
function later(state: PoolState, byMs: number): PoolState {
  const engines = state.engines.map((engine) => ({
    ...engine,
    seats: engine.seats.map((lease) => lease && { ...lease, grantedMs: lease.grantedMs + byMs, expiresMs: (lease.expiresMs ?? 0) + byMs }),
  }));
  return { ...state, engines };
}

it('says the same again while nothing has changed, with one draw of chance', () => {
  const s = new LeaseScript({ slots: 3 }).until(2);
  s.acquires('a', 'b', 'c');
  let nowMs = 10_000;
  let drawn = 0;
  const random = (): number => {
    drawn += 1;
    return (drawn % 10) / 10;
  };
  const estimator = new Estimator({ ...systemClock, nowMs: () => nowMs, random });
  for (let heldMs = 1_000; heldMs <= 30_000; heldMs += 1_000) estimator.measured('chat', heldMs);
  nowMs += 1e9;
  const first = estimator.of(later(s.state, 1e9));
  nowMs += 1_001;
  expect(estimator.of(later(s.state, 1e9 + 1_001))).toEqual(first);
  expect(first[0]?.basis).toBe('history');
  expect(new Set(first.map((one) => one?.p50Ms)).size).toBeGreaterThan(1);
  expect(drawn).toBe(1);
});
