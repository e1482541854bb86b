import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allows, ROLES } from '../../src/api/roles.ts';
import type { Route } from '../../src/api/route.ts';
import { ROUTES } from '../../src/api/routes.ts';
import type { Asked, Served, Told } from './served.ts';
import { ask, served } from './served.ts';

let at: Served;
beforeAll(async () => {
  at = await served({ withTcp: true, metrics: { host: '127.0.0.1', port: 0 } });
  at.host.leases.stays = false;
});
afterAll(() => at.stop());

const BODIES: Readonly<Record<string, unknown>> = {
  scalePool: { replicas: 1 },
  signalEngine: { signal: 'SIGHUP' },
  shutdown: { engines: 'keep' },
};

/** A request that this route answers well, whoever may send it. */
async function good(route: Route): Promise<Asked> {
  const { id, token } = await holding(route);
  const path = route.path.replace('{pool}', 'chat').replace('{replica}', '0').replace('{id}', id);
  const query = route.id === 'followEvents' ? '?follow=false' : '';
  const known = BODIES[route.id] ?? (route.path.startsWith('/v1/leases/{id}/') && route.id !== 'revokeLease' ? { token } : {});
  return {
    method: route.method,
    path: path + query,
    headers: route.id === 'releaseLease' ? { 'poold-lease-token': token } : {},
    ...(route.body === null ? {} : { body: known }),
  };
}

/** The id of what the path speaks of, made for this request. */
async function holding({ path }: Route): Promise<{ readonly id: string; readonly token: string }> {
  const { leases } = at.host;
  if (path.startsWith('/v1/leases/')) return leases.grant('chat');
  if (path.startsWith('/v1/tickets/')) return { id: leases.enqueue('chat').id, token: '' };
  return { id: (await at.host.act('chat', { do: 'start', replica: null }, { by: 'test', claimed: false, reason: null })).id, token: '' };
}

function overTcp(asked: Asked, token: string | null): Promise<Told> {
  const headers = { ...asked.headers, ...(token === null ? {} : { authorization: `Bearer ${token}` }) };
  return ask(at, { ...asked, port: at.serving.tcpPort, headers });
}

describe.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))('%s', (_name, route) => {
  test('over the socket everybody is an admin', async () => {
    expect((await ask(at, await good(route))).status).toBeLessThan(300);
  });

  test('over the socket for leases everybody has the role lease', async () => {
    const request = await good(route);
    const before = happened();
    const answer = await ask(at, { ...request, socketPath: at.leaseSocketPath });
    if (allows('lease', route.access)) return expect(answer.status).toBeLessThan(300);
    expect(answer).toMatchObject({ status: 403, json: { code: 'forbidden' } });
    return expect(happened()).toEqual(before);
  });

  test('over TCP nobody gets in without a token, unless it is open', async () => {
    const answer = await overTcp(await good(route), null);
    if (route.access === 'open') return expect(answer.status).toBe(200);
    // After ten of these the answer says so instead.
    expect([401, 429]).toContain(answer.status);
    expect(['unauthorized', 'rate_limited']).toContain(answer.json.code);
    return expect(answer.status === 429 || answer.headers['www-authenticate'] === 'Bearer realm="poold"').toBe(true);
  });

  test.each(ROLES)('over TCP with the role %s', async (role) => {
    const request = await good(route);
    const before = happened();
    const answer = await overTcp(request, at.tokens[role]);
    if (allows(role, route.access)) return expect(answer.status).toBeLessThan(300);
    expect(answer).toMatchObject({ status: 403, json: { code: 'forbidden' } });
    return expect(happened()).toEqual(before);
  });

  test('on the listener for metrics', async () => {
    const answer = await ask(at, { ...(await good(route)), port: at.serving.metricsPort });
    expect(answer.status).toBe(['/health', '/metrics'].includes(route.path) ? 200 : 404);
  });
});

/** Whatever a request can have changed. */
function happened(): readonly unknown[] {
  const { acted, planned, leases, shutdowns } = at.host;
  return [acted.length, planned.length, shutdowns.length, leases.asked.length, [...leases.held.keys()], [...leases.tickets.values()]];
}

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

test.each([
  ['localhost', 200],
  ['LOCALHOST:9200', 200],
  ['127.0.0.1:1', 200],
  ['[::1]:9200', 200],
  ['gpu1.internal', 200],
  ['evil.example', 403],
  ['localhost.evil.example', 403],
  ['127.0.0.1.nip.io', 403],
  ['localhost@evil.example', 403],
])('the host %j is answered %i', async (host, status) => {
  expect((await ask(at, { path: '/health', port: at.serving.tcpPort, headers: { host } })).status).toBe(status);
  expect((await ask(at, { path: '/health', port: at.serving.metricsPort, headers: { host } })).status).toBe(
    host === 'gpu1.internal' ? 403 : status,
  );
});

test.each(['http://localhost:9200', 'null', 'https://evil.example'])('the origin %s is refused, with a good token too', async (origin) => {
  const headers = { origin, authorization: `Bearer ${at.tokens.admin}` };
  expect(await ask(at, { path: '/v1/pools', port: at.serving.tcpPort, headers })).toMatchObject({
    status: 403,
    json: { code: 'forbidden' },
  });
});

test('strangers are not told which routes there are', async () => {
  expect([401, 429]).toContain((await overTcp({ path: '/no/such/route' }, null)).status);
  expect((await overTcp({ path: '/no/such/route' }, at.tokens.read)).status).toBe(404);
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
