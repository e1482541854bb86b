import { afterAll, beforeAll, expect, test } from 'vitest';
import { operation as operationSchema, poolStatus, reloadPlan } from '../../src/api/schemas.ts';
import { PooldError } from '../../src/errors.ts';
import { crash, engine, pool } from './host.ts';
import type { Served } from './served.ts';
import { ask, served, until } from './served.ts';

let at: Served;
beforeAll(async () => {
  at = await served();
});
afterAll(() => at.stop());

test('health, ready, metrics and openapi are there without any pool', async () => {
  const bare = await served();
  bare.host.poolsByName.clear();
  try {
    expect((await ask(bare, { path: '/health' })).json).toEqual({ status: 'ok', version: '9.9.9' });
    expect(await ask(bare, { path: '/ready' })).toMatchObject({ status: 200, json: { ready: true } });
    const metrics = await ask(bare, { path: '/metrics' });
    expect(metrics).toMatchObject({ status: 200, text: 'poold_build_info 1\n' });
    expect(metrics.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect((await ask(bare, { path: '/openapi.json' })).json.openapi).toBe('3.1.0');
    expect((await ask(bare, { path: '/v1/pools' })).json).toEqual({ items: [] });
  } finally {
    await bare.stop();
  }
});

test('ready says what is missing and refuses pools that are not there', async () => {
  at.host.missing = 'cannot take requests: chat has 0 of 2 engines ready';
  const answer = await ask(at, { path: '/ready?pools=chat' });
  at.host.missing = null;
  expect(answer).toMatchObject({
    status: 503,
    json: { code: 'no_ready_engine', detail: 'cannot take requests: chat has 0 of 2 engines ready' },
  });
  expect(await ask(at, { path: '/ready?pools=chat,nope' })).toMatchObject({ status: 404, json: { code: 'pool_not_found' } });
});

test('a pool is shown whole, by both of its paths, as the schema says', async () => {
  const list = await ask(at, { path: '/v1/pools' });
  const one = await ask(at, { path: '/v1/pools/chat' });
  expect(list.json.items).toHaveLength(1);
  expect(poolStatus.parse(one.json)).toEqual(at.host.pool('chat'));
  expect((await ask(at, { path: '/v1/pools/chat/status' })).json).toEqual(one.json);
});

test('HEAD answers like GET, without the body', async () => {
  const answer = await ask(at, { method: 'HEAD', path: '/v1/pools/chat/ready' });
  expect(answer).toMatchObject({ status: 200, text: '' });
  expect(answer.headers['content-length']).not.toBe('0');
});

test('an unknown pool is a problem with its code and name', async () => {
  const answer = await ask(at, { path: '/v1/pools/nope' });
  expect(answer.status).toBe(404);
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.json).toEqual({
    type: 'urn:poold:problem:pool_not_found',
    title: 'No such pool',
    status: 404,
    detail: 'cannot find the pool nope; poolctl status lists them',
    code: 'pool_not_found',
    retriable: false,
    pool: 'nope',
  });
});

test('ready for balancers counts engines and says why not, and when to come again', async () => {
  expect(await ask(at, { path: '/v1/pools/chat/ready' })).toMatchObject({
    status: 200,
    json: { pool: 'chat', ready: true, readyEngines: 2 },
  });
  expect(await ask(at, { path: '/v1/pools/chat/ready?min=3' })).toMatchObject({
    status: 503,
    json: { code: 'no_ready_engine', pool: 'chat', retriable: true },
  });
  const nextStartAt = new Date(Date.now() + 60_000).toISOString();
  const waiting = engine('down/0', { state: 'backoff', ready: false, live: false, pid: null, nextStartAt });
  const reason = 'breaker_open';
  at.host.poolsByName.set('down', pool('down', { state: 'failed', reason, ready: false, live: false, engines: [waiting] }));
  const answer = await ask(at, { path: '/v1/pools/down/ready' });
  expect(answer).toMatchObject({ status: 503, json: { code: 'breaker_open', reason } });
  expect(answer.json.retryAfterMs).toBeGreaterThan(30_000);
  expect(Number(answer.headers['retry-after'])).toBe(Math.ceil(answer.json.retryAfterMs / 1000));
  at.host.poolsByName.set('down', pool('down', { state: 'stopped', ready: false, engines: [] }));
  expect((await ask(at, { path: '/v1/pools/down/ready' })).json).toMatchObject({ code: 'pool_stopped', retriable: false });
});

test.each([
  ['start', {}, { do: 'start', replica: null }],
  ['stop', { now: true }, { do: 'stop', replica: null, now: true }],
  ['restart', {}, { do: 'restart', replica: null, now: false }],
  ['retry', {}, { do: 'retry', replica: null }],
  ['scale', { replicas: 3 }, { do: 'scale', replicas: 3 }],
  ['reset', { class: 'gpu', forget: true }, { do: 'reset', class: 'gpu', forget: true }],
  ['reset', {}, { do: 'reset', class: null, forget: false }],
  ['drain', {}, { do: 'drain', replica: null, deadlineMs: null, extend: false }],
  ['drain', { deadlineMs: 0, extend: true }, { do: 'drain', replica: null, deadlineMs: 0, extend: true }],
  ['pause', {}, { do: 'pause', replica: null }],
  ['resume', {}, { do: 'resume', replica: null }],
  ['engines/1/drain', { deadlineMs: 2_592_000_000 }, { do: 'drain', replica: 1, deadlineMs: 2_592_000_000, extend: false }],
  ['engines/1/pause', {}, { do: 'pause', replica: 1 }],
  ['engines/1/resume', {}, { do: 'resume', replica: 1 }],
  ['reload', {}, { do: 'reload', version: null, vars: {}, strategy: null, deadlineMs: null, cutLeases: false, same: false, admin: true }],
  [
    'reload',
    { version: 'v2', vars: { model: '/models/b.gguf', draft: '' }, strategy: 'rolling', deadlineMs: 60_000, cutLeases: true, same: true },
    {
      do: 'reload',
      version: 'v2',
      vars: { model: '/models/b.gguf', draft: '' },
      strategy: 'rolling',
      deadlineMs: 60_000,
      cutLeases: true,
      same: true,
      admin: true,
    },
  ],
  ['engines/1/start', {}, { do: 'start', replica: 1 }],
  ['engines/1/stop', {}, { do: 'stop', replica: 1, now: false }],
  ['engines/1/restart', { now: false }, { do: 'restart', replica: 1, now: false }],
  ['engines/1/retry', {}, { do: 'retry', replica: 1 }],
  ['engines/0/signal', { signal: 'HUP' }, { do: 'signal', replica: 0, signal: 'SIGHUP' }],
])('POST …/%s %j begins what it says, by whom and why', async (verb, body, command) => {
  const headers = { 'poold-actor': 'ann@pts/3' };
  const answer = await ask(at, { method: 'POST', path: `/v1/pools/chat/${verb}`, body: { ...body, reason: 'a drill' }, headers });
  expect(answer.status).toBe(202);
  expect(operationSchema.parse(answer.json)).toEqual(at.host.operation(answer.json.id));
  expect(answer.headers.location).toBe(`/v1/operations/${answer.json.id}`);
  expect(at.host.acted.at(-1)).toEqual({ pool: 'chat', command, actor: { by: 'ann@pts/3', claimed: true, reason: 'a drill' } });
});

test('a dry run of a reload shows the plan and begins nothing', async () => {
  const before = at.host.acted.length;
  const answer = await ask(at, { method: 'POST', path: '/v1/pools/chat/reload', body: { version: 'v2', dryRun: true } });
  expect(answer.status).toBe(200);
  expect(reloadPlan.parse(answer.json)).toMatchObject({ pool: 'chat', would: 'reload', engines: ['chat/0', 'chat/1'] });
  expect(at.host.planned).toEqual([
    { do: 'reload', version: 'v2', vars: {}, strategy: null, deadlineMs: null, cutLeases: false, same: false, admin: true },
  ]);
  expect(at.host.acted).toHaveLength(before);
});

test('whoever only operates is no admin to a reload', async () => {
  const tcp = await served({ withTcp: true });
  try {
    for (const role of ['operate', 'admin'] as const) {
      const headers = { authorization: `Bearer ${tcp.tokens[role]}` };
      const body = { vars: { model: 'b' } };
      await ask(tcp, { method: 'POST', path: '/v1/pools/chat/reload', body, headers, port: tcp.serving.tcpPort });
    }
    expect(tcp.host.acted.map(({ command, actor }) => [actor.by, command])).toMatchObject([
      ['the-operate', { admin: false }],
      ['the-admin', { admin: true }],
    ]);
  } finally {
    await tcp.stop();
  }
});

test('a pool that drains or pauses is not ready for balancers, with engines that are', async () => {
  const acted = await at.host.act(
    'chat',
    { do: 'drain', replica: null, deadlineMs: null, extend: false },
    { by: 'x', claimed: false, reason: null },
  );
  const deadlineAt = new Date(Date.now() + 60_000).toISOString();
  at.host.end(acted.id, { state: 'running', endedAt: null, progress: { leasesLeft: 2, deadlineAt, candidate: null } });
  at.host.poolsByName.set('chat', pool('chat', { state: 'draining', draining: true, reason: 'draining' }));
  const draining = await ask(at, { path: '/v1/pools/chat/ready' });
  expect(draining).toMatchObject({
    status: 503,
    json: {
      code: 'pool_draining',
      pool: 'chat',
      reason: 'MAINTENANCE',
      maintenance: { type: 'drain', allowsQueueProcessing: true, acceptsNewConnections: false },
    },
  });
  expect(draining.json.retryAfterMs).toBeGreaterThan(30_000);
  at.host.poolsByName.set('chat', pool('chat', { state: 'draining', draining: true, ready: false }));
  at.host.missing = 'cannot take requests: chat is draining: asked by ann';
  const asked = await ask(at, { path: '/ready?pools=chat' });
  at.host.missing = null;
  const { detail, code, reason, maintenance } = asked.json;
  expect([asked.status, code, reason, detail]).toEqual([
    503,
    'pool_draining',
    'MAINTENANCE',
    'cannot take requests: chat is draining: asked by ann',
  ]);
  expect(maintenance).toEqual(draining.json.maintenance);
  at.host.poolsByName.set('chat', pool('chat', { state: 'drained', ready: false, engines: [] }));
  expect((await ask(at, { path: '/v1/pools/chat/ready' })).json).toMatchObject({
    code: 'pool_draining',
    reason: 'MAINTENANCE',
    maintenance: { allowsQueueProcessing: false },
    retryAfterMs: 5_000,
  });
  at.host.poolsByName.set('chat', pool('chat', { state: 'paused', reason: 'paused' }));
  expect(await ask(at, { path: '/v1/pools/chat/ready' })).toMatchObject({ status: 503, json: { code: 'pool_paused', reason: 'paused' } });
  at.host.poolsByName.set('chat', pool('chat'));
});

test('an acting call needs no body', async () => {
  expect((await ask(at, { method: 'POST', path: '/v1/pools/chat/start' })).status).toBe(202);
  expect(at.host.acted.at(-1)?.actor).toEqual({ by: 'socket', claimed: true, reason: null });
});

test('wait answers 200 when the operation has ended, 202 when it has not', async () => {
  const short = await ask(at, { method: 'POST', path: '/v1/pools/chat/stop?wait=1ms', body: {} });
  expect(short).toMatchObject({ status: 202, json: { state: 'running' } });
  const long = ask(at, { method: 'GET', path: `/v1/operations/${short.json.id}?wait=30s` });
  at.host.end(short.json.id, {
    state: 'failed',
    outcome: null,
    error: { code: 'start_timeout', message: 'cannot start chat/0: not ready in 2m' },
  });
  expect((await long).json).toMatchObject({ state: 'failed', error: { code: 'start_timeout' } });
  const { host } = at;
  const act = host.act.bind(host);
  host.act = async (...call) => {
    const begun = await act(...call);
    host.end(begun.id, { outcome: 'started' });
    return begun;
  };
  const done = await ask(at, { method: 'POST', path: '/v1/pools/chat/start?wait=30s', body: {} });
  host.act = act;
  expect(done).toMatchObject({ status: 200, json: { state: 'succeeded', outcome: 'started' } });
});

test('operations are listed, filtered, cancelled once', async () => {
  const { json: begun } = await ask(at, { method: 'POST', path: '/v1/pools/chat/stop', body: {} });
  expect((await ask(at, { path: '/v1/operations?pool=chat' })).json.items[0].id).toBe(begun.id);
  expect((await ask(at, { path: '/v1/operations?pool=other' })).json.items).toEqual([]);
  expect(await ask(at, { method: 'DELETE', path: `/v1/operations/${begun.id}?reason=wrong+pool` })).toMatchObject({
    status: 200,
    json: { state: 'cancelled' },
  });
  expect(await ask(at, { method: 'DELETE', path: `/v1/operations/${begun.id}` })).toMatchObject({
    status: 409,
    json: { code: 'conflict', retriable: false },
  });
  expect(await ask(at, { path: '/v1/operations/none' })).toMatchObject({ status: 404, json: { code: 'operation_not_found' } });
});

test('a refusal of the daemon keeps its facts, with Retry-After in whole seconds', async () => {
  at.host.refusal = new PooldError('breaker_open', 'cannot start chat: the breaker is open for 4 s more; poolctl retry chat', {
    pool: 'chat',
    reason: 'breaker_open',
    retryAfterMs: 3_400,
  });
  const answer = await ask(at, { method: 'POST', path: '/v1/pools/chat/start', body: {} });
  at.host.refusal = null;
  expect(answer).toMatchObject({
    status: 503,
    json: { code: 'breaker_open', pool: 'chat', reason: 'breaker_open', retryAfterMs: 3_400, retriable: true },
  });
  expect(answer.headers['retry-after']).toBe('4');
});

test('history and explain', async () => {
  at.host.entries = [crash('chat', { generation: 2 }), crash('chat')];
  at.host.explanations = [{ subject: 'chat/0', rule: 'back-off', says: 'starts in 4 s' }];
  expect((await ask(at, { path: '/v1/pools/chat/history?replica=0&limit=1&since=2026-11-03T00:00:00Z' })).json.items).toEqual([
    crash('chat', { generation: 2 }),
  ]);
  expect(at.host.historyQueries.at(-1)).toEqual({ replica: 0, sinceMs: Date.parse('2026-11-03T00:00:00Z'), limit: 1 });
  expect((await ask(at, { path: '/v1/pools/chat/history' })).json.items).toHaveLength(2);
  at.host.entries = [];
  expect((await ask(at, { path: '/v1/pools/chat/history' })).json).toEqual({ items: [] });
  expect((await ask(at, { path: '/v1/pools/chat/explain?replica=0' })).json.items).toEqual(at.host.explanations);
});

test('shutdown answers before it is done', async () => {
  expect(await ask(at, { method: 'POST', path: '/v1/shutdown', body: { engines: 'keep', reason: 'upgrade' } })).toMatchObject({
    status: 202,
    json: { engines: 'keep' },
  });
  expect(at.host.shutdowns).toEqual([{ engines: 'keep', actor: { by: 'socket', claimed: true, reason: 'upgrade' } }]);
  expect(await ask(at, { method: 'POST', path: '/v1/shutdown', body: {} })).toMatchObject({
    status: 400,
    json: { code: 'invalid_request' },
  });
});

test('a fault of ours is 500 without details, is logged, and the daemon goes on', async () => {
  at.host.fault = new Error('secret at /etc/poold/tokens');
  const answer = await ask(at, { path: '/v1/pools' });
  at.host.fault = null;
  expect(answer).toMatchObject({ status: 500, json: { code: 'internal', retriable: false } });
  expect(answer.text).not.toMatch(/secret|\/etc|\bat\s|\.ts/);
  expect(at.logged.at(-1)).toMatchObject({ level: 'error', message: 'cannot answer a request' });
  expect((await ask(at, { path: '/v1/pools' })).status).toBe(200);
});

test('requests are observed by route, never by name', async () => {
  await ask(at, { path: '/v1/pools/chat/explain' });
  await ask(at, { path: '/no/such/path' });
  await until('both are observed', () => at.observed.at(-1)?.route === 'none');
  expect(at.observed.slice(-2)).toEqual([
    { route: '/v1/pools/{pool}/explain', status: 200 },
    { route: 'none', status: 404 },
  ]);
});
