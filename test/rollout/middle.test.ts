import { describe, expect, it } from 'vitest';
import { dies, ignoresTerm, serves, unkillable } from '../pool/behaviour.ts';
import { IN_USE, READINESS } from '../pool/pool-spec.ts';
import { Reloads } from './reloads.ts';

const DEVICES = { engine: { devices: ['0', '1', '2'] }, reload: { maxSurge: 0, maxUnavailable: 1 } };

describe('a drain before the commit that runs out', () => {
  it('calls the reload off, and the original serves on (in its place)', () => {
    const s = new Reloads({ replicas: 2, ...DEVICES }).until(5);
    s.lease('ann');
    const id = s.reload();
    s.lease('bob');
    s.until(34.9);
    expect(s.generations()).toBe('0#1 v1 ready draining, 1#1 v1 ready');
    s.until(35);
    expect(s.operation(id)).toMatchObject({ state: 'failed', outcome: 'rolled_back', error: { code: 'drain_timeout' } });
    expect(s.operation(id).error?.message).toBe(
      'cannot reload chat: chat/0 was still in use at the deadline of its drain: leases are held by ann; --cut-leases would have cut them',
    );
    expect(s.generations()).toBe('0#1 v1 ready, 1#1 v1 ready');
    expect(s.seatOf('ann')).toBe('0#1 v1 ready');
    expect(s.spawns).toHaveLength(2);
    expect(s.leftovers()).toEqual([]);
  });

  it('is taken back where the new one has already taken over (surge)', () => {
    const s = new Reloads({ replicas: 2 }).until(5);
    s.lease('ann');
    const id = s.reload({ strategy: 'rolling' });
    s.until(20);
    expect(s.generations()).toBe('0#2 v2 ready, 1#1 v1 ready, [retiring 0#1 v1 ready draining]');
    s.lease('bob');
    s.lease('cyd');
    expect(s.seatOf('cyd')).toBe('1#1 v1 ready');
    const before = s.effects.length;
    s.until(41);
    expect(s.generations()).toBe('0#1 v1 ready, 1#1 v1 ready, [retiring 0#2 v2 ready draining]');
    expect(s.seatOf('bob')).toBe('0#2 v2 ready draining');
    expect(s.seatOf('ann')).toBe('0#1 v1 ready');
    const handoffs = s.effects.slice(before).flatMap((effect) => (effect.do === 'writeHandoff' ? [effect.ref.generation] : []));
    expect(handoffs).toEqual([1]);
    expect(s.outcome(id)).toBe('running');
    s.release('bob').until(50);
    expect(s.operation(id)).toMatchObject({ outcome: 'rolled_back', error: { code: 'drain_timeout' } });
    // A number is never given out twice.
    s.crash(0).until(60);
    expect(s.generations()).toBe('0#3 v1 ready, 1#1 v1 ready');
    expect(s.leftovers()).toEqual([]);
  });

  it('cuts the leases where it was told to', () => {
    const s = new Reloads(DEVICES).until(5);
    s.lease('ann');
    const id = s.reload({ cutLeases: true, deadlineMs: 3_000 });
    s.until(30);
    expect(s.operation(id)).toMatchObject({ outcome: 'forced', state: 'succeeded' });
    expect(s.trace('lease.forced')).toEqual(['8s lease.forced chat/0']);
    expect(s.generations()).toBe('0#2 v2 ready');
  });

  it('counts users that only the busy gauge sees', () => {
    const s = new Reloads({ ...DEVICES, inUse: IN_USE }).until(5);
    const id = s.reload({ deadlineMs: 3_000 });
    s.send({ type: 'probed', replica: 0, generation: 1, result: { kind: 'inUse', ok: true, message: '2', value: 2 } as never });
    s.until(20);
    expect(s.operation(id).error).toMatchObject({ code: 'drain_timeout' });
    expect(s.generations()).toBe('0#1 v1 ready');
  });
});

describe('an old engine that dies', () => {
  it('while its replacement soaks is restarted by the old spec (sequence 30), and replaced all the same', () => {
    const s = new Reloads().until(5);
    const id = s.reload({ strategy: 'rolling' });
    s.until(7).crash(0, { signal: 'SIGSEGV' }, 1);
    s.until(9.5);
    expect(s.generations()).toBe('0#3 v1 ready, [candidate 0#2 v2 ready]');
    expect(s.view()).toMatchObject({ crashCount: 1 });
    s.lease('ann');
    s.until(11);
    expect(s.generations()).toBe('0#2 v2 ready, [retiring 0#3 v1 ready draining]');
    s.until(12).release('ann').until(20);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.leftovers()).toEqual([]);
  });

  it('and is used again at the deadline of its drain calls the reload off as any other', () => {
    const s = new Reloads().until(5);
    const id = s.reload({ strategy: 'rolling' });
    s.until(7).crash(0, { signal: 'SIGSEGV' }, 1).until(10);
    s.lease('ann');
    s.until(60);
    expect(s.operation(id)).toMatchObject({ outcome: 'rolled_back', error: { code: 'drain_timeout' } });
    expect(s.generations()).toBe('0#3 v1 ready');
    expect(s.leftovers()).toEqual([]);
  });

  it('in its drain is just gone', () => {
    const s = new Reloads().until(5);
    s.lease('ann');
    const id = s.reload();
    s.until(15).crash(0, { signal: 'SIGSEGV' }, 1).until(20);
    expect(s.outcome(id)).toBe('reloaded');
    expect(s.trace('lease.engine_lost')).toEqual(['15s lease.engine_lost chat/0']);
    expect(s.view()).toMatchObject({ crashCount: 0, state: 'running' });
  });

  it('together with the new one is restarted by the old spec', () => {
    const s = new Reloads().until(5);
    const id = s.reload();
    s.until(8).crash(0, { signal: 'SIGSEGV' }, 1).crash(0, { signal: 'SIGSEGV' }, 2).until(30);
    expect(s.outcome(id)).toBe('rolled_back');
    expect(s.generations()).toBe('0#3 v1 ready');
    expect(s.leftovers()).toEqual([]);
  });

  it('in its place, and does not start any more: failed, and both reasons', () => {
    const s = new Reloads({ ...DEVICES, restart: 'never' }).until(5);
    s.version('v2', dies()).version('v1', dies(0.4));
    const id = s.reload();
    s.until(60);
    expect(s.view().state).toBe('failed');
    expect(s.operation(id).error?.message).toBe(
      'cannot reload chat: the new chat/0 failed: ended with exit code 1 before it was ready: last words; and on the way back chat/0 did not serve: ended with exit code 1 before it was ready: last words',
    );
    expect(s.view().lastError).toContain('and on the way back');
    expect(s.leftovers()).toEqual([]);
  });
});

describe('what KILL does not end', () => {
  it('of the old engines is left to itself: the new ones serve, and the reload was forced', () => {
    const s = new Reloads({ replicas: 2 }).engine(0, unkillable).version('v2', serves).version('v3', serves).until(5);
    const id = s.reload();
    s.until(60);
    expect(s.outcome(id)).toBe('forced');
    expect(s.generations()).toBe('0#2 v2 ready, 1#2 v2 ready, [retiring 0#1 v1 stuck draining]');
    // Its side is taken: no second one is started there.
    const again = s.reload({ version: 'v3' });
    s.until(100);
    expect(s.operation(again)).toMatchObject({ outcome: 'rolled_back', error: { code: 'conflict' } });
    expect(s.operation(again).error?.message).toContain('poolctl reset chat --forget');
    s.vanish(0, 1).until(110);
    const third = s.reload({ version: 'v3' });
    s.until(150);
    expect(s.outcome(third)).toBe('reloaded');
    expect(s.leftovers()).toEqual([]);
  });

  it('of a candidate in the old one’s place has the place: nothing is started beside it until it is gone', () => {
    const s = new Reloads(DEVICES).until(5);
    s.version('v2', { ...unkillable, readyS: 0.5 });
    const id = s.reload();
    s.until(7).cancel(id);
    s.until(60);
    expect(s.operation(id)).toMatchObject({ state: 'cancelled', outcome: 'cancelled' });
    expect(s.operation(id).error?.message).toContain('it was killed and is still there');
    expect(s.generations()).toBe('0#2 v2 stuck');
    expect(s.view().engines).toMatchObject([{ state: 'stuck', role: 'serving' }]);
    s.vanish(0).until(70);
    expect(s.generations()).toBe('0#3 v1 ready');
    expect(s.leftovers()).toEqual([]);
  });

  it('of a candidate beside the old one is left to itself, and its late end fails no later reload', () => {
    const s = new Reloads({ replicas: 2 }).until(5);
    s.version('v2', { ...unkillable, readyS: 0.5 }, serves);
    const id = s.reload({ strategy: 'rolling' });
    s.until(7).cancel(id).until(60);
    expect(s.outcome(id)).toBe('cancelled');
    expect(s.generations()).toBe('0#1 v1 ready, 1#1 v1 ready, [candidate 0#2 v2 stuck]');
    const later = s.restartSoftly(1);
    s.pass(1).vanish(0, 2).pass(60);
    expect(s.outcome(later)).toBe('restarted');
    expect(s.leftovers()).toEqual([]);
  });

  it('an old one that ignores TERM is killed: forced', () => {
    const s = new Reloads().engine(0, ignoresTerm).version('v2', serves).until(5);
    const id = s.reload();
    s.until(60);
    expect(s.outcome(id)).toBe('forced');
  });
});

describe('an engine of the old spec that is coming back', () => {
  const goingBack = (): Reloads => {
    const s = new Reloads({ replicas: 2, probes: { readiness: READINESS } }).until(5);
    s.version('v2', serves, dies()).version('v1', { readyS: 30 });
    s.reload({ strategy: 'rolling' });
    s.until(15);
    expect(s.generations()).toBe('0#2 v2 ready, 1#1 v1 ready, [candidate 0#3 v1 starting]');
    return s;
  };

  it('goes at once when its pool is stopped: nobody waits until it is ready', () => {
    const s = goingBack();
    s.tell({ do: 'stop', replica: null, now: false });
    expect(s.pass(1).view().state).toBe('stopped');
    expect(s.leftovers()).toEqual([]);
  });

  it('goes at once when its replica is drained, and leases nothing to those who come later', () => {
    const s = goingBack();
    s.lease('ann');
    s.lease('bob');
    s.tell({ do: 'drain', replica: 0, deadlineMs: 60_000, extend: false });
    s.lease('cid');
    s.pass(50);
    expect(s.generations()).toBe('0#2 v2 ready draining, 1#1 v1 ready');
    expect(s.pass(100).view()).toMatchObject({ engines: [{ state: 'stopped' }, { state: 'ready' }] });
  });
});

describe('a replaced engine that has failed since', () => {
  it('is started by the old spec when the reload goes back, past its back-off', () => {
    const s = new Reloads({ replicas: 3, backoff: { delayMs: 30_000 } }).until(5);
    s.version('v2', dies(9), serves, dies(0.2));
    const id = s.reload({ strategy: 'rolling' });
    s.until(60);
    expect(s.outcome(id)).toBe('rolled_back');
    expect(s.generations()).toMatch(/^0#\d v1 ready, 1#\d v1 ready, 2#1 v1 ready$/);
    expect(s.leftovers()).toEqual([]);
  });

  it('and lives again by the new one has a clean record then: what that has done to it says nothing about the old one', () => {
    const s = new Reloads({ replicas: 2 }).until(5);
    const id = s.reload({ strategy: 'rolling' });
    while (s.state.engines[0]?.specId === null && s.nowMs < 60_000) s.pass(0.1);
    const failed = { row: 2, backoffRow: 3, blockedRow: 1 };
    s.state = { ...s.state, engines: s.state.engines.map((engine) => (engine.replica === 0 ? { ...engine, ...failed } : engine)) };
    s.send({ type: 'cancel', operationId: id, stamp: { by: 'ann', atMs: 0, reason: null } });
    expect(s.state.rollout?.step).toBe('back');
    expect(s.state.engines[0]).toMatchObject({ phase: { is: 'ready' }, specId: null, row: 0, backoffRow: 0, blockedRow: 0 });
  });
});

describe('a start that was asked for while a reload tries a candidate', () => {
  it('is over when that takes over, although its generation was begun before', () => {
    const s = new Reloads().until(5);
    s.reload({ strategy: 'rolling' });
    s.pass(1);
    const stamp = { by: 'ann', atMs: 0, reason: null };
    const start = { id: 'op9', kind: 'start', stamp, steps: [], starts: [{ replica: 0, after: 9 }], stops: [], forced: false } as const;
    s.state = { ...s.state, operations: [...s.state.operations, start] };
    s.until(60);
    expect(s.outcome('op9')).toBe('started');
  });
});

describe('an open breaker', () => {
  it('keeps no engine away that a failed reload has ended, and nobody is refused meanwhile', () => {
    const s = new Reloads({ ...DEVICES, replicas: 2, storm: { count: 1 }, backoff: { delayMs: 100 } }).engine(1, dies(3)).until(5);
    s.version('v1', serves).version('v2', dies(3));
    expect(s.view()).toMatchObject({ breaker: { state: 'open' } });
    s.tell({ do: 'stop', replica: 1, now: true });
    s.until(6);
    const id = s.reload({ strategy: 'recreate' });
    expect(s.ask('bob', 60_000).is).toBe('queued');
    s.until(7);
    expect(s.view().queueDepth).toBe(1);
    s.until(30);
    expect(s.operation(id)).toMatchObject({ outcome: 'rolled_back' });
    expect(s.generations()).toMatch(/^0#3 v1 ready/);
    expect(s.seatOf('bob')).toBe('0#3 v1 ready');
    expect(s.view().breaker.state).toBe('open');
    expect(s.leftovers()).toEqual([]);
  });
});
