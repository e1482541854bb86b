import { afterAll, beforeAll, expect, test } from 'vitest';
import { allows, ROLES } from '../../src/api/roles.ts';
import { ROUTES } from '../../src/api/routes.ts';
import type { Served } from './served.ts';
import { ask, raw, served } from './served.ts';

let at: Served;
beforeAll(async () => {
  at = await served({ withTcp: true });
});
afterAll(() => at.stop());

test('every role may do what the one before may, and nobody is below read', () => {
  expect(ROLES.map((role) => ROUTES.filter((route) => allows(role, route.access)).length)).toEqual(
    [...ROLES.map((role) => ROUTES.filter((route) => allows(role, route.access)).length)].sort((a, b) => a - b),
  );
  expect(allows(null, 'read')).toBe(false);
  expect(ROUTES.filter((route) => route.access === 'open').map((route) => route.path)).toEqual([
    '/health',
    '/ready',
    '/metrics',
    '/openapi.json',
  ]);
  const others = ROUTES.filter((route) => route.method !== 'GET' && route.access !== 'operate');
  expect(others.map((route) => `${route.access} ${route.method} ${route.path}`)).toEqual([
    'admin POST /v1/shutdown',
    'lease POST /v1/pools/{pool}/leases',
    'lease POST /v1/leases/{id}/renew',
    'lease POST /v1/leases/{id}/attach',
    'lease POST /v1/leases/{id}/verify',
    'lease DELETE /v1/leases/{id}',
    'lease DELETE /v1/tickets/{id}',
  ]);
  // What a ticket has become is shown with its token.
  expect(ROUTES.filter((route) => route.method === 'GET' && route.access === 'lease').map((route) => route.path)).toEqual([
    '/v1/tickets/{id}',
  ]);
});

test('who asks over TCP is the token, whatever the client says', async () => {
  const headers = { authorization: `Bearer ${at.tokens.operate}`, 'poold-actor': 'root@console' };
  await ask(at, { method: 'POST', path: '/v1/pools/chat/start', body: { reason: 'why' }, port: at.serving.tcpPort, headers });
  expect(at.host.acted.at(-1)?.actor).toEqual({ by: 'the-operate', claimed: false, reason: 'why' });
});

test('strangers are not told which routes there are', async () => {
  const asked = { path: '/no/such/route', port: at.serving.tcpPort };
  expect([401, 429]).toContain((await ask(at, asked)).status);
  expect((await ask(at, { ...asked, headers: { authorization: `Bearer ${at.tokens.read}` } })).status).toBe(404);
});

test('the eleventh wrong token is not looked at, the right one always is', async () => {
  const fresh = await served({ withTcp: true });
  try {
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 11; attempt += 1) {
      statuses.push(
        (await ask(fresh, { path: '/v1/pools', port: fresh.serving.tcpPort, headers: { authorization: `Bearer wrong-${attempt}` } }))
          .status,
      );
    }
    expect(statuses).toEqual([...Array(10).fill(401), 429]);
    const blocked = await ask(fresh, { path: '/v1/pools', port: fresh.serving.tcpPort });
    expect(blocked).toMatchObject({ status: 429, json: { code: 'rate_limited', retriable: true } });
    expect(Number(blocked.headers['retry-after'])).toBeGreaterThan(0);
    expect(
      (await ask(fresh, { path: '/v1/pools', port: fresh.serving.tcpPort, headers: { authorization: `Bearer ${fresh.tokens.read}` } }))
        .status,
    ).toBe(200);
    expect((await ask(fresh, { path: '/health', port: fresh.serving.tcpPort })).status).toBe(200);
  } finally {
    await fresh.stop();
  }
});

test.each([
  ['two hosts, ours first', 'host: localhost\r\nhost: evil.example\r\n'],
  ['two hosts, ours last', 'host: evil.example\r\nhost: localhost\r\n'],
  ['two tokens, the good one first', 'host: localhost\r\nauthorization: Bearer GOOD\r\nauthorization: Bearer bad\r\n'],
  ['two tokens, the good one last', 'host: localhost\r\nauthorization: Bearer bad\r\nauthorization: Bearer GOOD\r\n'],
])('%s: nobody can tell which counts, so none does', async (_name, headers) => {
  const named = headers.includes('authorization') ? headers : `${headers}authorization: Bearer GOOD\r\n`;
  const text = await raw(at, `GET /v1/pools HTTP/1.1\r\n${named.replaceAll('GOOD', at.tokens.admin)}connection: close\r\n\r\n`, {
    port: at.serving.tcpPort,
  });
  expect(text).toMatch(/^HTTP\/1.1 (?:401|403|429) /);
});
