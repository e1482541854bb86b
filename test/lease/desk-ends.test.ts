import { describe, expect, it } from 'vitest';
import { DeskRig, settled } from './desk-rig.ts';

const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error) => error.code ?? String(error),
  );

const { signal } = new AbortController();

describe('a pool that is closed', () => {
  it('says so to whoever asks, and to those who had asked', async () => {
    const rig = await DeskRig.open({ slots: 2 });
    const held = await rig.granted();
    const early = rig.acquire({ key: 'k' });
    rig.pool().close();
    const asked = [
      early,
      rig.acquire(),
      rig.leases.renew(held.id, { token: held.token, ttlMs: null }),
      rig.release(held.id),
      rig.leases.revoke(held.id, { by: 'ann', reason: null }),
    ];
    expect(await Promise.all(asked.map(code))).toEqual(Array(5).fill('shutting_down'));
    const lines = rig.leases.attach(held.id, held.token, signal)[Symbol.asyncIterator]();
    expect(await code(lines.next())).toBe('shutting_down');
    expect(rig.leases.lease(held.id)).toMatchObject({ renewals: 0 });
    expect(rig.faults).toEqual([]);
  });

  it('says so to those who wait', async () => {
    const rig = await DeskRig.open({});
    await rig.granted({ ttlMs: 600_000 });
    const ticket = await rig.queued();
    const gone = new AbortController();
    const waits = code(rig.acquire({ waitMs: 60_000 }, gone.signal));
    await settled();
    rig.pool().close();
    gone.abort();
    expect(await waits).toBe('shutting_down');
    expect(await code(rig.leases.ticket(ticket.id, 20_000, signal))).toBe('shutting_down');
    expect(await code(rig.leases.ticket(ticket.id, 0, signal))).toBe('shutting_down');
    expect(await code(rig.leases.leave(ticket.id))).toBe('shutting_down');
  });
});

it('a commit that fails for another reason than a full disk is a fault of ours, and nothing has changed', async () => {
  const rig = await DeskRig.open({ slots: 2 });
  const held = await rig.granted();
  const { state } = rig.pool();
  rig.broken = true;
  const asked = [rig.acquire(), rig.release(held.id)];
  expect(await Promise.all(asked.map(code))).toEqual(['internal', 'internal']);
  expect(rig.pool().state).toBe(state);
  expect(rig.faults).toMatchObject([{ message: 'a fault of ours' }]);
  rig.broken = false;
  expect(await rig.granted()).toMatchObject({ slot: 1 });
});

it('a ticket says how long it has waited until it was out of the queue', async () => {
  const rig = await DeskRig.open({});
  const held = await rig.granted({ ttlMs: 600_000 });
  const [first, second] = [await rig.queued(), await rig.queued()];
  await rig.clock.pass(3_000);
  await rig.leases.leave(first.id);
  await rig.release(held.id);
  await rig.clock.pass(5_000);
  expect(await rig.leases.ticket(first.id, 0, signal)).toMatchObject({ state: 'left', waitedMs: 3_000 });
  expect(await rig.leases.ticket(second.id, 0, signal)).toMatchObject({ state: 'granted', waitedMs: 3_000 });
});

it('a release that is asked for again after the daemon has started anew is as harmless as before', async () => {
  const rig = await DeskRig.open({ slots: 2 });
  const [lease, kept] = [await rig.granted(), await rig.granted()];
  expect(lease.id).toMatch(/^l-[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  await rig.release(lease.id);
  await rig.starts();
  expect(await rig.release(lease.id)).toEqual({ outcome: 'already_ended' });
  expect(await rig.release(kept.id)).toEqual({ outcome: 'released' });
  // Nobody was given that one, and no id of ours at all.
  const own = await rig.granted();
  expect(await code(rig.release(`${own.id.slice(0, -4)}0000`))).toBe('lease_not_found');
  expect(await code(rig.release('l-1'))).toBe('lease_not_found');
});

it('a ticket waits for as long as was asked, in one place, also beyond what the pool lets others wait', async () => {
  const rig = await DeskRig.open({ queue: { timeoutMs: 5_000, claimMs: 60_000 } });
  await rig.granted({ ttlMs: 600_000 });
  const [patient, other] = [await rig.queued({ ticketMs: 20_000 }), await rig.queued()];
  await rig.clock.pass(5_000);
  expect(await rig.leases.ticket(other.id, 0, signal)).toMatchObject({ state: 'expired' });
  await rig.clock.pass(14_000);
  expect(await rig.leases.ticket(patient.id, 0, signal)).toMatchObject({ state: 'queued', queuePosition: 1 });
  await rig.clock.pass(1_000);
  expect(await rig.leases.ticket(patient.id, 0, signal)).toMatchObject({ state: 'expired', waitedMs: 20_000 });
});

it('what is estimated goes by leases that were given back, and by those that were not renewed, but not by those that were cut', async () => {
  const rig = await DeskRig.open({ slots: 10 });
  for (let turn = 0; turn < 2; turn += 1) {
    for (let one = 0; one < 10; one += 1) await rig.granted({ ttlMs: 1_000 });
    await rig.clock.pass(1_000);
  }
  for (let one = 0; one < 10; one += 1) await rig.granted({ ttlMs: 600_000 });
  const { estimatedWaitMs, estimateBasis } = await rig.queued();
  expect([estimateBasis, (estimatedWaitMs ?? 0) > 0, (estimatedWaitMs ?? 0) <= 1_000]).toEqual(['history', true, true]);
  const cut = await DeskRig.open({ slots: 10 });
  for (let turn = 0; turn < 20; turn += 1) await cut.leases.revoke((await cut.granted()).id, { by: 'ann', reason: null });
  for (let one = 0; one < 10; one += 1) await cut.granted();
  expect(await cut.queued()).toMatchObject({ estimateBasis: 'ttl' });
});
