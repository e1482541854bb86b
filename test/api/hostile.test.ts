import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Served } from './served.ts';
import { ask, raw, served, until } from './served.ts';

let at: Served;
beforeAll(async () => {
  at = await served();
});
afterAll(async () => {
  expect(at.host.acted).toEqual([]);
  expect(at.logged).toEqual([]);
  expect((await ask(at, { path: '/health' })).status).toBe(200);
  await at.stop();
});

const scale = (body: string) => ask(at, { method: 'POST', path: '/v1/pools/chat/scale', body });

test.each([
  ['no JSON', '{"replicas": 1', 'not valid JSON'],
  ['a word', 'replicas', 'not valid JSON'],
  ['trailing text', '{"replicas": 1} x', 'not valid JSON'],
  ['a doubled key', '{"replicas": 1, "replicas": 2}', '"replicas" stands there twice'],
  ['a doubled key in escapes', '{"replicas": 1, "r\\u0065plicas": 2}', 'stands there twice'],
  ['__proto__', '{"replicas": 1, "__proto__": {"admin": true}}', '"__proto__" is never allowed'],
  ['__proto__ in escapes', '{"\\u005f_proto__": {}}', '"__proto__" is never allowed'],
  ['constructor', '{"constructor": {"prototype": {}}}', '"constructor" is never allowed'],
  ['65 levels', '['.repeat(65) + ']'.repeat(65), 'deeper than 64 levels'],
  ['a million brackets', '['.repeat(1_000_000), 'deeper than 64 levels'],
  ['an array', '[1]', 'expected object'],
  ['null', 'null', 'expected number'],
  ['a text for a number', '{"replicas": "3"}', 'replicas: '],
  ['a part of an engine', '{"replicas": 1.5}', 'replicas: '],
  ['less than nothing', '{"replicas": -1}', 'replicas: '],
  ['far too many', '{"replicas": 1e9}', 'replicas: '],
  ['an unknown key', '{"replica": 3}', 'unknown key "replica", did you mean "replicas"?'],
  ['a reason with an escape', '{"replicas": 1, "reason": "\\u001b[2J"}', 'reason: no control characters'],
  ['a reason without end', JSON.stringify({ replicas: 1, reason: 'x'.repeat(501) }), 'reason: '],
])('a body with %s is refused', async (_name, body, says) => {
  const answer = await scale(body);
  expect(answer).toMatchObject({ status: 400, json: { code: 'invalid_request' } });
  expect(answer.json.detail).toContain(says);
});

test('strings with brackets and colons are no structure', async () => {
  expect((await scale('{"reason": "[[{\\"a\\": \\"__proto__\\"}:"}')).json.detail).toContain('replicas');
});

test.each([
  ['another type', { 'content-type': 'text/plain' }, 'application/json'],
  ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'application/json'],
  ['bytes that are no UTF-8', { 'content-type': 'application/json' }, 'UTF-8'],
])('a body as %s is refused', async (_name, headers, says) => {
  const body = Buffer.from([0x22, 0xff, 0x22]);
  const head = Object.entries({ host: 'poold', 'content-length': String(body.length), connection: 'close', ...headers });
  const text = await raw(
    at,
    Buffer.concat([
      Buffer.from(`POST /v1/pools/chat/scale HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`),
      body,
    ]),
  );
  expect(text).toMatch(/^HTTP\/1.1 400 /);
  expect(text).toContain(says);
});

test('a body of 10 MB is refused, whether its length is told or not', async () => {
  const body = `{"reason": "${'x'.repeat(10_000_000)}"}`;
  expect(await scale(body)).toMatchObject({
    status: 413,
    json: { code: 'too_large', detail: 'cannot read the body: it is larger than 1048576 bytes' },
  });
  const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`;
  const chunked = await raw(
    at,
    `POST /v1/pools/chat/scale HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n${chunk}${chunk}0\r\n\r\n`,
  );
  expect(chunked).toMatch(/^HTTP\/1.1 413 /);
  expect(chunked).toContain('too_large');
});

test('headers beyond 16 KiB are refused', async () => {
  const text = await raw(at, `GET /health HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(17_000)}\r\n\r\n`);
  expect(text).toMatch(/^HTTP\/1.1 413 /);
  expect(text).toContain('application/problem+json');
  expect(text).toContain('headers are larger');
});

test.each([
  ['no HTTP', 'hello\r\n\r\n'],
  ['a space before the colon', 'GET /health HTTP/1.1\r\nhost : x\r\n\r\n'],
  ['both lengths', 'POST /v1/pools/chat/scale HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}'],
  ['a length that is none', 'POST /v1/pools/chat/scale HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n'],
  ['a bare line feed in a header', 'GET /health HTTP/1.1\r\nhost: x\ny: z\rq\r\n\r\n'],
  ['no host', 'GET /health HTTP/1.1\r\n\r\n'],
  ['an expectation that nobody knows', 'GET /health HTTP/1.1\r\nhost: x\r\nexpect: the-inquisition\r\nconnection: close\r\n\r\n'],
])('a request with %s is refused, in our words', async (_name, bytes) => {
  const text = await raw(at, bytes);
  expect(text).toMatch(/^HTTP\/1.1 400 /);
  expect(text).toMatch(/content-type: application\/problem\+json\r\n/i);
  expect(text).toContain('"code":"invalid_request"');
});

test('a CONNECT is refused, as poold is no proxy', async () => {
  const text = await raw(at, 'CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n');
  expect(text).toMatch(/^HTTP\/1.1 405 /);
  expect(text).toContain('"code":"method_not_allowed"');
});

test('HTTP/1.0 needs no host', async () => {
  expect(await raw(at, 'GET /health HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1.1 200 /);
});

test.each([
  ['/v1/pools/..', 400],
  ['/v1/pools/%2e%2e', 400],
  ['/v1/pools/../../etc/passwd', 404],
  ['/v1/pools/%2e%2e%2fetc', 400],
  ['/v1/pools/chat%00', 400],
  ['/v1/pools/chat%0a', 400],
  ['/v1/pools/CHAT', 400],
  ['/v1/pools/-chat', 400],
  ['/v1/pools/ch%C3%A4t', 400],
  [`/v1/pools/${'a'.repeat(64)}`, 400],
  [`/v1/pools/${'a'.repeat(10_000)}`, 400],
  ['/v1/pools/%zz', 400],
  ['/v1/pools/chat/', 404],
  ['/v1//pools', 404],
  ['/V1/pools', 404],
  ['/v1/pools/chat/engines/0', 404],
  ['/v1/operations/..%2f..%2fx', 400],
  ['/v1/pools?limit=1', 400],
  ['/v1/pools/chat/history?limit=0', 400],
  ['/v1/pools/chat/history?limit=1&limit=2', 400],
  ['/v1/pools/chat/history?limit=99999999999', 400],
  ['/v1/pools/chat/history?since=yesterday', 400],
  ['/v1/pools/chat/logs?replica=-1', 400],
  ['/v1/pools/chat/logs?replica=7', 404],
  ['/v1/pools/chat/logs?previous=true&generation=1', 400],
  ['/v1/operations/op-1?wait=11m', 400],
  ['/v1/operations/op-1?wait=30', 400],
  ['/v1/events?__proto__=1', 400],
  ['/v1/events?since=soon', 400],
  ['/v1/events?type=engine.dead', 400],
])('GET %s answers %i', async (path, status) => {
  const text = await raw(at, `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
  expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(text).toContain('"code":"');
});

test.each([
  ['00/start', 400],
  ['1e0/start', 400],
  ['99999999/start', 400],
  ['7/start', 404],
])('POST …/engines/%s answers %i', async (rest, status) => {
  expect(await ask(at, { method: 'POST', path: `/v1/pools/chat/engines/${rest}`, body: {} })).toMatchObject({ status });
});

test.each(['SIGWHATEVER', '9', '', 'toString', 'HUPP'])('the signal %j is refused', async (signal) => {
  expect(await ask(at, { method: 'POST', path: '/v1/pools/chat/engines/0/signal', body: { signal } })).toMatchObject({
    status: 400,
    json: { code: 'invalid_request' },
  });
});

test.each([
  ['POST', '/health', 'GET, HEAD'],
  ['PUT', '/v1/pools/chat', 'GET, HEAD'],
  ['GET', '/v1/pools/chat/start', 'POST'],
  ['POST', '/v1/operations/x', 'GET, HEAD, DELETE'],
  ['HEAD', '/v1/events', 'GET'],
  ['OPTIONS', '/v1/shutdown', 'POST'],
])('%s %s is answered 405 with what there is', async (method, path, allow) => {
  const answer = await ask(at, { method, path });
  expect(answer).toMatchObject({ status: 405, headers: { allow } });
  if (method !== 'HEAD') expect(answer.json).toMatchObject({ code: 'method_not_allowed' });
});

test.each([
  ['a name of 129 characters', 'x'.repeat(129)],
  ['a tab', 'ann\tx'],
])('an actor with %s is refused', async (_name, actor) => {
  expect(await ask(at, { method: 'POST', path: '/v1/pools/chat/start', body: {}, headers: { 'poold-actor': actor } })).toMatchObject({
    status: 400,
  });
});

test('web pages are refused on the socket too', async () => {
  expect(await ask(at, { path: '/health', headers: { origin: 'http://localhost' } })).toMatchObject({
    status: 403,
    json: { code: 'forbidden' },
  });
});

test('a broken request behind a good one never passes for its answer', async () => {
  const { id } = await at.host.act('chat', { do: 'start', replica: null }, { by: 'test', claimed: false, reason: null });
  at.host.acted.length = 0;
  const text = await raw(at, `GET /v1/operations/${id}?wait=200ms HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n`);
  expect(text).not.toContain('invalid_request');
});

test('clients that hang up in the middle leave nothing behind', async () => {
  for (const bytes of [
    'G',
    'GET /health HT',
    'POST /v1/pools/chat/scale HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"rep',
    'GET /v1/events HTTP/1.1\r\nhost: x\r\n\r\n',
  ]) {
    await new Promise<void>((resolve) => {
      const socket = connect(at.socketPath, () => {
        socket.write(bytes, () => {
          socket.destroy();
          resolve();
        });
      });
    });
  }
  await until('no listener is left', () => at.host.feed.listeners === 0);
});
