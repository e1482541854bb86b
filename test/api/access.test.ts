import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allows, ROLES } from '../../src/api/roles.ts';
import type { Route } from '../../src/api/route.ts';
import { ROUTES } from '../../src/api/routes.ts';
import type { Asked, Served, Told } from './served.ts';
import { ask, served } from './served.ts';

let at: Served;
beforeAll(async () => {
  at = await served({ withTcp: true, metrics: { host: '127.0.0.1', port: 0 } });
});
afterAll(() => at.stop());

const BODIES: Readonly<Record<string, unknown>> = {
  scalePool: { replicas: 1 },
  signalEngine: { signal: 'SIGHUP' },
  shutdown: { engines: 'keep' },
};

/** A request that this route answers well, whoever may send it. */
async function good(route: Route): Promise<Asked> {
  const { id } = at.host.act('chat', { do: 'start', replica: null }, { by: 'test', claimed: false, reason: null });
  const path = route.path.replace('{pool}', 'chat').replace('{replica}', '0').replace('{id}', id);
  const query = route.id === 'followEvents' ? '?follow=false' : '';
  return { method: route.method, path: path + query, ...(route.body === null ? {} : { body: BODIES[route.id] ?? {} }) };
}

function overTcp(asked: Asked, token: string | null): Promise<Told> {
  return ask(at, { ...asked, port: at.serving.tcpPort, headers: token === null ? {} : { authorization: `Bearer ${token}` } });
}

describe.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))('%s', (_name, route) => {
  test('over the socket everybody is an admin', async () => {
    expect((await ask(at, await good(route))).status).toBeLessThan(300);
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
    const before = at.host.acted.length;
    const request = await good(route);
    const answer = await overTcp(request, at.tokens[role]);
    if (allows(role, route.access)) return expect(answer.status).toBeLessThan(300);
    expect(answer).toMatchObject({ status: 403, json: { code: 'forbidden' } });
    return expect(at.host.acted.length).toBe(before + 1);
  });

  test('on the listener for metrics', async () => {
    const answer = await ask(at, { ...(await good(route)), port: at.serving.metricsPort });
    expect(answer.status).toBe(['/health', '/metrics'].includes(route.path) ? 200 : 404);
  });
});

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
  expect(ROUTES.filter((route) => route.method !== 'GET' && route.access !== 'operate').map((route) => [route.path, route.access])).toEqual(
    [['/v1/shutdown', 'admin']],
  );
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
