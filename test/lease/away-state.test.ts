import { describe, expect, it } from 'vitest';
import { LeaseScript } from './lease-script.ts';

const patient = { patience: { waitMs: 10_000_000 } } as const;

describe('a pause', () => {
  it('of a pool takes no new leases and promotes nobody, and leaves what is held', () => {
    const s = new LeaseScript({ slots: 2 }).until(2);
    s.acquires('a', 'b');
    s.acquire('c', patient);
    expect(s.outcome(s.pause())).toBe('paused');
    expect(s.outcome(s.pause())).toBe('already');
    s.releases('a');
    expect([s.seats, s.waiting]).toEqual([['b chat/0 slot 1'], ['c']]);
    expect(s.acquires('d')).toEqual(['pool_paused']);
    expect(s.view()).toMatchObject({ state: 'paused', reason: 'paused', ready: false, slotsFree: 0 });
    expect(s.view().message).toBe('paused by ann at 2026-11-20T10:00:02.000Z; poolctl resume chat goes on');
    s.daemonDies().again();
    expect(s.view().state).toBe('paused');
    expect(s.outcome(s.resume())).toBe('resumed');
    expect(s.outcome(s.resume())).toBe('already');
    expect(s.view().overrides).toEqual([]);
  });

  it('says so before it says that an engine is missing', () => {
    const s = new LeaseScript({ replicas: 2, restart: 'never' }).until(2);
    s.pause();
    s.crash(0, { code: 1 });
    s.until(5);
    expect(s.view()).toMatchObject({ state: 'paused', reason: 'paused' });
  });

  it('of an engine leaves the others', () => {
    const s = new LeaseScript({ replicas: 2 }).until(2);
    s.pause(0);
    expect(s.acquires('a', 'b')).toEqual(['granted chat/1.1 slot 0', 'queued']);
    expect(s.viewOf(0)).toMatchObject({
      state: 'ready',
      reason: 'paused',
      message: 'paused by ann at 2026-11-20T10:00:02.000Z; poolctl resume chat/0',
    });
    s.resume(0);
    expect(s.seats).toEqual(['b chat/0 slot 0', 'a chat/1 slot 0']);
  });
});

describe('a stop', () => {
  it('drains with the deadline of the pool, and lets nobody wait', () => {
    const s = new LeaseScript({ drain: { deadlineMs: 20_000 } }).until(2);
    s.acquire('a', { ttlMs: 600_000 });
    s.acquire('b', patient);
    const id = s.stop();
    expect(s.left).toEqual(['b pool_stopped']);
    s.until(21.9);
    expect(s.ends).toEqual([]);
    s.until(23);
    expect([s.ends, s.outcome(id)]).toEqual([['a forced'], 'forced']);
  });

  it('takes a drain over, and a start takes it back', () => {
    const s = new LeaseScript().until(2);
    s.acquires('a');
    s.drain(null, 300);
    s.stop();
    expect(s.viewOf(0).reason).toBe('pool_stopped');
    s.start();
    expect(s.states()).toBe('ready');
    expect(s.acquires('b')).toEqual(['queued']);
  });

  it('now revokes', () => {
    const s = new LeaseScript().until(2);
    s.acquires('a');
    const id = s.stopNow();
    expect(s.end('a')).toMatchObject({ how: 'revoked', message: 'chat/0 was stopped at once' });
    s.until(3);
    expect(s.outcome(id)).toBe('forced');
  });
});

describe('a shutdown', () => {
  it('waits for leases as long as the pool would, and at most 90 s; no drain that was begun has more', () => {
    const s = new LeaseScript({ replicas: 2, drain: { deadlineMs: 600_000 } }).until(2);
    s.acquire('a', { ttlMs: 3_000_000 });
    s.acquire('b', { ttlMs: 3_000_000 });
    s.drain(0, 3_000);
    s.send({ type: 'shutdown' });
    expect(s.viewOf(1).reason).toBe('shutting_down');
    s.until(91.9);
    expect(s.ends).toEqual([]);
    s.until(93);
    expect([s.ends, s.states()]).toEqual([['a forced', 'b forced'], 'stopped stopped']);
  });

  it('in the middle of a rolling restart cuts what the reload would have spared', () => {
    const s = new LeaseScript({ reload: { strategy: 'rolling', maxSurge: 0, maxUnavailable: 1 }, drain: { deadlineMs: 50_000 } }).until(2);
    s.acquire('a', { ttlMs: 3_000_000 });
    s.tell({ do: 'restart', replica: null, now: false });
    expect(s.states()).toBe('draining');
    s.send({ type: 'shutdown' });
    s.until(53);
    expect([s.ends, s.states()]).toEqual([['a forced'], 'stopped']);
  });
});

describe('a scale-down', () => {
  it('takes the engines with the fewest leases, of these the highest, by a drain; they come back when they are wanted again', () => {
    const s = new LeaseScript({ replicas: 4, slots: 2 }).until(2);
    s.acquires('a', 'b', 'c', 'd', 'e');
    s.releases('c', 'd');
    const id = s.scale(2);
    // chat/0 has two, chat/1 one, chat/2 and chat/3 none.
    s.until(4);
    expect([s.outcome(id), s.states()]).toEqual(['scaled', 'ready ready']);
    s.scale(1);
    expect(s.viewOf(1)).toMatchObject({ state: 'draining', reason: 'scaled_down' });
    const back = s.scale(2);
    expect(s.viewOf(1).state).toBe('ready');
    s.until(6);
    expect([s.outcome(back), s.ends]).toEqual(['scaled', ['c released', 'd released']]);
    expect(s.spawnedAt(1)).toHaveLength(1);
  });

  it('need not take the last ones: the members are shown, stored, and fill up from below', () => {
    const s = new LeaseScript({ replicas: 3 }).until(2);
    s.acquires('a', 'b', 'c');
    s.releases('a');
    s.scale(2);
    s.until(4);
    expect(s.view().engines.map(({ id }) => id)).toEqual(['chat/1', 'chat/2']);
    s.daemonDies().again();
    s.until(8);
    expect(s.view().engines.map(({ id, state }) => `${id} ${state}`)).toEqual(['chat/1 ready', 'chat/2 ready']);
    expect(s.refused({ do: 'stop', replica: 0, now: false })).toMatchObject({
      message: 'cannot stop chat/0: the pool has the replicas 1, 2',
    });
    s.scale(3);
    s.until(10);
    expect(s.states()).toBe('ready ready ready');
    expect(s.viewOf(0).generation).toBe(2);
  });
});

describe('explain', () => {
  it('tells who drains, pauses and waits', () => {
    const s = new LeaseScript({ replicas: 2 }).until(2);
    s.acquires('a');
    s.pause(1);
    s.drain(null, 60);
    s.scale(3);
    expect(s.explained('drain', 'pause', 'scale', 'leases', 'queue')).toEqual([
      'chat drain: drain by ann: those who wait are served first; ends when nobody uses it any more, in 1m at the latest: then whoever still uses it is cut',
      'chat scale: to 3 by ann waits until this is over',
      'chat leases: 1 held',
      'chat queue: 0 of 1000 waiting',
      'chat/0 leases: 1 of 1 slot leased',
      'chat/0 drain: takes no new leases; ends when nobody uses it any more, in 1m at the latest: then whoever still uses it is cut',
      'chat/1 leases: 0 of 1 slot leased',
      'chat/1 pause: paused by ann at 2026-11-20T10:00:02.000Z',
    ]);
  });
});
