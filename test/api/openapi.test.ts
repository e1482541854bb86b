import { expect, test } from 'vitest';
import { openapiDocument } from '../../src/api/openapi.ts';
import type { ApiContext } from '../../src/api/ports.ts';
import type { RawCall } from '../../src/api/route.ts';
import { ROUTES } from '../../src/api/routes.ts';
import { daemonRoutes } from '../../src/api/routes-daemon.ts';
import { CODES } from '../../src/errors.ts';

// biome-ignore lint/suspicious/noExplicitAny: a document is looked at here, not typed
const document: any = JSON.parse(JSON.stringify(openapiDocument(ROUTES, '1.2.3')));

test('it has every route of the table and no other', () => {
  const inDocument = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item as object).map((method) => `${method.toUpperCase()} ${path}`),
  );
  expect(inDocument.sort()).toEqual(ROUTES.map((route) => `${route.method} ${route.path}`).sort());
  expect(document).toMatchObject({ openapi: '3.1.0', info: { title: 'poold', version: '1.2.3' } });
});

test('it is made once: anybody may ask for it, as often as they like', async () => {
  let made = 0;
  const route = daemonRoutes(() => ({ openapi: '3.1.0', made: ++made })).find(({ id }) => id === 'getOpenapi');
  const context = { host: { version: '1.2.3' } } as ApiContext;
  const call = { params: {}, query: {}, body: undefined } as RawCall;
  const answers = [await route?.run(context, call), await route?.run(context, call)];
  expect(answers).toEqual(Array(2).fill({ status: 200, type: 'application/json', text: '{"openapi":"3.1.0","made":1}' }));
});

test('operation ids are unique and roles are those of the table', () => {
  expect(new Set(ROUTES.map((route) => route.id)).size).toBe(ROUTES.length);
  for (const route of ROUTES) {
    const operation = document.paths[route.path][route.method.toLowerCase()];
    expect(operation['x-role']).toBe(route.access);
    expect(operation.security).toEqual(route.access === 'open' ? [] : undefined);
  }
});

test('each parameter in a path is described, once, as required', () => {
  for (const route of ROUTES) {
    const names = [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const parameters = document.paths[route.path][route.method.toLowerCase()].parameters ?? [];
    // biome-ignore lint/suspicious/noExplicitAny: see above
    expect(parameters.filter((one: any) => one.in === 'path').map((one: any) => [one.name, one.required])).toEqual(
      names.map((name) => [name, true]),
    );
    // biome-ignore lint/suspicious/noExplicitAny: see above
    expect(parameters.every((one: any) => typeof one.schema === 'object')).toBe(true);
  }
});

test('every reference leads to a schema, and every schema is used', () => {
  const used = new Set([...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1]));
  const named = Object.keys(document.components.schemas);
  for (const name of used) expect(named).toContain(name);
  expect(JSON.stringify(document)).not.toMatch(/"\$id"|"\$schema"|"\$defs"/);
});

test('every answer says what it is; refusals are problems with codes of the table', () => {
  for (const route of ROUTES) {
    const { responses } = document.paths[route.path][route.method.toLowerCase()];
    expect(Object.keys(responses)).toEqual(expect.arrayContaining([...route.answers.map((answer) => String(answer.status)), '400', '500']));
    for (const code of route.refusals) expect(responses[String(CODES[code].status)].description).toContain(`\`${code}\``);
    for (const response of Object.values(responses) as { description: string; content: object }[]) {
      expect(response.description).not.toBe('');
      expect(Object.keys(response.content)).toHaveLength(1);
    }
  }
});

test('it tells of refusals that come from deeper down', () => {
  for (const verb of ['restart', 'retry', 'engines/{replica}/restart', 'engines/{replica}/retry'])
    expect(document.paths[`/v1/pools/{pool}/${verb}`].post.responses['503'].description).toContain('`pool_stopped`');
  expect(document.paths['/v1/operations'].get.responses['404'].description).toContain('`pool_not_found`');
});

test('a body is asked for only where something in it is', () => {
  const { requestBody } = document.paths['/v1/pools/{pool}/scale'].post;
  expect(requestBody).toMatchObject({
    required: true,
    content: { 'application/json': { schema: { required: ['replicas'], additionalProperties: false } } },
  });
  expect(document.paths['/v1/pools/{pool}/start'].post.requestBody.required).toBe(false);
  expect(document.paths['/v1/pools'].get.requestBody).toBeUndefined();
});

test('headers that a route reads are described', () => {
  const headersOf = (path: string, method: string): readonly string[] =>
    // biome-ignore lint/suspicious/noExplicitAny: see above
    document.paths[path][method].parameters.filter((one: any) => one.in === 'header').map((one: any) => one.name);
  expect(headersOf('/v1/events', 'get')).toEqual(['Last-Event-ID']);
  expect(headersOf('/v1/pools/{pool}/leases', 'post')).toEqual(['Idempotency-Key', 'Poold-Actor']);
  expect(headersOf('/v1/leases/{id}', 'delete')).toEqual(['Poold-Lease-Token', 'Poold-Actor']);
  expect(headersOf('/v1/pools/{pool}/leases', 'post')).not.toContain('Poold-Lease-Token');
});

test('an acquire answers with a lease, a ticket or a stream; a reload with an operation or a plan', () => {
  const { responses } = document.paths['/v1/pools/{pool}/leases'].post;
  expect(responses['200'].content).toEqual({ 'application/x-ndjson': { schema: { $ref: '#/components/schemas/BoundLine' } } });
  expect(responses['201'].content).toEqual({ 'application/json': { schema: { $ref: '#/components/schemas/Granted' } } });
  expect(responses['202'].content).toEqual({ 'application/json': { schema: { $ref: '#/components/schemas/Queued' } } });
  expect(responses['503'].description).toContain('`pool_draining`');
  expect(responses['429'].description).toContain('`queue_full`');
  expect(document.components.schemas.Problem.properties.maintenance).toBeDefined();
  expect(document.paths['/v1/pools/{pool}/reload'].post.responses['200'].content['application/json'].schema.anyOf).toEqual([
    { $ref: '#/components/schemas/Operation' },
    { $ref: '#/components/schemas/ReloadPlan' },
  ]);
});

test('the order of the table in the contract', () => {
  expect(ROUTES.map((route) => `${route.method} ${route.path}`)).toMatchInlineSnapshot(`
    [
      "GET /health",
      "GET /ready",
      "GET /metrics",
      "GET /openapi.json",
      "POST /v1/shutdown",
      "GET /v1/pools",
      "GET /v1/pools/{pool}",
      "GET /v1/pools/{pool}/status",
      "GET /v1/pools/{pool}/ready",
      "GET /v1/pools/{pool}/explain",
      "GET /v1/pools/{pool}/history",
      "GET /v1/operations",
      "GET /v1/operations/{id}",
      "GET /v1/events",
      "GET /v1/pools/{pool}/logs",
      "POST /v1/pools/{pool}/start",
      "POST /v1/pools/{pool}/stop",
      "POST /v1/pools/{pool}/restart",
      "POST /v1/pools/{pool}/drain",
      "POST /v1/pools/{pool}/pause",
      "POST /v1/pools/{pool}/resume",
      "POST /v1/pools/{pool}/reload",
      "POST /v1/pools/{pool}/retry",
      "POST /v1/pools/{pool}/scale",
      "POST /v1/pools/{pool}/reset",
      "POST /v1/pools/{pool}/engines/{replica}/start",
      "POST /v1/pools/{pool}/engines/{replica}/stop",
      "POST /v1/pools/{pool}/engines/{replica}/restart",
      "POST /v1/pools/{pool}/engines/{replica}/drain",
      "POST /v1/pools/{pool}/engines/{replica}/pause",
      "POST /v1/pools/{pool}/engines/{replica}/resume",
      "POST /v1/pools/{pool}/engines/{replica}/retry",
      "POST /v1/pools/{pool}/engines/{replica}/signal",
      "DELETE /v1/operations/{id}",
      "POST /v1/pools/{pool}/leases",
      "GET /v1/leases",
      "GET /v1/leases/{id}",
      "POST /v1/leases/{id}/renew",
      "POST /v1/leases/{id}/attach",
      "POST /v1/leases/{id}/verify",
      "POST /v1/leases/{id}/revoke",
      "DELETE /v1/leases/{id}",
      "GET /v1/pools/{pool}/queue",
      "GET /v1/tickets/{id}",
      "DELETE /v1/tickets/{id}",
    ]
  `);
});
