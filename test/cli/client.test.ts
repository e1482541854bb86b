import { mkdtempSync, rmSync } from 'node:fs';
import type { Server } from 'node:http';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Client } from '../../src/client/client.ts';
import { connectionError, mayRetry } from '../../src/client/faults.ts';
import { eventsIn, recordsIn } from '../../src/client/streams.ts';
import { systemClock } from '../../src/clock.ts';
import type { Served } from '../api/served.ts';
import { served, until } from '../api/served.ts';

const clients: Client[] = [];
function clientAt(socketPath: string, timeoutMs = 5_000): Client {
  const client = new Client({ target: { socketPath }, clock: systemClock, actor: 'test@here', timeoutMs });
  clients.push(client);
  return client;
}

let at: Served;
let directory: string;
let server: Server | null = null;
beforeEach(async () => {
  at = await served();
  directory = mkdtempSync(join(tmpdir(), 'poold-client-'));
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  server?.closeAllConnections();
  server?.close();
  server = null;
  await at.stop();
  rmSync(directory, { recursive: true, force: true });
});

/** Something that answers as the test wants, and says how often it was asked. */
async function stranger(
  answer: (asked: number) => { readonly status: number; readonly text: string } | 'cut' | 'silence',
): Promise<{ readonly path: string; readonly asked: () => number }> {
  let asked = 0;
  const path = join(directory, 'stranger.sock');
  server = createServer((request, response) => {
    asked += 1;
    const said = answer(asked);
    if (said === 'silence') return;
    if (said === 'cut') request.socket.destroy();
    else response.writeHead(said.status).end(said.text);
  });
  await new Promise<void>((resolve) => server?.listen(path, resolve));
  return { path, asked: () => asked };
}

test('a refusal is an error with its code and facts', async () => {
  await expect(clientAt(at.socketPath).pool('nope')).rejects.toMatchObject({
    name: 'ClientError',
    code: 'pool_not_found',
    facts: { status: 404, pool: 'nope', retriable: false },
  });
});

test('a question is asked again when the connection was cut, an order is not', async () => {
  const { path, asked } = await stranger((times) => (times === 1 ? 'cut' : { status: 200, text: '{"status":"ok","version":"1"}' }));
  expect(await clientAt(path).health()).toEqual({ status: 'ok', version: '1' });
  expect(asked()).toBe(2);
  server?.closeAllConnections();
  server?.close();
  rmSync(path, { force: true });
  const cutting = await stranger(() => 'cut');
  await expect(clientAt(cutting.path).act('chat', { do: 'start', replica: null }, null)).rejects.toMatchObject({ code: 'unreachable' });
  expect(cutting.asked()).toBe(1);
});

test('orders are only sent again where nothing of them can have arrived', () => {
  for (const code of ['ECONNREFUSED', 'ENOENT']) expect(mayRetry({ code }, false)).toBe(true);
  for (const code of ['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'HPE_INVALID_CONSTANT', 'EACCES'])
    expect(mayRetry({ code }, false)).toBe(false);
  expect(mayRetry({ code: 'UND_ERR_SOCKET', cause: { code: 'ECONNRESET' } }, true)).toBe(true);
  expect(mayRetry({ code: 'EACCES' }, true)).toBe(false);
});

test('no way in says which group to join', () => {
  expect(connectionError({ code: 'EACCES' }, { socketPath: '/run/poold/api.sock' })).toMatchObject({
    code: 'no_access',
    message: expect.stringMatching(/^cannot open \/run\/poold\/api.sock: you are not in the group .*usermod -aG/),
  });
});

test('no answer in time is an error, beyond what the daemon was asked to wait', async () => {
  const { path } = await stranger(() => 'silence');
  await expect(clientAt(path, 30).health()).rejects.toMatchObject({ code: 'timed_out', message: expect.stringContaining('within 0.03 s') });
  const operation = await at.host.act('chat', { do: 'start', replica: null }, { by: 'x', claimed: false, reason: null });
  expect(await clientAt(at.socketPath, 2_000).operation(operation.id, 20)).toMatchObject({ state: 'running' });
});

test('an answer that is none of poold’s is told from a refusal', async () => {
  const { path } = await stranger((times) =>
    times === 1 ? { status: 404, text: '{"message":"page not found"}' } : { status: 200, text: 'hello' },
  );
  await expect(clientAt(path).pools()).rejects.toMatchObject({ code: 'not_poold', facts: { status: 404 } });
  await expect(clientAt(path).pools()).rejects.toMatchObject({ code: 'not_poold' });
});

test('events are iterated; calling them off ends it quietly and leaves no listener', async () => {
  const leave = new AbortController();
  const seen: unknown[] = [];
  const done = (async () => {
    for await (const message of clientAt(at.socketPath).events({ follow: true, since: '1:5' }, leave.signal)) seen.push(message);
  })();
  await until('reset came', () => seen.length === 1);
  at.host.feed.happen({ type: 'engine.ready', pool: 'chat', facts: { ms: 3 } });
  await until('the event came', () => seen.length === 2);
  leave.abort();
  await done;
  expect(seen).toEqual([
    { is: 'reset', cursor: '3:0' },
    { is: 'event', event: { cursor: '3:1', at: '2026-11-03T08:00:00.000Z', type: 'engine.ready', pool: 'chat', ms: 3 } },
  ]);
  await until('nobody listens', () => at.host.feed.listeners === 0);
});

test('logs are iterated, and leaving the loop hangs up', async () => {
  at.host.logLines = [{ is: 'line', text: 'one', atMs: null }];
  for await (const record of clientAt(at.socketPath).logs('chat', { replica: 0, follow: true })) {
    expect(record).toEqual({ engine: 'chat/0', is: 'line', text: 'one', at: null });
    break;
  }
  await until('nobody is read', () => at.host.written.readers === 0);
});

async function all<T>(values: AsyncIterable<T>): Promise<readonly T[]> {
  const list: T[] = [];
  for await (const value of values) list.push(value);
  return list;
}

test('streams are cut anywhere and come out whole', async () => {
  const text =
    ':\n\nid: 3:1\nevent: engine.ready\ndata: {"a":\ndata: 1}\n\n:\n\nevent: lagged\ndata: {"cursor":"3:9"}\n\nevent: half\ndata: {';
  for (const chars of [1, 2, 7, 1_000]) {
    const pieces = text.match(new RegExp(`[^]{1,${chars}}`, 'g')) ?? [];
    expect(await all(eventsIn(iterate(pieces)))).toEqual([
      { is: 'event', event: { a: 1 } },
      { is: 'lagged', cursor: '3:9' },
    ]);
  }
  expect(await all(recordsIn(iterate(['{"a"', ':1}\n\n{"b":2}', '\n{"c'])))).toEqual([{ a: 1 }, { b: 2 }]);
  await expect(all(recordsIn(iterate(['<html>\n'])))).rejects.toMatchObject({ code: 'not_poold' });
});

async function* iterate(pieces: readonly string[]): AsyncGenerator<string> {
  yield* pieces;
}
