import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Served } from './served.ts';
import { ask, raw, served } from './served.ts';

let at: Served;
beforeAll(async () => {
  at = await served();
});
afterAll(async () => {
  expect(at.host.leases.asked).toEqual([]);
  expect(at.host.leases.callers).toEqual([]);
  expect(at.host.acted).toEqual([]);
  expect(at.host.planned).toEqual([]);
  expect(at.logged).toEqual([]);
  expect((await ask(at, { path: '/health' })).status).toBe(200);
  await at.stop();
});

test.each([
  ['a TTL below nothing', '{"ttlMs": -1}', 'ttlMs: '],
  ['no TTL', '{"ttlMs": 0}', 'ttlMs: '],
  ['a TTL under the least', '{"ttlMs": 99}', 'ttlMs: '],
  ['a TTL without end', '{"ttlMs": 1e308}', 'ttlMs: '],
  ['a TTL beyond numbers', '{"ttlMs": 1e999}', 'ttlMs: '],
  ['a TTL that is not exact', '{"ttlMs": 9007199254740993}', 'ttlMs: '],
  ['a part of a millisecond', '{"ttlMs": 1000.5}', 'ttlMs: '],
  ['a text for a TTL', '{"ttlMs": "30000"}', 'ttlMs: '],
  ['null for a TTL', '{"ttlMs": null}', 'ttlMs: '],
  ['a wait below nothing', '{"waitMs": -1}', 'waitMs: '],
  ['a wait beyond ten minutes', '{"waitMs": 600001}', 'waitMs: '],
  ['a part of a wait', '{"waitMs": 0.1}', 'waitMs: '],
  ['a text for a wait', '{"waitMs": "10s"}', 'waitMs: '],
  ['priority 10', '{"priority": 10}', 'priority: '],
  ['priority -1', '{"priority": -1}', 'priority: '],
  ['half a priority', '{"priority": 4.5}', 'priority: '],
  ['a truth for a priority', '{"priority": true}', 'priority: '],
  ['another bind', '{"bind": "for ever"}', 'bind: '],
  ['no holder', '{"holder": ""}', 'holder: '],
  ['a holder of 129 characters', JSON.stringify({ holder: 'ü'.repeat(129) }), 'holder: '],
  ['a holder with an escape', '{"holder": "\\u001b[2J"}', 'holder: '],
  ['a holder with a newline', '{"holder": "ann\\nroot"}', 'holder: '],
  ['a holder with NUL', '{"holder": "ann\\u0000"}', 'holder: '],
  ['a holder with C1', '{"holder": "ann\\u009b2J"}', 'holder: '],
  ['a holder with half a pair', '{"holder": "ann\\ud83d"}', 'holder: '],
  ['a list of holders', '{"holder": ["ann"]}', 'holder: '],
  ['an unknown key', '{"ttl": 100}', 'unknown key "ttl", did you mean "ttlMs"?'],
  ['a key of its own', '{"key": "x"}', 'unknown key "key"'],
  ['__proto__', '{"__proto__": {"bind": "connection"}}', '"__proto__" is never allowed'],
  ['constructor', '{"constructor": {}}', '"constructor" is never allowed'],
  ['a doubled TTL', '{"ttlMs": 100, "ttlMs": 1000}', 'stands there twice'],
  ['an array', '[]', 'expected object'],
])('an acquire with %s is refused', async (_name, body, says) => {
  const answer = await ask(at, { method: 'POST', path: '/v1/pools/chat/leases', body });
  expect(answer).toMatchObject({ status: 400, json: { code: 'invalid_request' } });
  expect(answer.json.detail).toContain(says);
});

test.each([
  ['nothing', ''],
  ['129 characters', 'k'.repeat(129)],
  ['a tab', 'a\tb'],
  ['a byte beyond ASCII', 'k\u00fcy'],
])('an idempotency key of %s is refused', async (_name, key) => {
  const answer = await ask(at, { method: 'POST', path: '/v1/pools/chat/leases', body: {}, headers: { 'idempotency-key': key } });
  expect(answer).toMatchObject({ status: 400, json: { code: 'invalid_request', detail: expect.stringContaining('Idempotency-Key') } });
});

test.each([
  ['nothing', ''],
  ['129 characters', 't'.repeat(129)],
  ['a space', '3.1 3.2'],
  ['a byte beyond ASCII', 't\u00f6ken'],
])('a lease token of %s is refused in the header', async (_name, token) => {
  const { id } = at.host.leases.grant('chat');
  const answer = await ask(at, { method: 'DELETE', path: `/v1/leases/${id}`, headers: { 'poold-lease-token': token } });
  expect(answer).toMatchObject({ status: 400, json: { code: 'invalid_request', detail: expect.stringContaining('Poold-Lease-Token') } });
  expect(at.host.leases.held.has(id)).toBe(true);
});

test('two tokens in two headers are none', async () => {
  const { id, token } = at.host.leases.grant('chat');
  const header = `poold-lease-token: ${token}\r\n`;
  expect(await raw(at, `DELETE /v1/leases/${id} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${header}${header}\r\n`)).toMatch(
    /^HTTP\/1.1 400 /,
  );
  expect(at.host.leases.held.has(id)).toBe(true);
});

test.each([
  ['renew', {}],
  ['renew', { token: 3 }],
  ['renew', { token: '' }],
  ['renew', { token: 'x'.repeat(129) }],
  ['renew', { token: 'a b' }],
  ['renew', { token: 'x', ttlMs: 99 }],
  ['renew', { token: 'x', ttlMs: '100' }],
  ['renew', { token: 'x', holder: 'me' }],
  ['attach', {}],
  ['attach', { token: null }],
  ['verify', { token: ['x'] }],
  ['verify', { token: 'x', wait: 1 }],
  ['revoke', { reason: '\u001b[2J' }],
  ['revoke', { reason: 'x'.repeat(501) }],
  ['revoke', { force: true }],
])('%s with %j is refused', async (verb, body) => {
  const { id } = at.host.leases.grant('chat');
  expect(await ask(at, { method: 'POST', path: `/v1/leases/${id}/${verb}`, body })).toMatchObject({
    status: 400,
    json: { code: 'invalid_request' },
  });
  expect(at.host.leases.held.has(id)).toBe(true);
});

test.each([
  ['GET', '/v1/leases?older=10', 400],
  ['GET', '/v1/leases?older=-10m', 400],
  ['GET', '/v1/leases?pool=CHAT', 400],
  ['GET', '/v1/leases?holder=', 400],
  ['GET', '/v1/leases?holder=a%0Ab', 400],
  ['GET', '/v1/leases?token=x', 400],
  ['GET', '/v1/leases?holder=a&holder=b', 400],
  ['GET', '/v1/leases/nope', 404],
  ['GET', '/v1/leases/..%2f..%2fx', 400],
  ['GET', `/v1/leases/${'x'.repeat(65)}`, 400],
  ['DELETE', '/v1/leases/x?outcome=fine', 400],
  ['GET', '/v1/tickets/nope', 404],
  ['GET', '/v1/tickets/nope?wait=11m', 400],
  ['GET', '/v1/tickets/nope?wait=5', 400],
  ['GET', '/v1/tickets/a%00', 400],
  ['DELETE', '/v1/tickets/nope', 404],
  ['GET', '/v1/pools/nope/queue', 404],
  ['GET', '/v1/pools/chat/queue?limit=1', 400],
  ['GET', '/v1/pools/chat/leases', 405],
])('%s %s answers %i', async (method, path, status) => {
  expect((await ask(at, { method, path })).status).toBe(status);
});

const MANY = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`v${index}`, '']));

test.each([
  ['drain', { deadlineMs: -1 }, 'deadlineMs: '],
  ['drain', { deadlineMs: 2_592_000_001 }, 'deadlineMs: '],
  ['drain', { deadlineMs: 0.5 }, 'deadlineMs: '],
  ['drain', { deadlineMs: '10m' }, 'deadlineMs: '],
  ['drain', { extend: 'yes' }, 'extend: '],
  ['drain', { now: true }, 'unknown key "now"'],
  ['engines/0/drain', { deadlineMs: -1 }, 'deadlineMs: '],
  ['pause', { deadlineMs: 1 }, 'unknown key "deadlineMs"'],
  ['resume', { now: true }, 'unknown key "now"'],
  ['reload', { strategy: 'canary' }, 'strategy: '],
  ['reload', { version: '' }, 'version: '],
  ['reload', { version: 'v\u001b[2J' }, 'version: '],
  ['reload', { version: 2 }, 'version: '],
  ['reload', { vars: ['model'] }, 'vars: '],
  ['reload', { vars: { model: 1 } }, 'vars.model: '],
  ['reload', { vars: { 'a.b': 'x' } }, 'vars.a.b: '],
  ['reload', { vars: { model: 'a\0b' } }, 'vars.model: '],
  ['reload', { vars: { model: 'x'.repeat(32_769) } }, 'vars.model: '],
  ['reload', { vars: MANY }, 'at most 100 variables'],
  ['reload', { admin: true }, 'unknown key "admin"'],
  ['reload', { dryRun: 1 }, 'dryRun: '],
  ['reload', '{"vars": {"__proto__": "x"}}', '"__proto__" is never allowed'],
])('%s with %j is refused', async (verb, body, says) => {
  const answer = await ask(at, { method: 'POST', path: `/v1/pools/chat/${verb}`, body });
  expect(answer).toMatchObject({ status: 400, json: { code: 'invalid_request' } });
  expect(answer.json.detail).toContain(says);
});
