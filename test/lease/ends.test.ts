import { describe, expect, it } from 'vitest';
import type { Acquire, EndedLease } from '../../src/lease/lease-events.ts';
import type { Seat } from '../../src/lease/lease-state.ts';
import { expiryOf } from '../../src/lease/lease-state.ts';
import { Script } from '../pool/script.ts';

const ACQUIRE = { holder: 'ann', client: 'ann', ttlMs: 30_000, priority: 5, bind: 'ttl', key: null, patience: { waitMs: 60_000 } } as const;
const SEAT: Seat = { replica: 0, generation: 1, slot: 0 };

function ready(maxHoldMs = 0): Script {
  return new Script({ leases: { maxHoldMs } }).until(5).send({ type: 'opened' });
}

function asks(s: Script, id: number, more: Partial<Acquire> = {}): Script {
  return s.send({ type: 'acquire', to: id, leaseId: `l-${id}`, ticketId: `t-${id}`, ...ACQUIRE, ...more });
}

function ends(s: Script): Pick<EndedLease, 'how' | 'message'>[] {
  return s.effects.flatMap((effect) => (effect.do === 'leaseEnded' ? [{ how: effect.ended.how, message: effect.ended.message }] : []));
}

describe('leases.maxHold', () => {
  it('bounds every lease, and without it only a TTL ends one', () => {
    const [ttl, bound] = [{ bind: 'ttl', ttlMs: 30, grantedMs: 100 } as const, { bind: 'connection', ttlMs: 30, grantedMs: 100 } as const];
    expect([expiryOf(ttl, 0, 150), expiryOf(ttl, 60, 120), expiryOf(ttl, 60, 150)]).toEqual([180, 150, 160]);
    expect([expiryOf(bound, 0, 150), expiryOf(bound, 60, 150)]).toEqual([null, 160]);
  });

  it('ends one that is bound to a connection, from its acquire or later', () => {
    const s = asks(ready(60_000), 1, { bind: 'connection' }).until(60);
    expect(ends(s)).toEqual([]);
    expect(ends(s.until(66))).toEqual([{ how: 'expired', message: "held for 60000 ms, the pool's leases.maxHold" }]);
    asks(s, 2).send({ type: 'attach', to: 3, id: 'l-2', seat: SEAT, token: null });
    expect(ends(s.until(125))).toHaveLength(1);
    expect(ends(s.until(127))).toHaveLength(2);
  });
});

describe('a holder whose engine is gone', () => {
  it('is told how that ended', () => {
    const s = asks(ready(), 1);
    s.crash(0, { signal: 'SIGSEGV' });
    expect(ends(s)).toEqual([{ how: 'engine_lost', message: 'chat/0 has ended by itself: SIGSEGV' }]);
  });
});

describe('two connections that wait for one ticket', () => {
  it('lose it with the last of them', () => {
    const s = asks(asks(ready(), 1), 2).send({ type: 'watch', to: 3, ticketId: 't-2', watchers: 1 });
    s.send({ type: 'hungUp', to: 4, ticketId: 't-2' });
    expect(s.state.tickets).toMatchObject([{ id: 't-2', watchers: 1 }]);
    s.send({ type: 'hungUp', to: 5, ticketId: 't-2' });
    expect(s.state.tickets).toEqual([]);
    expect(s.effects.at(-1)).toMatchObject({ do: 'answer', to: 5, answer: { is: 'done' } });
  });
});
