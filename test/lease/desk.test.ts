import { describe, expect, it } from 'vitest';
import type { BoundLine } from '../../src/lease/lease.ts';
import { DeskRig, REQUEST, settled } from './desk-rig.ts';

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error) => error.code ?? String(error),
  );

describe('an acquire', () => {
  it('is granted, renewed, verified, listed and released', async () => {
    const rig = await DeskRig.open({ slots: 2 });
    const lease = await rig.granted({ holder: 'ann', ttlMs: 5_000 });
    expect(lease).toMatchObject({
      pool: 'chat',
      engine: { id: 'chat/0', url: 'http://127.0.0.1:20000', generation: 1 },
      slot: 0,
      ttlMs: 5_000,
      draining: false,
    });
    expect(lease.expiresAt).toBe('2026-11-20T10:00:07.000Z');
    await rig.clock.pass(4_000);
    expect(await rig.leases.renew(lease.id, { token: lease.token, ttlMs: null })).toMatchObject({
      renewals: 1,
      expiresAt: '2026-11-20T10:00:11.000Z',
    });
    expect(rig.leases.verify(lease.id, lease.token)).toMatchObject({ holder: 'ann', heldMs: 4_000 });
    expect(JSON.stringify(rig.leases.leases({ pool: null, holder: null, olderMs: null }))).not.toContain(lease.token);
    expect(await code(rig.leases.renew(lease.id, { token: 'another', ttlMs: null }))).toBe('stale_token');
    expect(await rig.release(lease.id, lease.token)).toEqual({ outcome: 'released' });
    expect(await rig.release(lease.id, lease.token)).toEqual({ outcome: 'already_ended' });
    expect(await code(rig.leases.renew(lease.id, { token: lease.token, ttlMs: null }))).toBe('lease_ended');
    expect(await code(rig.release('l-unknown'))).toBe('lease_not_found');
  });

  it('is one commit with all others of its turn, over all pools', async () => {
    const rig = await DeskRig.open({ slots: 100 }, { name: 'other', slots: 100 });
    const before = rig.commits.length;
    const signal = new AbortController().signal;
    const answers = await Promise.all(Array.from({ length: 100 }, (_, at) => rig.acquire({}, signal, at % 2 === 0 ? 'chat' : 'other')));
    expect(rig.commits.length - before).toBe(1);
    expect(rig.commits.at(-1)?.leases).toHaveLength(100);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(100);
  });

  it('on a full disk is refused to all who asked, and nothing has changed', async () => {
    const rig = await DeskRig.open({ slots: 3 });
    const held = await rig.granted();
    const state = rig.pool().state;
    rig.full = true;
    const asked = [
      rig.acquire(),
      rig.acquire({ waitMs: 1_000 }),
      rig.leases.renew(held.id, { token: held.token, ttlMs: null }),
      rig.release(held.id),
    ];
    expect(await Promise.all(asked.map(code))).toEqual(['storage_full', 'storage_full', 'storage_full', 'storage_full']);
    expect(rig.pool().state).toBe(state);
    expect(rig.faults).toEqual([]);
    rig.full = false;
    expect(await rig.granted()).toMatchObject({ slot: 1 });
    expect(await rig.release(held.id)).toEqual({ outcome: 'released' });
  });

  it('that is queued and promoted in one turn is told its lease, not that its ticket does not exist', async () => {
    const rig = await DeskRig.open({});
    const held = await rig.granted();
    const asked = rig.acquire({ holder: 'bob' });
    const released = rig.release(held.id);
    expect(await released).toEqual({ outcome: 'released' });
    expect(await asked).toMatchObject({ outcome: 'granted', slot: 0 });
    await rig.clock.pass(15_000);
    expect(rig.leases.leases({ pool: null, holder: 'bob', olderMs: null })).toHaveLength(1);
  });

  it('that is promoted and cut off before it could be told is asked anew, and hears of the pool and not of a lease', async () => {
    const rig = await DeskRig.open({});
    const held = await rig.granted();
    const asked = code(rig.acquire({ holder: 'bob' }));
    await rig.release(held.id);
    rig.tell({ do: 'stop', replica: null, now: true });
    expect(await asked).toBe('pool_stopped');
    expect(rig.types('lease.')).toEqual(['lease.granted', 'lease.released', 'lease.granted', 'lease.draining', 'lease.revoked']);
  });

  it('of who has hung up never holds a slot: granted, waiting, or promoted as he left', async () => {
    const rig = await DeskRig.open({});
    await rig.acquire({}, AbortSignal.abort());
    await settled();
    expect(rig.leases.leases({ pool: null, holder: null, olderMs: null })).toEqual([]);
    const held = await rig.granted();
    const gone = new AbortController();
    const waits = code(rig.acquire({ waitMs: 60_000 }, gone.signal));
    await settled();
    expect(rig.leases.queue('chat')).toHaveLength(1);
    gone.abort();
    expect(await waits).toBe('ticket_not_found');
    expect(rig.leases.queue('chat')).toEqual([]);
    const late = new AbortController();
    const promoted = code(rig.acquire({ waitMs: 60_000 }, late.signal));
    await settled();
    const released = rig.release(held.id);
    late.abort();
    await Promise.all([released, promoted]);
    await settled();
    expect(rig.leases.leases({ pool: null, holder: null, olderMs: null })).toEqual([]);
    expect(rig.leases.queue('chat')).toEqual([]);
  });

  it('that waits is told at its timeout', async () => {
    const rig = await DeskRig.open({});
    await rig.granted({ ttlMs: 600_000 });
    const waits = code(rig.acquire({ waitMs: 5_000 }));
    await rig.clock.pass(5_000);
    expect(await waits).toBe('queue_timeout');
  });
});

describe('an Idempotency-Key', () => {
  it('is the same lease, also for those who ask at once, and refused with another request', async () => {
    const rig = await DeskRig.open({ slots: 2 });
    const [one, two] = await Promise.all([rig.granted({ key: 'k' }), rig.granted({ key: 'k' })]);
    expect(two.id).toBe(one.id);
    expect((await rig.granted({ key: 'k', waitMs: 500 })).id).toBe(one.id);
    expect(await code(rig.acquire({ key: 'k', holder: 'bob' }))).toBe('conflict');
    expect((await rig.granted({ key: 'l' })).id).not.toBe(one.id);
  });

  it('sequence 28: is that lease, ended, for ten minutes past its end, and anew after them', async () => {
    const rig = await DeskRig.open({});
    const one = await rig.granted({ key: 'k' });
    await rig.release(one.id);
    expect(await code(rig.acquire({ key: 'k' }))).toBe('lease_ended');
    await rig.clock.pass(599_000);
    expect(await code(rig.acquire({ key: 'k' }))).toBe('lease_ended');
    await rig.clock.pass(1_000);
    expect((await rig.granted({ key: 'k' })).id).not.toBe(one.id);
  });

  it('is known to the next daemon: of a lease that is held, that had ended, and that ended while none was there', async () => {
    const rig = await DeskRig.open({ replicas: 3 });
    const held = await rig.granted({ key: 'held' });
    const lost = await rig.granted({ key: 'lost' });
    const ended = await rig.granted({ key: 'ended' });
    await rig.release(ended.id);
    rig.room.dead.add(lost.engine.id);
    await rig.starts();
    expect((await rig.granted({ key: 'held' })).id).toBe(held.id);
    expect(await code(rig.acquire({ key: 'ended' }))).toBe('lease_ended');
    expect(await code(rig.acquire({ key: 'lost' }))).toBe('lease_ended');
  });

  it('is refused alike to both who came at once, and free again', async () => {
    const rig = await DeskRig.open({});
    rig.tell({ do: 'pause', replica: null });
    expect(await Promise.all([code(rig.acquire({ key: 'k' })), code(rig.acquire({ key: 'k' }))])).toEqual(['pool_paused', 'pool_paused']);
    rig.tell({ do: 'resume', replica: null });
    expect(await rig.granted({ key: 'k' })).toMatchObject({ slot: 0 });
  });

  it('is a place in the queue too; one of two who wait for it may go, and who has left asks anew', async () => {
    const rig = await DeskRig.open({});
    const held = await rig.granted();
    const first = new AbortController();
    const one = code(rig.acquire({ key: 'k', waitMs: 60_000 }, first.signal));
    await settled();
    const two = rig.granted({ key: 'k', waitMs: 60_000 });
    await settled();
    expect(rig.leases.queue('chat')).toHaveLength(1);
    first.abort();
    expect(await one).toBe('ticket_not_found');
    expect(rig.leases.queue('chat')).toHaveLength(1);
    await rig.release(held.id);
    await rig.release((await two).id);
    const again = await rig.granted();
    const left = new AbortController();
    const gone = code(rig.acquire({ key: 'm', waitMs: 60_000 }, left.signal));
    await settled();
    left.abort();
    await gone;
    expect(await rig.queued({ key: 'm' })).toMatchObject({ queuePosition: 1 });
    await rig.release(again.id);
  });
});

describe('a ticket', () => {
  it('is waited for, tells its place, and carries the lease that it became, which claims it', async () => {
    const rig = await DeskRig.open({});
    const held = await rig.granted();
    const first = await rig.queued({ holder: 'bob' });
    const second = await rig.queued({ holder: 'cid' });
    expect([first.queuePosition, second.queuePosition]).toEqual([1, 2]);
    const { signal } = new AbortController();
    const moved = rig.leases.ticket(second.id, 20_000, signal);
    await settled();
    await rig.leases.leave(first.id);
    await rig.clock.pass(300);
    expect(await moved).toMatchObject({ state: 'queued', queuePosition: 1 });
    const waits = rig.leases.ticket(second.id, 20_000, signal);
    await settled();
    await rig.release(held.id);
    const told = await waits;
    expect(told).toMatchObject({ state: 'granted', lease: { outcome: 'granted', slot: 0 } });
    await rig.clock.pass(12_000);
    expect(rig.leases.lease(told.lease?.id ?? '')).toMatchObject({ holder: 'cid' });
    // Leaving now gives the promotion back.
    await rig.leases.leave(second.id);
    expect(await code(rig.leases.renew(told.lease?.id ?? '', { token: told.lease?.token ?? '', ttlMs: null }))).toBe('lease_ended');
  });

  it('asked about as the time to claim its lease is over says that it was granted, and carries none', async () => {
    const rig = await DeskRig.open({});
    const held = await rig.granted();
    const ticket = await rig.queued({ holder: 'bob' });
    let asked: ReturnType<typeof rig.leases.ticket> | null = null;
    // Armed before the pool's own timer of that moment, and so ahead of it.
    rig.clock.after(10_000, () => {
      asked = rig.leases.ticket(ticket.id, 0, new AbortController().signal);
    });
    await rig.release(held.id);
    await rig.clock.pass(10_000);
    expect(await asked).toMatchObject({ state: 'granted', lease: null });
  });

  it('of a wait that is over says that it still waits', async () => {
    const rig = await DeskRig.open({});
    await rig.granted({ ttlMs: 600_000 });
    const ticket = await rig.queued();
    const waits = rig.leases.ticket(ticket.id, 3_000, new AbortController().signal);
    await rig.clock.pass(3_000);
    expect(await waits).toMatchObject({ state: 'queued', queuePosition: 1 });
    expect(rig.leases.queue('chat')).toMatchObject([{ ticket: ticket.id.slice(0, 8), holder: 'ann' }]);
  });

  it('does not outlive the daemon, and leaves nothing behind', async () => {
    const rig = await DeskRig.open({});
    await rig.granted();
    const ticket = await rig.queued();
    await rig.starts();
    expect(await code(rig.leases.ticket(ticket.id, 0, new AbortController().signal))).toBe('ticket_not_found');
    expect(rig.pool().state.tickets).toEqual([]);
  });
});

describe('a lease bound to its connection', () => {
  it('tells its place, its grant, each third of its TTL, a drain at once, and its end', async () => {
    const rig = await DeskRig.open({});
    const held = await rig.granted();
    const { signal } = new AbortController();
    const lines = rig.leases
      .acquireBound(
        'chat',
        { holder: 'bob', ttlMs: 9_000, waitMs: null, priority: null, bind: 'connection', key: null, client: '' },
        signal,
      )
      [Symbol.asyncIterator]();
    const next = async (passMs = 0) => {
      const line = lines.next();
      await rig.clock.pass(passMs);
      return (await line).value;
    };
    expect(await next()).toMatchObject({ outcome: 'queued', queuePosition: 1 });
    const granted = next();
    await rig.release(held.id);
    expect(await granted).toMatchObject({ outcome: 'granted', expiresAt: null });
    expect(await next(3_000)).toMatchObject({ outcome: 'renewed', draining: false });
    // While nobody was reading.
    rig.tell({ do: 'drain', replica: null, deadlineMs: 20_000, extend: false });
    expect(await next()).toMatchObject({
      outcome: 'draining',
      deadlineAt: '2026-11-20T10:00:25.000Z',
      expiresAt: '2026-11-20T10:00:25.000Z',
    });
    expect(await next(3_000)).toMatchObject({ outcome: 'renewed', draining: true });
    const shorter = next();
    rig.tell({ do: 'drain', replica: null, deadlineMs: 10_000, extend: false });
    expect(await shorter).toMatchObject({ outcome: 'draining', deadlineAt: '2026-11-20T10:00:18.000Z' });
    rig.tell({ do: 'stop', replica: null, now: true });
    expect(await next()).toMatchObject({ outcome: 'ended', how: 'revoked' });
    expect(await next()).toBeUndefined();
  });

  it('that is promoted and cut off before a line could tell of it is asked anew, and hears of the pool and not of a lease', async () => {
    const rig = await DeskRig.open({});
    const held = await rig.granted();
    const heard: BoundLine[] = [];
    const all = (async () => {
      const order = { ...REQUEST, holder: 'bob', bind: 'connection' } as const;
      for await (const line of rig.leases.acquireBound('chat', order, new AbortController().signal)) heard.push(line);
    })();
    await settled();
    const released = rig.release(held.id);
    // In the turn of the promotion, whose waiter has not been woken yet.
    rig.leases.desk.onChange(rig.pool().state.tickets[0]?.id ?? '', () => rig.tell({ do: 'stop', replica: null, now: true }));
    await Promise.all([released, all]);
    expect(heard).toMatchObject([{ outcome: 'queued' }, { outcome: 'refused', code: 'pool_stopped' }]);
    expect(rig.types('lease.')).toEqual(['lease.granted', 'lease.released', 'lease.granted', 'lease.draining', 'lease.revoked']);
  });

  it('is given back when nobody reads on: held, waiting, or promoted meanwhile', async () => {
    const rig = await DeskRig.open({});
    const open = () =>
      rig.leases
        .acquireBound(
          'chat',
          { holder: 'bob', ttlMs: null, waitMs: null, priority: null, bind: 'connection', key: null, client: '' },
          new AbortController().signal,
        )
        [Symbol.asyncIterator]();
    const one = open();
    expect((await one.next()).value).toMatchObject({ outcome: 'granted' });
    const two = open();
    expect((await two.next()).value).toMatchObject({ outcome: 'queued' });
    const three = open();
    await three.next();
    await two.return?.();
    expect(rig.leases.queue('chat')).toHaveLength(1);
    await one.return?.();
    expect(rig.types('ticket.promoted')).toHaveLength(1);
    await three.return?.();
    expect(rig.leases.leases({ pool: null, holder: null, olderMs: null })).toEqual([]);
    expect(rig.types('lease.released')).toHaveLength(2);
  });
});

describe('a pool at work', () => {
  it('gives KILL at stop.timeout to an engine whose drain a release has ended', async () => {
    const rig = await DeskRig.open({ stop: { timeoutMs: 5_000 } });
    rig.room.ignoresTerm = true;
    const lease = await rig.granted({ ttlMs: 600_000 });
    rig.tell({ do: 'drain', replica: null, deadlineMs: 600_000, extend: false });
    await rig.release(lease.id);
    expect(rig.room.signals).toEqual(['terminate chat/0']);
    await rig.clock.pass(5_000);
    expect(rig.room.signals).toEqual(['terminate chat/0', 'kill chat/0']);
    expect(rig.pool().state.engines[0]?.phase.is).toBe('idle');
  });

  it('ends leases at their time, and keeps what is told over a death of the daemon', async () => {
    const rig = await DeskRig.open({ slots: 2 });
    const one = await rig.granted({ ttlMs: 1_000 });
    const two = await rig.granted({ ttlMs: 5_000 });
    await rig.clock.pass(1_000);
    expect(rig.types('lease.expired')).toHaveLength(1);
    await rig.starts();
    expect(await code(rig.leases.renew(one.id, { token: one.token, ttlMs: null }))).toBe('lease_ended');
    expect(await rig.leases.renew(two.id, { token: two.token, ttlMs: null })).toMatchObject({ outcome: 'renewed' });
    expect((await rig.granted()).token > two.token).toBe(true);
    await rig.clock.pass(600_000);
    await rig.starts();
    await expect(rig.leases.renew(one.id, { token: one.token, ttlMs: null })).rejects.toMatchObject({
      code: 'lease_ended',
      message: expect.stringContaining('too long ago to tell how'),
    });
  });

  it('tells once of leases that no engine of it takes up', async () => {
    const rig = await DeskRig.open({});
    const body = JSON.stringify({ id: 'l-1', token: '1', holder: 'eve' });
    rig.store.commit({
      pools: [],
      engines: [],
      operations: [],
      exits: [],
      ended: [],
      leases: [{ pool: 'chat', replica: 7, generation: 3, slot: 0, lease: body }],
    });
    await rig.starts();
    expect(rig.lost).toEqual(['l-1']);
    expect(await code(rig.release('l-1'))).toBe('done');
    await rig.starts();
    expect(rig.lost).toEqual([]);
  });
});
