import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HELD, LEASE, LeaseServer, TICKET } from './lease-server.ts';
import { run } from './poolctl.ts';

let at: LeaseServer;
beforeEach(async () => {
  at = new LeaseServer();
  await at.listen();
});
afterEach(() => at.stop());

const poolctl = (...args: string[]) => run(args, { POOLD_SOCKET: at.socketPath });

test('leases: who holds what', async () => {
  const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();
  at.held = [
    { ...HELD, holder: 'ann \u001b[31m', expiresAt: soon(25_900) },
    { ...HELD, id: 'ls-22', engine: { ...HELD.engine, id: 'chat/1' }, slot: 0, bind: 'connection', expiresAt: null, heldMs: 900 },
  ];
  const list = await poolctl('leases', 'chat', '--older', '1m', '--holder', '-ann');
  expect(list.stdout.replace('in 24s', 'in 25s')).toBe(
    [
      'ID     POOL  ENGINE    SLOT  HOLDER         HELD  EXPIRES              CLIENT',
      'ls-1   chat  chat/0#2     1  ann \\x1b[31m  3m12s  in 25s               ann@pts/3',
      'ls-22  chat  chat/1#2     0  ann           900ms  with its connection  ann@pts/3',
      '',
    ].join('\n'),
  );
  expect(at.asked).toMatchObject([{ path: '/v1/leases', query: { pool: 'chat', holder: '-ann', older: '60000ms' } }]);
  at.held = [{ ...HELD, draining: true, deadlineAt: soon(25_900) }];
  expect((await poolctl('leases')).stdout).toMatch(/ DRAINING .*\n.* ends in 2\ds /);
  expect(JSON.parse((await poolctl('leases', '--output', 'json')).stdout)).toEqual({ items: at.held });
  at.held = [];
  expect(await poolctl('leases', 'chat', '--older', '1h')).toEqual({
    code: 0,
    stdout: '',
    stderr: 'no lease is held on chat for 1h or longer\n',
  });
});

test('queue: who waits, and for how long yet', async () => {
  const { id: _id, lease: _lease, error: _error, ...waiter } = { ...TICKET, ticket: 'tk-12345' };
  at.waiters = [
    waiter,
    { ...waiter, queuePosition: 4, priority: 3, waitedMs: 250, estimatedWaitMs: null, estimatedWaitP90Ms: null, estimateBasis: null },
  ];
  expect((await poolctl('queue', 'chat')).stdout).toBe(
    [
      'POSITION  TICKET    HOLDER  PRIORITY  WAITED  ESTIMATE',
      '       3  tk-12345  ann            5      4s  4s–12s by how long leases were held',
      '       4  tk-12345  ann            3   250ms  unknown',
      '',
    ].join('\n'),
  );
  at.waiters = [];
  expect(await poolctl('queue', 'chat')).toEqual({ code: 0, stdout: '', stderr: 'nobody waits for chat\n' });
});

test('acquire prints what is needed to use the lease', async () => {
  at.lease = { ...LEASE, draining: true, deadlineAt: new Date(Date.now() + 60_900).toISOString() };
  expect((await poolctl('lease', 'acquire', 'chat', '--ttl', '1h')).stdout.replace('in 59s', 'in 1m')).toBe(
    [
      'lease   ls-1',
      `token   ${LEASE.token}`,
      'engine  chat/0#2, slot 1',
      'url     http://127.0.0.1:20000',
      'ttl     1h: poolctl lease renew ls-1 begins it anew',
      'drains  it is taken away in 1m',
      '',
    ].join('\n'),
  );
  expect(JSON.parse((await poolctl('lease', 'acquire', 'chat', '--output', 'json')).stdout)).toEqual(at.lease);
});

test('renew shows the token, wherever it comes from', async () => {
  const file = join(at.directory, 'token');
  writeFileSync(file, `${LEASE.token}\n`);
  const environment = { POOLD_SOCKET: at.socketPath, POOLD_LEASE_ID: 'ls-1', POOLD_LEASE_TOKEN: 'of-the-environment' };
  expect((await poolctl('lease', 'renew', 'ls-1', '--token', '-t', '--ttl', '5s')).stdout).toMatch(/^lease ls-1: renewed, expires /);
  await poolctl('lease', 'renew', 'ls-1', '--lease-token-file', file);
  await run(['lease', 'renew', 'ls-1'], environment);
  expect(at.heard('POST', '/v1/leases/ls-1/renew').map(({ body }) => body)).toEqual([
    { token: '-t', ttlMs: 5_000 },
    { token: LEASE.token },
    { token: 'of-the-environment' },
  ]);
});

test('release shows the token of that lease, not of another one', async () => {
  const environment = { POOLD_SOCKET: at.socketPath, POOLD_LEASE_ID: 'ls-1', POOLD_LEASE_TOKEN: 'of-the-environment' };
  await run(['lease', 'release', 'ls-2'], environment);
  expect(await poolctl('lease', 'release', 'ls-1', '--token', 't', '--engine-failed')).toMatchObject({
    code: 0,
    stdout: 'lease ls-1: it had ended already, nothing to do\n',
  });
  expect(at.heard('DELETE', '/ls-2')[0]?.headers).not.toHaveProperty('poold-lease-token');
  expect(at.heard('DELETE', '/ls-1')[0]).toMatchObject({ headers: { 'poold-lease-token': 't' }, query: { outcome: 'engine_failed' } });
});

test('revoke says whom it hit', async () => {
  at.held = [HELD];
  expect((await poolctl('lease', 'revoke', 'ls-1', '--reason', 'needed')).stdout).toBe(
    'lease ls-1: revoked; ann held it on chat/0 for 3m12s\n',
  );
  expect(at.heard('POST', '/revoke')[0]?.body).toEqual({ reason: 'needed' });
});
