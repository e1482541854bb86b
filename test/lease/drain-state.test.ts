import { describe, expect, it } from 'vitest';
import { ignoresTerm, neverReady, unkillable } from '../pool/behaviour.ts';
import { IN_USE, STARTUP } from '../pool/pool-spec.ts';
import { LeaseScript } from './lease-script.ts';

const patient = { patience: { waitMs: 10_000_000 } } as const;
/** Of how the pool's drains began and ended. */
const DRAINS = ['drain.started', 'drain.finished', 'drain.forced', 'operation'] as const;

describe('the drain of a pool', () => {
  it('serves those who wait in their order, refuses newcomers with what it is, and ends when nobody is left', () => {
    const s = new LeaseScript().until(2);
    s.acquires('a');
    s.acquire('b', patient);
    s.acquire('c', { ...patient, priority: 9 });
    s.trace();
    const id = s.drain(null, 300);
    expect(s.acquire('d')).toMatchObject({
      refused: {
        code: 'pool_draining',
        message: 'cannot lease an engine of chat: it is draining',
        facts: {
          reason: 'MAINTENANCE',
          maintenance: { type: 'drain', allowsQueueProcessing: true, acceptsNewConnections: false },
          retryAfterMs: 300_000,
        },
      },
    });
    expect(s.view()).toMatchObject({ state: 'draining', draining: true, ready: false, queueDepth: 2 });
    expect(s.view().message).toBe(
      'drained by ann at 2026-11-20T10:00:02.000Z; 1 lease is held, 2 are waiting and still served; at most 5m until they are cut',
    );
    s.releases('a');
    expect(s.seats).toEqual(['c chat/0 slot 0']);
    s.releases('c');
    expect(s.seats).toEqual(['b chat/0 slot 0']);
    expect(s.outcome(id)).toBe('running');
    s.releases('b');
    expect(s.states()).toBe('stopping');
    s.until(3);
    expect(s.outcome(id)).toBe('drained');
    expect(s.trace(...DRAINS)).toEqual(['2s drain.started drain', '2.1s drain.finished drained', '2.1s operation.finished drain drained']);
    expect(s.view()).toMatchObject({ state: 'drained', reason: 'drained' });
    expect(s.acquires('e')).toEqual(['pool_draining']);
  });

  it('tells each holder once of each deadline, and of each lease less', () => {
    const s = new LeaseScript({ replicas: 2 }).until(2);
    s.acquires('a', 'b');
    s.drain();
    s.renew(s.held('a'));
    s.drain(null, 20);
    s.drain(null, 25);
    s.releases('a', 'b');
    const told = s.happenings.filter(({ type }) => type === 'lease.draining' || type === 'drain.progress');
    expect(told.map(({ type, facts }) => `${type} ${facts.holder ?? facts.leases}`)).toEqual([
      'lease.draining a',
      'lease.draining b',
      // The second drain has brought the deadline nearer.
      'drain.progress 2',
      'lease.draining a',
      'lease.draining b',
      // The third changes nothing.
      'drain.progress 2',
      'drain.progress 1',
      'drain.progress 0',
    ]);
    expect(told.slice(2, 5).map(({ facts }) => facts.deadlineAt)).toEqual(Array(3).fill('2026-11-20T10:00:22.000Z'));
  });

  it('cuts at the deadline, never before it: the holder is told, and TERM goes out with it', () => {
    const s = new LeaseScript().until(2);
    s.acquire('a', { ttlMs: 600_000 });
    const id = s.drain(null, 10);
    s.until(11.999);
    expect([s.ends, s.states()]).toEqual([[], 'draining']);
    s.until(12);
    expect(s.end('a')).toMatchObject({ how: 'forced', message: 'chat/0 was drained, and its deadline has come', heldMs: 10_000 });
    expect(s.trace('terminate', 'drain.forced', 'lease.forced')).toEqual([
      '12s lease.forced chat/0',
      '12s drain.forced chat/0',
      '12s terminate chat/0',
    ]);
    s.until(13);
    expect(s.outcome(id)).toBe('forced');
    expect(s.operation(id).steps.map(({ text }) => text)).toContain('cut a, who had held chat/0 for 10 s');
  });

  it('sequence 17: promotion, renewal and deadline in one tick: nobody has anything at the deadline', () => {
    const s = new LeaseScript({ slots: 2 }).until(2);
    s.acquires('a', 'b');
    s.acquire('c', patient);
    s.drain(null, 10);
    const [a, b] = [s.held('a'), s.held('b')];
    s.until(11.999);
    s.nowMs = 12_000;
    expect([s.release(a), s.renew(b)]).toEqual(['gone', 'gone']);
    expect(s.left).toEqual(['c pool_draining']);
    expect(s.ends).toEqual(['a forced', 'b forced']);
  });

  it('a second time takes the shorter deadline, unless it may be longer', () => {
    const deadline = (s: LeaseScript) => s.view().message?.match(/at most (\S+)/)?.[1];
    const s = new LeaseScript().until(2);
    s.acquire('a', { ttlMs: 3_000_000 });
    s.drain(null, 100);
    s.drain(null, 200);
    expect(deadline(s)).toBe('1m40s');
    s.drain(null, 50);
    expect(deadline(s)).toBe('50s');
    s.drain(null, 300, true);
    expect(deadline(s)).toBe('5m');
    s.until(301.9);
    expect(s.ends).toEqual([]);
    s.until(302);
    expect(s.ends).toEqual(['a forced']);
    expect(s.trace('drain.started', 'drain.finished').filter((line) => line.includes('drain.started'))).toHaveLength(1);
  });

  it('sequence 18: of two engines, one stopped already, is taken back: that one starts, the other goes on', () => {
    const s = new LeaseScript({ replicas: 2 }).until(2);
    s.acquires('a', 'b');
    const drain = s.drain();
    s.releases('a');
    s.until(3);
    expect(s.states()).toBe('stopped draining');
    s.trace();
    const id = s.resume();
    expect(s.outcome(drain)).toBe('cancelled');
    s.until(5);
    expect(s.outcome(id)).toBe('resumed');
    expect(s.states()).toBe('ready ready');
    expect([s.spawnedAt(0).length, s.spawnedAt(1).length, s.ends]).toEqual([2, 1, ['a released']]);
    expect(s.trace(...DRAINS)).toEqual(
      ['3s drain.finished cancelled', '3s operation.finished drain cancelled', '5s operation.finished resume resumed'].map((line) =>
        expect.stringContaining(line.split(' ').slice(1).join(' ')),
      ),
    );
    // The holder that stayed is told again by the next one.
    s.drain();
    expect(s.happenings.filter(({ type, facts }) => type === 'lease.draining' && facts.lease === 'b')).toHaveLength(2);
  });

  it('is taken back while its engines are stopping: they end, and start again', () => {
    const s = new LeaseScript({ replicas: 2 }).until(2);
    const drain = s.drain();
    expect(s.states()).toBe('stopping stopping');
    const id = s.resume();
    s.until(5);
    expect([s.outcome(drain), s.outcome(id), s.states()]).toEqual(['cancelled', 'resumed', 'ready ready']);
    expect(s.acquires('a')).toEqual(['granted chat/0.2 slot 0']);
  });

  it('while it starts cancels the start; of an empty pool it is over at once', () => {
    const s = new LeaseScript({ probes: { startup: STARTUP } }, neverReady).until(2);
    const starting = s.start();
    const id = s.drain();
    expect(s.outcome(starting)).toBe('cancelled');
    s.until(3);
    expect([s.outcome(id), s.view().state]).toEqual(['drained', 'drained']);
    expect(s.outcome(s.drain())).toBe('drained');
    s.until(100);
    expect(s.spawns).toHaveLength(1);
    s.resume();
    s.until(102);
    expect(s.states()).toBe('ready');
  });

  it('is waited for by a scale and a reload, which act in the turn in which it ends', () => {
    const s = new LeaseScript({ replicas: 2 }).until(2);
    s.acquires('a');
    s.drain(null, 60);
    const scaled = s.scale(3);
    expect(s.view().replicas).toBe(2);
    s.resume();
    expect(s.view().replicas).toBe(3);
    s.until(5);
    expect([s.outcome(scaled), s.states()]).toEqual(['scaled', 'ready ready ready']);
  });

  it('of a start is refused, and named what takes it back', () => {
    const s = new LeaseScript().until(2);
    s.acquires('a');
    s.drain();
    expect(s.refused({ do: 'start', replica: null })).toMatchObject({
      code: 'pool_draining',
      message: 'cannot start chat: it is draining; poolctl resume chat takes the drain back',
      facts: {
        reason: 'MAINTENANCE',
        maintenance: { type: 'drain', allowsQueueProcessing: true, acceptsNewConnections: false },
        retryAfterMs: 30_000,
      },
    });
    s.releases('a');
    s.until(3);
    expect(s.acquire('b')).toMatchObject({
      refused: { code: 'pool_draining', facts: { maintenance: { allowsQueueProcessing: false }, retryAfterMs: 5_000 } },
    });
  });

  it('waits for the busy gauge, by an answer that came after it had begun; after three questions without one only for leases', () => {
    const s = new LeaseScript({ inUse: IN_USE }).until(2);
    s.probe(0, 'inUse', true, { busy: 0 });
    const id = s.drain(null, 100);
    expect(s.effects.filter((effect) => effect.do === 'askInUse')).toHaveLength(1);
    // What it had said before does not count, nor does a question that was not answered.
    s.probe(0, 'inUse', false);
    expect(s.states()).toBe('draining');
    s.probe(0, 'inUse', true, { busy: 2 });
    expect(s.view().message).toContain('0 leases are held, busy gauges say 2; at most 1m40s until they are cut');
    expect(s.viewOf(0).message).toContain('its busy gauge says 2');
    s.probe(0, 'inUse', false).probe(0, 'inUse', false);
    expect(s.states()).toBe('draining');
    s.probe(0, 'inUse', false);
    expect(s.states()).toBe('stopping');
    s.until(3);
    expect(s.outcome(id)).toBe('drained');
  });

  it('ends when the gauge says that nobody is there, and cuts at the deadline who is', () => {
    const s = new LeaseScript({ inUse: IN_USE }).until(2);
    s.drain(null, 100);
    s.probe(0, 'inUse', true, { busy: 1 });
    s.probe(0, 'inUse', true, { busy: 0 });
    expect(s.states()).toBe('stopping');
    const cut = new LeaseScript({ inUse: IN_USE }).until(2);
    const id = cut.drain(null, 100);
    cut.probe(0, 'inUse', true, { busy: 1 });
    cut.until(101.9);
    expect(cut.states()).toBe('draining');
    cut.until(103);
    expect(cut.outcome(id)).toBe('forced');
  });

  it('sequence 21: goes on over a death of the daemon, and whose deadline has passed meanwhile is forced first thing', () => {
    const s = new LeaseScript().until(2);
    s.acquires('a');
    s.drain(null, 30);
    s.until(5).daemonDies().until(20).again();
    expect(s.view().message).toContain('at most 12s until they are cut');
    s.daemonDies().until(60).daemonStarts();
    expect(s.ends).toEqual(['a forced']);
    s.until(61);
    expect(s.view().state).toBe('drained');
  });

  it('is over with a reboot', () => {
    const s = new LeaseScript().until(2);
    s.acquires('a');
    const id = s.drain(null, 3_000);
    s.until(5).reboots().until(6);
    expect([s.view().state, s.outcome(id)]).toEqual(['drained', 'drained']);
    expect(s.trace('drain').at(-1)).toContain('drain.finished drained');
  });

  it('does not wait for ever for a stuck engine', () => {
    const s = new LeaseScript({ replicas: 2 }, unkillable).until(2);
    const id = s.drain();
    s.scale(1);
    s.until(30);
    expect(s.operation(id)).toMatchObject({ state: 'failed', error: { code: 'conflict' } });
    expect(s.view()).toMatchObject({ state: 'draining', replicas: 1 });
    expect(s.trace('drain.finished')).toEqual([expect.stringContaining('drain.finished forced')]);
  });

  it('gives KILL at stop.timeout to what ignores TERM after its last lease', () => {
    const s = new LeaseScript({}, ignoresTerm).until(2);
    s.acquires('a');
    s.drain(null, 600);
    s.releases('a');
    s.until(6.9);
    expect(s.trace('kill')).toEqual([]);
    expect(s.until(7).trace('kill')).toEqual(['7s kill chat/0']);
  });
});

describe('the drain of an engine', () => {
  it('sequence 19: gives nothing more to it, replaces it by none, and leaves it so after a scale', () => {
    const s = new LeaseScript({ replicas: 2, slots: 2 }).until(2);
    s.acquires('a', 'b');
    s.trace();
    const id = s.drain(0, 60);
    expect(s.acquires('c', 'd')).toEqual(['granted chat/1.1 slot 1', 'queued']);
    expect(s.view()).toMatchObject({ state: 'degraded', draining: false });
    s.releases('a');
    s.until(4);
    expect([s.outcome(id), s.states()]).toEqual(['drained', 'stopped ready']);
    expect(s.trace(...DRAINS)).toEqual([
      '2s drain.started chat/0 engine',
      '2.1s drain.finished chat/0 drained',
      '2.1s operation.finished drain drained',
    ]);
    expect(s.view()).toMatchObject({
      state: 'degraded',
      reason: 'drained',
      message: '1 of 2 ready; chat/0: drained by ann at 2026-11-20T10:00:02.000Z',
    });
    s.scale(3);
    s.until(6);
    expect(s.states()).toBe('stopped ready ready');
    s.resume(0);
    s.until(8);
    expect(s.states()).toBe('ready ready ready');
  });

  it('has an end of its own also when it crashes, is cut, or is taken back', () => {
    const ways: [(s: LeaseScript) => void, string][] = [
      [(s) => s.crash(0).until(4), 'drained'],
      [(s) => s.until(70), 'forced'],
      [(s) => s.resume(0), 'cancelled'],
      [(s) => s.drain().toString() && s.until(100), 'forced'],
    ];
    for (const [way, outcome] of ways) {
      const s = new LeaseScript({ replicas: 2 }).until(2);
      s.acquire('a', { ttlMs: 600_000 });
      s.drain(0, 60);
      s.trace();
      way(s);
      expect(
        s.trace('drain.finished').filter((line) => line.includes('chat/0')),
        outcome,
      ).toEqual([expect.stringContaining(`drain.finished chat/0 ${outcome}`)]);
    }
  });

  it('is cancelled alone while the pool is drained too', () => {
    const s = new LeaseScript({ replicas: 2 }).until(2);
    s.acquire('a', { ttlMs: 600_000 });
    s.acquire('b', { ttlMs: 600_000 });
    const one = s.drain(0, 60);
    s.until(3);
    const all = s.drain(null, 60);
    s.send({ type: 'cancel', operationId: one, stamp: { by: 'bob', atMs: 0, reason: null } });
    expect([s.outcome(one), s.outcome(all)]).toEqual(['cancelled', 'running']);
    expect(s.view()).toMatchObject({ state: 'draining' });
    s.send({ type: 'cancel', operationId: all, stamp: { by: 'bob', atMs: 0, reason: null } });
    expect([s.outcome(all), s.states()]).toEqual(['cancelled', 'ready ready']);
  });
});
