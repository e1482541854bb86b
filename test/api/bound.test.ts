/** Leases that are bound to their connection. */
import { request } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BoundLine } from '../../src/lease/lease.ts';
import type { Served } from './served.ts';
import { ask, served, until } from './served.ts';

let at: Served;
const open: Stream[] = [];
beforeEach(async () => {
  at = await served();
});
afterEach(async () => {
  for (const stream of open.splice(0)) stream.hangUp();
  await at.stop();
});

interface Stream {
  readonly lines: () => readonly BoundLine[];
  readonly type: () => string | undefined;
  readonly ended: () => boolean;
  hangUp(): void;
}

/** A POST whose answer is read line by line, over lease.sock. */
function stream(path: string, body: unknown): Stream {
  let text = '';
  let type: string | undefined;
  let ended = false;
  const headers = { 'content-type': 'application/json' };
  const sent = request({ socketPath: at.leaseSocketPath, method: 'POST', path, headers, agent: false }, (answer) => {
    type = answer.headers['content-type'];
    answer.setEncoding('utf8');
    answer.on('data', (piece: string) => {
      text += piece;
    });
    answer.on('end', () => {
      ended = true;
    });
    answer.on('error', () => {});
  });
  sent.on('error', () => {});
  sent.end(JSON.stringify(body));
  const made: Stream = {
    lines: () =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    type: () => type,
    ended: () => ended,
    hangUp: () => sent.destroy(),
  };
  open.push(made);
  return made;
}

const acquire = (body: object = {}): Stream => stream('/v1/pools/chat/leases', { bind: 'connection', ...body });

test('lines come as they happen; hanging up is the release', async () => {
  const held = acquire({ holder: 'job 1' });
  await until('it is granted', () => held.lines().length === 1);
  expect(held.type()).toBe('application/x-ndjson');
  expect(held.lines()).toMatchObject([{ outcome: 'granted', id: 'lease-1', token: '3.0000000001', expiresAt: null }]);
  const renewed: BoundLine = {
    outcome: 'renewed',
    id: 'lease-1',
    ttlMs: 30_000,
    expiresAt: null,
    renewals: 1,
    draining: false,
    deadlineAt: null,
  };
  at.host.leases.held.get('lease-1')?.told.write(renewed);
  await until('it is renewed', () => held.lines().length === 2);
  expect(held.lines()[1]).toEqual(renewed);
  expect(at.host.leases.ended.has('lease-1')).toBe(false);
  held.hangUp();
  await until('it has ended', () => at.host.leases.ended.has('lease-1'));
  expect(at.logged).toEqual([]);
});

test('whoever is queued is told first, and leaves the queue by hanging up', async () => {
  at.host.leases.free = 0;
  const [first, second] = [acquire(), acquire()];
  await until('both are queued', () => first.lines().length === 1 && second.lines().length === 1);
  expect(first.lines()).toMatchObject([{ outcome: 'queued', queuePosition: 1 }]);
  second.hangUp();
  await until('one waits', () => at.host.leases.waiting === 1);
  const left = first.lines()[0];
  at.host.leases.promote(left !== undefined && 'id' in left ? left.id : '');
  await until('it is granted', () => first.lines().length === 2);
  expect(first.lines()[1]).toMatchObject({ outcome: 'granted' });
});

test('a stream that the host ends is ended', async () => {
  at.host.leases.stays = false;
  const held = acquire();
  await until('it is over', () => held.ended());
  expect(held.lines()).toHaveLength(1);
});

test('attach binds a lease that is there', async () => {
  const { id, token } = at.host.leases.grant('chat');
  const held = stream(`/v1/leases/${id}/attach`, { token });
  await until('it is bound', () => held.lines().length === 1);
  expect(held.lines()).toMatchObject([{ outcome: 'granted', id, token }]);
  held.hangUp();
  await until('it has ended', () => at.host.leases.ended.has(id));
});

test('a refusal before the first line is a problem reply', async () => {
  const { id } = at.host.leases.grant('chat');
  expect(await ask(at, { method: 'POST', path: `/v1/leases/${id}/attach`, body: { token: 'x' } })).toMatchObject({
    status: 409,
    json: { code: 'stale_token' },
  });
  const path = '/v1/pools/nope/leases';
  expect(await ask(at, { method: 'POST', path, body: { bind: 'connection' } })).toMatchObject({
    status: 404,
    json: { code: 'pool_not_found' },
  });
  await until('both are observed', () => at.observed.length === 2);
  expect(at.observed.map(({ status }) => status)).toEqual([409, 404]);
});

test('a stream is observed with its head, once; a plain answer when it is out', async () => {
  const held = acquire();
  await until('it is granted', () => held.lines().length === 1);
  expect(at.observed).toEqual([{ route: '/v1/pools/{pool}/leases', status: 200 }]);
  held.hangUp();
  await until('it has ended', () => at.host.leases.ended.has('lease-1'));
  await ask(at, { method: 'POST', path: '/v1/pools/chat/leases', body: {} });
  await until('the other too', () => at.observed.length > 1);
  expect(at.observed.slice(1)).toEqual([{ route: '/v1/pools/{pool}/leases', status: 201 }]);
});

test('closing the server ends the stream, and the reason says that it was not the client', async () => {
  const reasons: unknown[] = [];
  const { leases } = at.host;
  const original = leases.acquireBound.bind(leases);
  leases.acquireBound = (pool, asked, signal) => {
    signal.addEventListener('abort', () => reasons.push(signal.reason));
    return original(pool, asked, signal);
  };
  const [held, left] = [acquire(), acquire()];
  await until('both are granted', () => held.lines().length === 1 && left.lines().length === 1);
  left.hangUp();
  await until('one has gone', () => reasons.length === 1);
  await at.serving.close(1_000);
  await until('it is over', () => held.ended());
  expect(reasons).toMatchObject([{ name: 'AbortError' }, { code: 'shutting_down' }]);
});
