import { describe, expect, it } from 'vitest';
import { unkillable } from '../pool/behaviour.ts';
import { LIVENESS, READINESS, STARTUP } from '../pool/pool-spec.ts';
import { LeaseScript } from './lease-script.ts';

describe('a grant', () => {
  it('goes to the least loaded ready engine, into its lowest slot', () => {
    const s = new LeaseScript({ replicas: 2, slots: 2 }).until(2);
    expect(s.acquires('a', 'b', 'c', 'd', 'e')).toEqual([
      'granted chat/0.1 slot 0',
      'granted chat/1.1 slot 0',
      'granted chat/0.1 slot 1',
      'granted chat/1.1 slot 1',
      'queued',
    ]);
    s.leave('e');
    s.releases('a', 'b', 'd');
    expect(s.acquires('f', 'g', 'h')).toEqual(['granted chat/1.1 slot 0', 'granted chat/0.1 slot 0', 'granted chat/1.1 slot 1']);
    expect(s.view()).toMatchObject({ activeLeases: 4, slotsFree: 0, slotsTotal: 4 });
  });

  it('has a token that sorts behind all before it, over a start of the daemon too', () => {
    const s = new LeaseScript({ slots: 20 }).until(2);
    const tokens = Array.from({ length: 12 }, (_, at) => s.acquire(`a${at}`)).map((answer) =>
      answer.is === 'granted' ? answer.held.lease.token : '',
    );
    s.daemonDies().again();
    const answer = s.acquire('b');
    tokens.push(answer.is === 'granted' ? answer.held.lease.token : '');
    expect(tokens.toSorted()).toEqual(tokens);
    expect(new Set(tokens).size).toBe(13);
  });

  it('without a wait is refused at once, with what is in the way', () => {
    const s = new LeaseScript({ slots: 1 });
    const refused = (holder: string) => s.acquire(holder, { patience: 'refuse' });
    expect(refused('a')).toMatchObject({
      refused: { code: 'no_ready_engine', message: 'cannot lease an engine of chat: none of its engines is ready' },
    });
    s.until(2);
    expect(refused('b')).toMatchObject({ is: 'granted' });
    expect(refused('c')).toMatchObject({
      refused: { code: 'no_free_slot', message: 'cannot lease an engine of chat: the one slot of its ready engine is held' },
    });
    s.pause();
    expect(refused('d')).toMatchObject({ refused: { code: 'pool_paused' } });
    s.resume();
    s.stop();
    expect(refused('e')).toMatchObject({ refused: { code: 'pool_stopped' } });
  });
});

describe('a lease', () => {
  it('ends at its TTL, not before, and a renewal gives it a whole one', () => {
    const s = new LeaseScript().until(2);
    s.acquires('a');
    s.until(31.9);
    expect(s.renew(s.held('a'))).toBe('renewed');
    s.until(61.8);
    expect(s.ends).toEqual([]);
    const held = s.held('a');
    s.until(61.9);
    expect(s.ends).toEqual(['a expired']);
    expect(s.end('a')).toMatchObject({ heldMs: 59_900, message: 'not renewed within its TTL of 30000 ms' });
    expect(s.renew(held)).toBe('gone');
  });

  it('may be renewed with another TTL, and never beyond maxHold', () => {
    const s = new LeaseScript({ leases: { maxHoldMs: 60_000 } }).until(2);
    s.acquires('a');
    s.renew(s.held('a'), 50_000);
    s.until(45);
    s.renew(s.held('a'));
    s.until(61.9);
    expect(s.ends).toEqual([]);
    s.until(62);
    expect(s.end('a')).toMatchObject({ how: 'expired', message: "held for 60000 ms, the pool's leases.maxHold" });
  });

  it('that a connection keeps lives as long as that, but not beyond maxHold', () => {
    const s = new LeaseScript({ slots: 2 }).until(2);
    s.acquire('a', { bind: 'connection' });
    s.acquires('b');
    s.ask({ type: 'attach', ...s.about(s.held('b')) });
    s.until(4_000);
    expect(s.seats).toEqual(['a chat/0 slot 0', 'b chat/0 slot 1']);
    const bounded = new LeaseScript({ leases: { maxHoldMs: 60_000 } }).until(2);
    bounded.acquire('a', { bind: 'connection' });
    bounded.until(61.9);
    expect(bounded.ends).toEqual([]);
    bounded.until(62);
    expect(bounded.ends).toEqual(['a expired']);
  });

  it('is released once; what came too late, or with a wrong token, changes nothing', () => {
    const s = new LeaseScript().until(2);
    s.acquires('a');
    const held = s.held('a');
    expect(s.ask({ type: 'release', ...s.about(held), token: 'another', engineFailed: false }).is).toBe('stale');
    expect(s.ask({ type: 'renew', ...s.about(held), token: 'another', ttlMs: null }).is).toBe('stale');
    expect([s.release(held), s.release(held), s.renew(held)]).toEqual(['released', 'gone', 'gone']);
    s.acquires('b');
    expect(s.release(held)).toBe('gone');
    expect([s.ends, s.seats]).toEqual([['a released'], ['b chat/0 slot 0']]);
  });

  it('can be taken away, without its token and with a reason', () => {
    const s = new LeaseScript().until(2);
    s.acquires('a', 'b');
    s.ask({ type: 'revoke', ...s.about(s.held('a')), token: null, by: 'ann', reason: 'needed elsewhere' });
    expect(s.end('a')).toMatchObject({ how: 'revoked', message: 'taken away by ann: needed elsewhere' });
    expect(s.seats).toEqual(['b chat/0 slot 0']);
  });

  it('whose time went by while the daemon was held up gets a second for what lies unread, once until it is renewed', () => {
    const s = new LeaseScript({ slots: 3, leases: { maxHoldMs: 100_000 } }).until(2);
    s.acquires('renews', 'silent', 'old');
    s.acquire('waits', { patience: { waitMs: 600_000 } });
    s.renew(s.held('old'), 98_000);
    // Stopped until now: no timer has fired.
    s.nowMs = 50_000;
    expect(s.renew(s.held('renews'))).toBe('renewed');
    expect(s.ends).toEqual([]);
    s.until(50.9);
    expect(s.ends).toEqual([]);
    s.until(51);
    expect(s.ends).toEqual(['silent expired']);
    expect(s.seats).toEqual(['renews chat/0 slot 0', 'waits chat/0 slot 1', 'old chat/0 slot 2']);
    // And again: who has been heard of since is spared again, beyond maxHold nobody.
    s.nowMs = 110_000;
    expect(s.renew(s.held('renews'))).toBe('gone');
    expect(s.ends).toEqual(['silent expired', 'renews expired', 'old expired']);
    expect(s.renew(s.held('waits'))).toBe('renewed');
  });

  it('is not spared for being noticed a little late, nor twice in a row', () => {
    const s = new LeaseScript().until(2);
    s.acquires('a', 'b');
    s.nowMs = 32_200;
    expect(s.renew(s.held('a'))).toBe('gone');
    const twice = new LeaseScript().until(2);
    twice.acquires('a');
    twice.nowMs = 40_000;
    twice.send({ type: 'tick' });
    expect(twice.ends).toEqual([]);
    twice.nowMs = 50_000;
    expect(twice.renew(twice.held('a'))).toBe('gone');
  });

  it('sequence 27: time and exits go before requests', () => {
    const s = new LeaseScript({ replicas: 2, slots: 1 }).until(2);
    s.acquires('a', 'b');
    const [a, b] = [s.held('a'), s.held('b')];
    s.until(31.999);
    // At the very moment of the expiry, before any timer has fired.
    s.nowMs = 32_000;
    expect(s.renew(a)).toBe('gone');
    expect(s.renew(b)).toBe('gone');
    expect(s.ends).toEqual(['a expired', 'b expired']);
    s.acquires('c');
    const c = s.held('c');
    s.crash(0);
    expect(s.renew(c)).toBe('gone');
    expect(s.ends.at(-1)).toBe('c engine_lost');
  });
});

describe('the leases of an engine', () => {
  const probes = { startup: STARTUP, readiness: READINESS, liveness: LIVENESS };

  it('end with it: at its crash, as unhealthy, at a restart, unproven; and it is never leased in between', () => {
    const s = new LeaseScript({ replicas: 1, slots: 2, probes }).until(2);
    s.acquires('a', 'b');
    s.crash(0);
    expect(s.ends).toEqual(['a engine_lost', 'b engine_lost']);
    expect(s.end('a').message).toBe('chat/0 has ended by itself: SIGKILL');
    s.until(10);
    s.acquires('c');
    for (let times = 0; times < 3; times += 1) s.probe(0, 'liveness', false);
    expect(s.ends.at(-1)).toBe('c engine_lost');
    s.until(20);
    s.acquires('d');
    s.restart();
    expect(s.end('d')).toMatchObject({ how: 'revoked', message: 'chat/0 was restarted at once' });
    s.until(30);
    s.acquires('e');
    s.daemonDies();
    s.send({ type: 'unproven', replica: 0, generation: s.viewOf(0).generation });
    s.isUp = true;
    expect(s.ends.at(-1)).toBe('e engine_lost');
  });

  it('stay while it is unready, and nobody is sent to it', () => {
    const s = new LeaseScript({ slots: 2, probes }).until(2);
    s.acquires('a');
    for (let times = 0; times < 3; times += 1) s.probe(0, 'readiness', false);
    expect(s.viewOf(0).state).toBe('unready');
    expect(s.acquires('b')).toEqual(['queued']);
    expect(s.seats).toEqual(['a chat/0 slot 0']);
    s.probe(0, 'readiness', true);
    expect(s.seats).toEqual(['a chat/0 slot 0', 'b chat/0 slot 1']);
  });

  it('end when it is stuck', () => {
    const s = new LeaseScript({}, unkillable).until(2);
    s.acquires('a');
    s.stopNow();
    s.until(60);
    expect([s.viewOf(0).state, s.ends]).toEqual(['stuck', ['a revoked']]);
  });

  it('are said to fail it by three of them within a minute: then it rests for a minute, and comes back by itself', () => {
    const s = new LeaseScript({ slots: 4 }).until(2);
    s.acquires('a', 'b', 'c', 'd');
    s.release(s.held('a'), true);
    s.until(63);
    s.acquires('e', 'f');
    for (const holder of ['e', 'f']) s.release(s.held(holder), true);
    // The first word is too old by now.
    expect(s.viewOf(0).state).toBe('ready');
    s.acquires('g');
    s.acquire('h', { ttlMs: 600_000 });
    s.release(s.held('g'), true);
    expect(s.viewOf(0)).toMatchObject({ state: 'unready', reason: 'reported' });
    expect(s.viewOf(0).message).toBe('its holders have said that it fails them; it is leased again in 1m');
    expect(s.seats).toEqual(['h chat/0 slot 1']);
    s.acquire('i', { patience: { waitMs: 100_000 } });
    expect(s.waiting).toEqual(['i']);
    s.until(122.9);
    expect(s.viewOf(0).state).toBe('unready');
    s.until(123);
    expect(s.viewOf(0).state).toBe('ready');
    expect(s.seats).toContain('i chat/0 slot 0');
  });
});

describe('after a death of the daemon', () => {
  it('sequence 20: each lease has one whole TTL from READY, and a promotion that nobody had claimed is lost', () => {
    const s = new LeaseScript({ slots: 2, leases: { ttlMs: 30_000 } }).until(2);
    s.acquires('a');
    s.acquire('b', { bind: 'connection' });
    s.until(5).daemonDies().until(50).daemonStarts();
    s.until(60);
    expect(s.ends).toEqual([]);
    s.send({ type: 'opened' });
    s.until(61);
    expect(s.renew(s.held('a'))).toBe('renewed');
    s.until(89.9);
    expect(s.ends).toEqual([]);
    s.until(90);
    expect(s.ends).toEqual(['b expired']);
    expect(s.held('a').lease.bind).toBe('ttl');
  });

  it('leases of what has died meanwhile have ended, tickets are forgotten, and unclaimed promotions are lost', () => {
    const s = new LeaseScript({ replicas: 2 }).until(2);
    s.acquires('a', 'b', 'c', 'd');
    s.releases('b');
    expect(s.held('c').lease.claimByMs).toBe(12_000);
    s.daemonDies();
    s.crash(0);
    s.until(5).again();
    expect(s.ends).toEqual(['b released', 'a engine_lost', 'c lost']);
    expect(s.waiting).toEqual([]);
    expect(s.end('c').message).toBe('promoted, and not claimed before the daemon ended');
  });

  it('and of the host all have ended, each on the generation that it was on', () => {
    const s = new LeaseScript({ replicas: 2 }).until(2);
    s.acquires('a', 'b');
    s.until(5).reboots().until(10);
    expect(s.ends).toEqual(['a engine_lost', 'b engine_lost']);
    const lost = s.happenings.filter(({ type }) => type === 'lease.engine_lost');
    expect(lost.map(({ engine, generation, facts }) => [engine, generation, facts.message])).toEqual([
      ['chat/0', 1, 'the host was rebooted'],
      ['chat/1', 1, 'the host was rebooted'],
    ]);
  });
});
