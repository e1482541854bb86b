import { afterEach, beforeEach, expect, test } from 'vitest';
import { PooldError } from '../../src/errors.ts';
import type { Served } from './served.ts';
import { ask, served, until } from './served.ts';

let at: Served;
beforeEach(async () => {
  at = await served({ withTcp: true });
});
afterEach(() => at.stop());

const acquire = (body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  ask(at, { method: 'POST', path: '/v1/pools/chat/leases', body, headers });

test('a lease is granted with its token, and its place is told', async () => {
  const answer = await acquire(
    { holder: 'batch 7', ttlMs: 5_000, priority: 9, waitMs: 0 },
    { 'poold-actor': 'ann@pts/3', 'idempotency-key': 'k 1' },
  );
  expect(answer).toMatchObject({ status: 201, json: { outcome: 'granted', pool: 'chat', token: '3.0000000001', ttlMs: 5_000 } });
  expect(answer.headers).toMatchObject({ location: '/v1/leases/lease-1', 'cache-control': 'no-store' });
  expect(at.host.leases.asked).toEqual([
    {
      pool: 'chat',
      request: { holder: 'batch 7', ttlMs: 5_000, waitMs: 0, priority: 9, bind: 'ttl', key: 'k 1', client: 'ann@pts/3' },
    },
  ]);
});

test('without a body the pool decides, and the holder is who asks', async () => {
  const path = '/v1/pools/chat/leases';
  const headers = { authorization: `Bearer ${at.tokens.lease}`, 'poold-actor': 'root@console' };
  expect((await ask(at, { method: 'POST', path, headers, port: at.serving.tcpPort })).status).toBe(201);
  const nothing = { ttlMs: null, waitMs: null, priority: null, bind: 'ttl', key: null };
  expect(at.host.leases.asked).toEqual([{ pool: 'chat', request: { ...nothing, holder: 'the-lease', client: 'the-lease' } }]);
});

test('a ticket may wait for longer than the pool lets others, up to a day', async () => {
  at.host.leases.free = 0;
  expect(await acquire({ holder: 'ann', ticketMs: 86_400_000 })).toMatchObject({ status: 202 });
  expect(at.host.leases.asked).toMatchObject([{ request: { ticketMs: 86_400_000, waitMs: null } }]);
  expect(await acquire({ holder: 'ann', ticketMs: 86_400_001 })).toMatchObject({ status: 400, json: { code: 'invalid_request' } });
});

test('a full pool answers with a ticket, which becomes the lease', async () => {
  at.host.leases.free = 0;
  const queued = await acquire({ holder: 'ann' });
  expect(queued).toMatchObject({
    status: 202,
    headers: { location: '/v1/tickets/ticket-1' },
    json: { outcome: 'queued', queuePosition: 1 },
  });
  expect((await ask(at, { path: '/v1/pools/chat/queue' })).json.items).toMatchObject([{ ticket: 'ticket-1', holder: 'ann', priority: 5 }]);
  expect((await ask(at, { path: '/v1/tickets/ticket-1' })).json).toMatchObject({ id: 'ticket-1', state: 'queued', lease: null });
  const asked = ask(at, { path: '/v1/tickets/ticket-1?wait=30s' });
  await until('it waits', () => at.host.leases.waiting === 1);
  at.host.leases.promote('ticket-1');
  expect((await asked).json).toMatchObject({ state: 'granted', lease: { id: 'lease-2', token: '3.0000000002' } });
  expect(await ask(at, { method: 'DELETE', path: '/v1/tickets/ticket-1' })).toMatchObject({ status: 200, json: { state: 'left' } });
});

test('a client that hangs up is waited for no longer, and nobody is told of a fault', async () => {
  at.host.leases.free = 0;
  const ticket = at.host.leases.enqueue('chat').id;
  for (const [method, path] of [
    ['POST', '/v1/pools/chat/leases'],
    ['GET', `/v1/tickets/${ticket}?wait=10m`],
  ] as const) {
    const leave = new AbortController();
    const body = method === 'POST' ? { waitMs: 600_000 } : undefined;
    const asked = ask(at, { method, path, body, signal: leave.signal });
    asked.catch(() => {});
    await until('it waits', () => at.host.leases.waiting === 1);
    leave.abort();
    await until('nobody waits', () => at.host.leases.waiting === 0);
    await expect(asked).rejects.toThrow();
  }
  expect((await ask(at, { path: '/health' })).status).toBe(200);
  expect(at.logged).toEqual([]);
});

test('the signal of an answer that went out whole is not aborted', async () => {
  const signals: AbortSignal[] = [];
  const { leases } = at.host;
  const original = leases.acquire.bind(leases);
  leases.acquire = (pool, request, signal) => {
    signals.push(signal);
    return original(pool, request, signal);
  };
  await acquire({});
  await until('it is observed', () => at.observed.length === 1);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
});

test.each([
  ['an abort', null],
  ['another refusal', new PooldError('ticket_not_found', 'cannot go on waiting: the caller has gone')],
])('whoever waits when the daemon stops is told so, and not %s', async (_name, refusal) => {
  at.host.leases.free = 0;
  const { leases } = at.host;
  const original = leases.acquire.bind(leases);
  leases.acquire = (...call) =>
    original(...call).catch((error: unknown) => {
      throw refusal ?? error;
    });
  const asked = acquire({ waitMs: 600_000 });
  await until('it waits', () => at.host.leases.waiting === 1);
  await at.serving.close(1_000);
  expect(await asked).toMatchObject({ status: 503, json: { code: 'shutting_down', retriable: true } });
  expect(at.logged).toEqual([]);
});

test('refusals keep their codes and facts', async () => {
  at.host.leases.free = 0;
  expect(await acquire({ waitMs: 0 })).toMatchObject({ status: 503, json: { code: 'no_free_slot', pool: 'chat' } });
  expect(await acquire({ waitMs: 1 })).toMatchObject({ status: 503, json: { code: 'queue_timeout' } });
  expect(await ask(at, { method: 'POST', path: '/v1/pools/nope/leases', body: {} })).toMatchObject({ status: 404 });
  const maintenance = { type: 'drain', allowsQueueProcessing: true, acceptsNewConnections: false } as const;
  const message = 'cannot give a lease on chat: it is being drained';
  at.host.leases.refusal = new PooldError('pool_draining', message, {
    pool: 'chat',
    reason: 'MAINTENANCE',
    maintenance,
    retryAfterMs: 1_500,
  });
  for (const bind of ['ttl', 'connection']) {
    const answer = await acquire({ bind });
    expect(answer.headers).toMatchObject({ 'retry-after': '2', 'content-type': expect.stringMatching(/^application\/problem\+json/) });
    expect(answer.json).toMatchObject({ status: 503, code: 'pool_draining', reason: 'MAINTENANCE', maintenance, detail: message });
  }
});

test('leases are listed, filtered, shown and never with a token', async () => {
  const { token, id } = at.host.leases.grant('chat');
  const list = await ask(at, { path: '/v1/leases?pool=chat&holder=ann&older=10m' });
  expect(list.json.items).toMatchObject([{ id, holder: 'ann', engine: { id: 'chat/0' }, heldMs: 60_000 }]);
  expect(at.host.leases.filters).toEqual([{ pool: 'chat', holder: 'ann', olderMs: 600_000 }]);
  const one = await ask(at, { path: `/v1/leases/${id}` });
  expect(one.json).toEqual(list.json.items[0]);
  expect(list.text + one.text).not.toContain(token);
  await ask(at, { path: '/v1/leases' });
  expect(at.host.leases.filters.at(-1)).toEqual({ pool: null, holder: null, olderMs: null });
  expect(await ask(at, { path: '/v1/leases?pool=nope' })).toMatchObject({ status: 404, json: { code: 'pool_not_found' } });
});

test('renew and verify take the token', async () => {
  const { token, id } = at.host.leases.grant('chat');
  const post = (verb: string, body: unknown) => ask(at, { method: 'POST', path: `/v1/leases/${id}/${verb}`, body });
  expect(await post('renew', { token, ttlMs: 100 })).toMatchObject({ status: 200, json: { outcome: 'renewed', ttlMs: 100, renewals: 1 } });
  expect((await post('renew', { token })).json).toMatchObject({ ttlMs: 30_000 });
  expect((await post('verify', { token })).json).toEqual(at.host.leases.lease(id));
  for (const verb of ['renew', 'verify', 'attach'])
    expect(await post(verb, { token: '3.9' })).toMatchObject({ status: 409, json: { code: 'stale_token' } });
});

test('release tells the host who asks, with which token, and what was wrong with the engine', async () => {
  const { leases } = at.host;
  const { token, id } = leases.grant('chat');
  const tcp = (role: 'lease' | 'operate', path: string, headers: Readonly<Record<string, string>> = {}) =>
    ask(at, { method: 'DELETE', path, port: at.serving.tcpPort, headers: { authorization: `Bearer ${at.tokens[role]}`, ...headers } });
  expect(await tcp('lease', `/v1/leases/${id}`)).toMatchObject({ status: 403, json: { code: 'forbidden' } });
  expect(await tcp('lease', `/v1/leases/${id}`, { 'poold-lease-token': '3.9' })).toMatchObject({
    status: 409,
    json: { code: 'stale_token' },
  });
  const own = await tcp('lease', `/v1/leases/${id}?outcome=engine_failed`, { 'poold-lease-token': token });
  expect(own).toMatchObject({ status: 200, json: { outcome: 'released' } });
  expect((await tcp('lease', `/v1/leases/${id}`, { 'poold-lease-token': token })).json).toEqual({ outcome: 'already_ended' });
  const other = leases.grant('chat').id;
  expect((await tcp('operate', `/v1/leases/${other}`)).json).toEqual({ outcome: 'released' });
  const by = { by: 'the-lease', claimed: false, operates: false };
  expect(leases.callers).toEqual([
    { ...by, token: null },
    { ...by, token: '3.9' },
    { ...by, token },
    { ...by, token },
    { by: 'the-operate', claimed: false, operates: true, token: null },
  ]);
  expect(leases.outcomes).toEqual([null, null, 'engine_failed', null, null]);
  expect(await ask(at, { path: `/v1/leases/${id}` })).toMatchObject({ status: 410, json: { code: 'lease_ended' } });
});

test('revoke says by whom and why', async () => {
  const { id } = at.host.leases.grant('chat');
  const path = `/v1/leases/${id}/revoke`;
  const headers = { 'poold-actor': 'ann@pts/3' };
  expect(await ask(at, { method: 'POST', path, body: { reason: 'stuck' }, headers })).toMatchObject({ status: 200, json: { id } });
  expect(at.host.leases.revoked).toEqual([{ by: 'ann@pts/3', reason: 'stuck' }]);
  expect(await ask(at, { method: 'POST', path, body: {} })).toMatchObject({ status: 410, json: { code: 'lease_ended' } });
});
