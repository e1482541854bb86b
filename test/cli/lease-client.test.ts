import { mkdtempSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Client } from '../../src/client/client.ts';
import type { AcquireOrder } from '../../src/client/lease-client.ts';
import { systemClock } from '../../src/clock.ts';
import { PooldError } from '../../src/errors.ts';
import type { BoundLine } from '../../src/lease/lease.ts';
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

const ORDER: AcquireOrder = { holder: null, ttlMs: null, waitMs: null, priority: null, key: null };

test('an acquire says what was asked and nothing else', async () => {
  const { leases } = clientAt(at.leaseSocketPath);
  expect(await leases.acquire('chat', ORDER)).toMatchObject({ outcome: 'granted', id: 'lease-1' });
  await leases.acquire('chat', { holder: 'job', ttlMs: 5_000, waitMs: 0, priority: 0, key: 'k' });
  expect(at.host.leases.asked.map(({ request }) => request)).toEqual([
    { holder: 'test@here', client: 'test@here', ttlMs: null, waitMs: null, priority: null, bind: 'ttl', key: null },
    { holder: 'job', client: 'test@here', ttlMs: 5_000, waitMs: 0, priority: 0, bind: 'ttl', key: 'k' },
  ]);
});

test('a lease goes its way: listed, shown, verified, renewed, released twice', async () => {
  const { leases } = clientAt(at.leaseSocketPath);
  const granted = await leases.acquire('chat', ORDER);
  if (granted.outcome !== 'granted') throw new Error('it was queued');
  const { id, token } = granted;
  expect(await leases.list({ pool: 'chat', holder: null, olderMs: 1_500.4 })).toEqual([await leases.lease(id)]);
  expect(at.host.leases.filters).toEqual([{ pool: 'chat', holder: null, olderMs: 1_500 }]);
  expect(await leases.verify(id, token)).toMatchObject({ id });
  expect(await leases.renew(id, { token, ttlMs: 100 })).toMatchObject({ outcome: 'renewed', ttlMs: 100 });
  await expect(leases.renew(id, { token: 'wrong', ttlMs: null })).rejects.toMatchObject({ code: 'stale_token', facts: { status: 409 } });
  expect(await leases.release(id, { token, outcome: 'engine_failed' })).toEqual({ outcome: 'released' });
  expect(await leases.release(id, { token, outcome: null })).toEqual({ outcome: 'already_ended' });
  expect(at.host.leases.outcomes).toEqual(['engine_failed', null]);
  await expect(leases.revoke(id, null)).rejects.toMatchObject({ code: 'forbidden' });
  await expect(clientAt(at.socketPath).leases.revoke(id, 'why')).rejects.toMatchObject({ code: 'lease_ended', facts: { status: 410 } });
});

test('a ticket is waited for longer than an answer may take', async () => {
  const { leases } = clientAt(at.leaseSocketPath, 100);
  at.host.leases.free = 0;
  const { id } = await leases.acquire('chat', ORDER);
  expect(await leases.queue('chat')).toMatchObject([{ ticket: id.slice(0, 8) }]);
  expect(await leases.ticket(id, 0)).toMatchObject({ state: 'queued' });
  expect(await leases.ticket(id, 200)).toMatchObject({ state: 'queued' });
  const held = leases.acquire('chat', { ...ORDER, waitMs: 30_000 });
  await until('it waits', () => at.host.leases.waiting === 1);
  at.host.leases.promote([...at.host.leases.tickets.keys()].at(-1) ?? '');
  expect(await held).toMatchObject({ outcome: 'granted' });
  expect(await leases.leave(id)).toMatchObject({ state: 'left' });
});

test('calling an acquire off leaves the queue', async () => {
  at.host.leases.free = 0;
  const leave = new AbortController();
  const held = clientAt(at.leaseSocketPath).leases.acquire('chat', { ...ORDER, waitMs: 30_000 }, leave.signal);
  held.catch(() => {});
  await until('it waits', () => at.host.leases.waiting === 1);
  leave.abort();
  await expect(held).rejects.toMatchObject({ code: 'aborted' });
  await until('nobody waits', () => at.host.leases.waiting === 0);
});

test('a bound lease is held while it is iterated; leaving the loop and aborting release it', async () => {
  const { leases } = clientAt(at.leaseSocketPath);
  for await (const line of leases.acquireBound('chat', ORDER)) {
    expect(line).toMatchObject({ outcome: 'granted', id: 'lease-1' });
    break;
  }
  await until('it has ended', () => at.host.leases.ended.has('lease-1'));
  const { id, token } = at.host.leases.grant('chat');
  const leave = new AbortController();
  const seen: BoundLine[] = [];
  for await (const line of leases.attach(id, token, leave.signal)) {
    seen.push(line);
    leave.abort();
  }
  expect(seen).toMatchObject([{ outcome: 'granted', id }]);
  await until('it has ended too', () => at.host.leases.ended.has(id));
});

test('a refusal of a drain keeps what maintenance it is, for streams too', async () => {
  const maintenance = { type: 'drain', allowsQueueProcessing: true, acceptsNewConnections: false } as const;
  const facts = { pool: 'chat', reason: 'MAINTENANCE', maintenance, retryAfterMs: 1_500 };
  at.host.leases.refusal = new PooldError('pool_draining', 'cannot give a lease on chat: it is being drained', facts);
  const { leases } = clientAt(at.leaseSocketPath);
  const refused = { code: 'pool_draining', facts: { status: 503, retriable: true, ...facts } };
  await expect(leases.acquire('chat', ORDER)).rejects.toMatchObject(refused);
  await expect(leases.acquireBound('chat', ORDER)[Symbol.asyncIterator]().next()).rejects.toMatchObject(refused);
});

test('drain, pause, resume and reload are asked for as they are', async () => {
  const client = clientAt(at.socketPath);
  const reload = {
    do: 'reload',
    version: 'v2',
    vars: { model: 'b' },
    strategy: null,
    deadlineMs: null,
    cutLeases: false,
    same: true,
  } as const;
  await client.act('chat', { do: 'drain', replica: null, deadlineMs: 1_000, extend: true }, 'why');
  await client.act('chat', { do: 'drain', replica: 1, deadlineMs: null, extend: false }, null);
  await client.act('chat', { do: 'pause', replica: 0 }, null);
  await client.act('chat', { do: 'resume', replica: null }, null);
  await client.act('chat', reload, null);
  expect(at.host.acted.map(({ command }) => command)).toEqual([
    { do: 'drain', replica: null, deadlineMs: 1_000, extend: true },
    { do: 'drain', replica: 1, deadlineMs: null, extend: false },
    { do: 'pause', replica: 0 },
    { do: 'resume', replica: null },
    { ...reload, admin: true },
  ]);
  expect(await client.planReload('chat', reload)).toMatchObject({ would: 'reload' });
  expect(at.host.planned).toEqual([{ ...reload, admin: true }]);
});

/** Cuts the first connection behind the whole request, answers from then on. */
async function cutting(answer: object): Promise<{ readonly path: string; readonly asked: readonly IncomingMessage[] }> {
  const asked: IncomingMessage[] = [];
  const path = join(directory, 'cutting.sock');
  server = createServer((request, response) => {
    asked.push(request);
    request.resume().on('end', () => {
      if (asked.length === 1) request.socket.destroy();
      else response.writeHead(200).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server?.listen(path, resolve));
  return { path, asked };
}

test('an acquire without a key is never sent again once a connection stood; with one it is, and the same', async () => {
  const without = await cutting({ outcome: 'granted' });
  await expect(clientAt(without.path).leases.acquire('chat', ORDER)).rejects.toMatchObject({ code: 'unreachable' });
  expect(without.asked).toHaveLength(1);
  server?.closeAllConnections();
  server?.close();
  rmSync(without.path, { force: true });
  const keyed = await cutting({ outcome: 'granted' });
  expect(await clientAt(keyed.path).leases.acquire('chat', { ...ORDER, key: 'k-1' })).toEqual({ outcome: 'granted' });
  expect(keyed.asked.map(({ headers }) => headers['idempotency-key'])).toEqual(['k-1', 'k-1']);
});

test('a bound acquire is never sent again, be it with a key: the first has ended with its connection', async () => {
  const { path, asked } = await cutting({ outcome: 'granted' });
  const lines = clientAt(path).leases.acquireBound('chat', { ...ORDER, key: 'k-1' });
  await expect(lines[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'unreachable' });
  expect(asked).toHaveLength(1);
});

test.each([
  ['renew', (client: Client) => client.leases.renew('x', { token: 't', ttlMs: null }), 2],
  ['release', (client: Client) => client.leases.release('x', { token: 't', outcome: null }), 2],
  ['verify', (client: Client) => client.leases.verify('x', 't'), 2],
  ['revoke', (client: Client) => client.leases.revoke('x', null), 1],
  ['leave', (client: Client) => client.leases.leave('x'), 1],
])('%s is sent again where twice is as once', async (_name, call, times) => {
  const { path, asked } = await cutting({});
  await call(clientAt(path)).catch(() => {});
  expect(asked).toHaveLength(times);
});
