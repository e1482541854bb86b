import { describe, expect, it } from 'vitest';
import { dies, serves } from '../pool/behaviour.ts';
import { Reloads } from './reloads.ts';

describe('a reload that is called off where a new one has taken over', () => {
  it('gives the old one its place where the new one has ended since, and the other port is free again', () => {
    const s = new Reloads({ replicas: 2, restart: 'never' }).engine(0, serves, dies(15)).until(5);
    s.lease('ann');
    const id = s.reload({ strategy: 'rolling' });
    s.until(25);
    expect(s.generations()).toBe('0#2 - failed, 1#1 v1 ready, [retiring 0#1 v1 ready draining]');
    s.until(50);
    expect(s.operation(id)).toMatchObject({ outcome: 'rolled_back', error: { code: 'drain_timeout' } });
    expect(s.generations()).toBe('0#1 v1 ready, 1#1 v1 ready');
    // What its new spec has done says nothing about the old one.
    expect(s.state.engines[0]).toMatchObject({ row: 0, backoffRow: 0 });
    expect(s.leftovers()).toEqual([]);
  });

  it('takes the canary’s role from what has the old one’s place, so that the breaker closes', () => {
    const s = new Reloads({ breaker: { failureThreshold: 1, openForMs: 15_000 } }).engine(0, serves, dies(15), serves).until(5);
    s.lease('ann');
    s.reload({ strategy: 'rolling' });
    s.until(40.5);
    expect(s.causeOf({ replica: 0, generation: 3 })).toBe('canary');
    s.until(60);
    expect(s.generations()).toBe('0#1 v1 ready');
    expect(s.view()).toMatchObject({ state: 'running', breaker: { state: 'closed' } });
  });
});

describe('a drain or a stop of one engine', () => {
  it.each(['drain', 'stop'] as const)('leaves the users of another that a reload has replaced their time: %s', (what) => {
    const s = new Reloads({ replicas: 2, drain: { deadlineMs: 60_000 } }).until(5);
    s.lease('ann');
    s.reload({ strategy: 'blue-green' });
    s.until(20);
    expect(s.generations()).toBe('0#2 v2 ready, 1#2 v2 ready, [retiring 0#1 v1 ready draining]');
    if (what === 'drain') s.tell({ do: 'drain', replica: 1, deadlineMs: 1_000, extend: false });
    else s.tell({ do: 'stop', replica: 1, now: true });
    s.until(25);
    expect(s.seatOf('ann')).toBe('0#1 v1 ready draining');
    s.tell({ do: 'drain', replica: 0, deadlineMs: 1_000, extend: false });
    s.until(27);
    expect(s.seatOf('ann')).toBeNull();
  });
});
