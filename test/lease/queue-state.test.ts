import { describe, expect, it } from 'vitest';
import { dies, diesOf, neverReady } from '../pool/behaviour.ts';
import { READINESS, STARTUP } from '../pool/pool-spec.ts';
import { LeaseScript } from './lease-script.ts';

const probes = { startup: STARTUP, readiness: READINESS };
/** Waits as long as the test does. */
const patient = { patience: { waitMs: 10_000_000 } } as const;

describe('the queue', () => {
  it('is first come, first served within a priority, and the higher priority goes first', () => {
    const s = new LeaseScript().until(2);
    s.acquires('a');
    s.acquire('b', patient);
    s.acquire('c', { ...patient, priority: 7 });
    s.acquire('d', { ...patient, priority: 7 });
    s.acquire('e', { ...patient, priority: 0 });
    expect(s.waiting).toEqual(['c', 'd', 'b', 'e']);
    for (const holder of ['a', 'c', 'd', 'b']) s.releases(holder);
    expect(s.left).toEqual(['c granted', 'd granted', 'b granted', 'e granted']);
    expect(s.trace('ticket').filter((line) => line.includes('promoted'))).toHaveLength(4);
  });

  it('raises who waits by one for each aging, at most to 9, so that nobody starves', () => {
    const s = new LeaseScript().until(2);
    s.acquire('a', { bind: 'connection' });
    s.acquire('b', { ...patient, priority: 0 });
    s.until(2 + 9 * 30 - 0.001);
    s.acquire('c', { ...patient, priority: 9 });
    expect(s.waiting).toEqual(['c', 'b']);
    s.until(2 + 9 * 30);
    s.acquire('d', { ...patient, priority: 9 });
    expect(s.waiting).toEqual(['b', 'c', 'd']);
    s.until(10_000);
    s.acquire('e', { ...patient, priority: 9 });
    expect(s.waiting).toEqual(['b', 'c', 'd', 'e']);
  });

  it('of aging 0 raises nobody', () => {
    const s = new LeaseScript({ queue: { agingMs: 0 } }).until(2);
    s.acquire('a', { bind: 'connection' });
    s.acquire('b', { ...patient, priority: 0 });
    s.until(5_000);
    s.acquire('c', { ...patient, priority: 1 });
    expect(s.waiting).toEqual(['c', 'b']);
  });

  it('has a limit', () => {
    const s = new LeaseScript({ queue: { limit: 2 } }).until(2);
    s.acquires('a');
    const answers = ['b', 'c', 'd'].map((holder) => s.acquire(holder, patient));
    expect(answers.map(({ is }) => is)).toEqual(['queued', 'queued', 'refused']);
    expect(answers[2]).toMatchObject({ refused: { code: 'queue_full', facts: { retryAfterMs: 1_000 } } });
    expect(answers[2]).toMatchObject({ refused: { message: "cannot lease an engine of chat: 2 are waiting, the pool's queue.limit" } });
    s.leave('b');
    expect(s.acquires('e')).toEqual(['queued']);
  });

  it('is left at the timeout, of the pool or of who waits, and not before', () => {
    const s = new LeaseScript().until(2);
    s.acquire('a', { bind: 'connection' });
    s.acquire('b', { patience: { waitMs: 5_000 } });
    s.acquires('c');
    s.watch('c');
    s.until(6.9);
    expect(s.waiting).toEqual(['b', 'c']);
    s.until(7);
    expect(s.left).toEqual(['b queue_timeout']);
    s.until(121.9);
    expect(s.waiting).toEqual(['c']);
    s.until(122);
    expect(s.left).toEqual(['b queue_timeout', 'c queue_timeout']);
  });

  it('is left by who neither watches nor asks for 10 s, and by who says so', () => {
    const s = new LeaseScript().until(2);
    s.acquire('a', { bind: 'connection' });
    expect(s.acquires('b', 'c', 'd', 'e')).toEqual(['queued', 'queued', 'queued', 'queued']);
    s.until(8);
    s.ask({ type: 'ask', ticketId: 't-c' });
    s.watch('d');
    expect([s.leave('e'), s.leave('e')]).toEqual(['done', 'gone']);
    s.until(12);
    expect(s.left).toEqual(['e left', 'b left']);
    s.until(18);
    expect(s.left).toEqual(['e left', 'b left', 'c left']);
    s.watch('d', -1);
    s.until(27.9);
    expect(s.waiting).toEqual(['d']);
    s.until(28);
    expect(s.waiting).toEqual([]);
  });

  it('promotes whenever a slot is free: at a release, an expiry, a revocation, an engine that becomes ready, a resume, a scale', () => {
    const s = new LeaseScript({ replicas: 1 }).until(2);
    s.acquires('a');
    for (const holder of ['b', 'c', 'd', 'e', 'f', 'g']) s.acquire(holder, patient);
    s.releases('a');
    expect(s.seats).toEqual(['b chat/0 slot 0']);
    s.until(32);
    expect(s.seats).toEqual(['c chat/0 slot 0']);
    s.ask({ type: 'revoke', ...s.about(s.held('c')), by: 'ann', reason: null });
    expect(s.seats).toEqual(['d chat/0 slot 0']);
    s.crash(0);
    expect(s.seats).toEqual([]);
    s.until(35);
    expect(s.seats).toEqual(['e chat/0 slot 0']);
    s.pause();
    s.releases('e');
    expect(s.seats).toEqual([]);
    s.resume();
    expect(s.seats).toEqual(['f chat/0 slot 0']);
    s.scale(2);
    s.until(37);
    expect(s.seats).toEqual(['f chat/0 slot 0', 'g chat/1 slot 0']);
  });

  it('gives a promotion that nobody claims to the next after 10 s; who watches has it at once, and its TTL counts from there', () => {
    const s = new LeaseScript().until(2);
    s.acquires('a', 'b');
    s.acquire('c', patient);
    s.until(5);
    s.releases('a');
    expect(s.held('b').lease).toMatchObject({ claimByMs: 15_000, expiresMs: 35_000 });
    s.until(14.9);
    expect(s.seats).toEqual(['b chat/0 slot 0']);
    s.until(15);
    expect(s.end('b')).toMatchObject({ how: 'expired', message: 'nobody claimed the slot of chat/0 within 10000 ms of the promotion' });
    expect(s.held('c').lease).toMatchObject({ claimByMs: null, expiresMs: 45_000 });
  });

  it('takes the first answer that carries a promotion for its claim: a claim, a renewal, an attach', () => {
    const s = new LeaseScript({ slots: 3 }).until(2);
    s.acquires('a', 'b', 'c', 'd', 'e', 'f');
    s.releases('a', 'b', 'c');
    s.ask({ type: 'claim', ...s.about(s.held('d')), token: null });
    s.renew(s.held('e'));
    s.ask({ type: 'attach', ...s.about(s.held('f')) });
    s.until(20);
    expect(s.seats).toEqual(['d chat/0 slot 0', 'e chat/0 slot 1', 'f chat/0 slot 2']);
    s.until(40);
    expect(s.seats).toEqual(['f chat/0 slot 2']);
  });
});

describe('who cannot be served is refused at once', () => {
  it('sequence 16: pool drain, three queued, the only engine dies', () => {
    const s = new LeaseScript().until(2);
    s.acquires('a');
    for (const holder of ['b', 'c', 'd']) s.acquire(holder, patient);
    s.drain();
    expect(s.waiting).toHaveLength(3);
    s.crash(0);
    expect(s.left).toEqual(['b pool_draining', 'c pool_draining', 'd pool_draining']);
    expect(s.ends).toEqual(['a engine_lost']);
  });

  it('by a stop, a shutdown, and when each engine is taken away by hand', () => {
    const ways: [(s: LeaseScript) => void, string][] = [
      [(s) => s.stop(), 'pool_stopped'],
      [(s) => s.send({ type: 'shutdown' }), 'shutting_down'],
      [(s) => s.stop(0), 'pool_stopped'],
      [(s) => s.drain(0), 'pool_draining'],
      [(s) => s.scale(0), 'pool_stopped'],
    ];
    for (const [way, code] of ways) {
      const s = new LeaseScript().until(2);
      s.acquires('a');
      s.acquire('b', patient);
      way(s);
      expect(s.left, code).toEqual([`b ${code}`]);
      expect(s.acquires('c'), code).toEqual([code]);
    }
  });

  it('with what to do where a pool is scaled to none', () => {
    const s = new LeaseScript({ replicas: 0 }).until(2);
    expect(s.acquire('a')).toMatchObject({
      refused: { message: 'cannot lease an engine of chat: it is scaled to 0; poolctl scale chat N starts N engines' },
    });
  });

  it('by a breaker that is open for longer than he would wait, with the time it takes; who waits longer waits', () => {
    const s = new LeaseScript({ breaker: { failureThreshold: 1, openForMs: 60_000 } }, dies(5)).until(2);
    s.acquires('a');
    s.acquire('b', { patience: { waitMs: 40_000 } });
    s.acquire('c', { patience: { waitMs: 100_000 } });
    s.until(5);
    expect(s.left).toEqual(['b breaker_open']);
    expect(s.acquire('d', { patience: 'refuse' })).toMatchObject({ refused: { code: 'breaker_open', facts: { retryAfterMs: 60_000 } } });
    expect(s.acquire('e', { patience: { waitMs: 60_000 } })).toMatchObject({ refused: { code: 'breaker_open' } });
    s.until(67);
    expect(s.seats).toEqual(['c chat/0 slot 0']);
  });

  it('by the breaker of a class as by any other', () => {
    const classes = { gpu: { failureThreshold: 1 } };
    const s = new LeaseScript({ breaker: { openForMs: 60_000, classes } }, diesOf('gpu', 5)).until(5);
    expect(s.acquire('a', { patience: { waitMs: 5_000 } })).toMatchObject({
      refused: { code: 'breaker_open', facts: { retryAfterMs: 60_000 } },
    });
    expect(s.acquire('b', { patience: { waitMs: 100_000 } }).is).toBe('queued');
    s.until(67);
    expect(s.seats).toEqual(['b chat/0 slot 0']);
  });

  it('by an engine that has failed for good, with its last words', () => {
    const s = new LeaseScript({ restart: 'never' }, dies()).until(2);
    const answer = s.acquire('a');
    expect(answer).toMatchObject({ refused: { code: 'pool_failed' } });
    expect(JSON.stringify(answer)).toContain('nothing is ready and no start is coming: chat/0: ended with exit code 1');
  });

  it('but waits for a start that is under way', () => {
    const s = new LeaseScript({ probes }, neverReady).until(30);
    expect(s.acquire('a', { patience: 'refuse' })).toMatchObject({ refused: { code: 'no_ready_engine' } });
    expect(s.acquires('b')).toEqual(['queued']);
  });
});
