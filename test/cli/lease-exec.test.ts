import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../api/served.ts';
import type { Refusal } from './lease-server.ts';
import { LEASE, LeaseServer, TICKET } from './lease-server.ts';
import type { Running } from './poolctl.ts';
import { inTerminal, run, start } from './poolctl.ts';

let at: LeaseServer;
beforeEach(async () => {
  at = new LeaseServer();
  await at.listen();
});
afterEach(() => at.stop());

const poolctl = (...args: string[]) => run(args, { POOLD_SOCKET: at.socketPath, MARK: 'ours' });
const begin = (...args: string[]) => start(args, { POOLD_SOCKET: at.socketPath, MARK: 'ours' });

/** A command that says `up`, then waits until the test writes to its FIFO or a signal comes, of which it says the name and exits 40. */
function waiting(): { readonly command: readonly string[]; go(text: string): Promise<void> } {
  const fifo = join(at.directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const script = 'for s in TERM INT HUP; do trap "echo $s; exit 40" $s; done; exec 3<>"$1"; echo up; read -r line <&3; echo "$line"';
  return { command: ['sh', '-c', script, 'sh', fifo], go: (text) => writeFile(fifo, `${text}\n`) };
}

async function up(running: Running): Promise<void> {
  await until('the command runs', () => running.stdout() === 'up\n');
}

const ENDED: Refusal = { code: 'lease_ended', detail: 'cannot renew ls-1: it was revoked by bob: needed elsewhere', reason: 'revoked' };

describe('a command under a lease', () => {
  test('is told where its engine is, beside what it has from its caller; its exit code is ours, and the lease is given back', async () => {
    const script = 'echo "$POOLD_ENGINE_URL $POOLD_LEASE_ID $POOLD_LEASE_TOKEN ${POOLD_DEADLINE-unset}. $MARK"; echo no >&2; exit 17';
    const ran = await poolctl('lease', 'exec', 'chat', '--', 'sh', '-c', script);
    expect(ran).toEqual({ code: 17, stdout: `${LEASE.engine.url} ls-1 ${LEASE.token} . ours\n`, stderr: 'no\n' });
    expect(at.heard('POST', '/v1/pools/chat/leases')[0]?.body).toEqual({ holder: expect.stringMatching(/^.+@notty$/), bind: 'ttl' });
    expect(at.heard('DELETE', '/v1/leases/ls-1')).toMatchObject([{ headers: { 'poold-lease-token': LEASE.token } }]);
  });

  test('that a signal ends exits 128 and its number', async () => {
    expect((await poolctl('lease', 'exec', 'chat', '--', 'sh', '-c', 'kill -KILL $$')).code).toBe(137);
    expect(at.heard('DELETE', '/ls-1')).toHaveLength(1);
  });

  test.each([[[]], [['--ttl', '5s']], [['--ttl=5s', '--wait', '1m', '--output', 'json']]])(
    'gets everything behind -- as it stands, after %j',
    async (options) => {
      const words = ['--output', 'xml', '--', '-V', '--help', '--ttl', '', 'a b', '-x'];
      const { code, stdout, stderr } = await poolctl('lease', 'exec', 'chat', ...options, '--', 'printf', '<%s>', ...words);
      expect([code, stdout, stderr]).toEqual([0, words.map((word) => `<${word}>`).join(''), '']);
    },
  );

  test('gets what is asked for; values may begin with a dash', async () => {
    const { code } = await poolctl(...'lease exec chat --holder -x --key -k- --priority 9 --ttl 1.5s --wait 0s -- true'.split(' '));
    expect(code).toBe(0);
    expect(at.heard('POST', '/leases')[0]).toMatchObject({
      body: { holder: '-x', priority: 9, ttlMs: 1_500, waitMs: 0 },
      headers: { 'idempotency-key': '-k-' },
    });
  });

  test('that is not there, or cannot be run, exits as in a shell, and the lease is given back', async () => {
    const plain = join(at.directory, 'plain');
    writeFileSync(plain, 'true\n');
    chmodSync(plain, 0o644);
    expect(await poolctl('lease', 'exec', 'chat', '--', 'no-such-command')).toEqual({
      code: 127,
      stdout: '',
      stderr: 'poolctl: cannot run no-such-command: there is no such command\n',
    });
    expect(at.heard('DELETE', '/ls-1')).toHaveLength(1);
    at.ended = null;
    expect(await poolctl('lease', 'exec', 'chat', '--', plain)).toMatchObject({
      code: 126,
      stderr: expect.stringContaining('not executable'),
    });
    expect(at.heard('DELETE', '/ls-1')).toHaveLength(2);
  });

  test('has stdin, stdout and stderr of poolctl for its own', async () => {
    const { stdout } = await poolctl(
      'lease',
      'exec',
      'chat',
      '--',
      'sh',
      '-c',
      'readlink /proc/self/fd/0; test -S /proc/self/fd/1 && echo a socket',
    );
    expect(stdout).toBe('/dev/null\na socket\n');
  });

  test('is not started when the pool refuses', async () => {
    at.refusal = { code: 'pool_draining', detail: 'cannot take a lease on chat: it is draining' };
    const ran = await poolctl('lease', 'exec', 'chat', '--', 'touch', join(at.directory, 'ran'));
    expect(ran).toEqual({ code: 7, stdout: '', stderr: 'poolctl: cannot take a lease on chat: it is draining\n' });
    expect(existsSync(join(at.directory, 'ran'))).toBe(false);
  });

  test('can give its lease back itself, and goes on', async () => {
    const { command, go } = waiting();
    const running = begin('lease', 'exec', 'chat', '--', ...command);
    await up(running);
    await until('it listens', () => at.listeners === 1);
    at.ended = { code: 'lease_ended', detail: 'cannot renew ls-1: it was released', reason: 'released' };
    at.event('lease.released', { lease: 'ls-1' });
    await until('it has looked', () => at.heard('POST', '/renew').length === 1);
    await go('done');
    expect(await running.ended).toEqual({ code: 0, stdout: 'up\ndone\n', stderr: '' });
    expect(at.heard('DELETE', '/ls-1')).toHaveLength(0);
  });
});

describe('while it runs', () => {
  test('the lease is renewed at a third of its TTL', async () => {
    at.lease = { ...LEASE, ttlMs: 1_500 };
    const { command, go } = waiting();
    const running = begin('lease', 'exec', 'chat', '--', ...command);
    await until('it was renewed often', () => at.heard('POST', '/v1/leases/ls-1/renew').length >= 3);
    expect(at.heard('POST', '/renew')[0]?.body).toEqual({ token: LEASE.token });
    await go('done');
    expect(await running.ended).toEqual({ code: 0, stdout: 'up\ndone\n', stderr: '' });
    expect(at.asked.at(-1)).toMatchObject({ method: 'DELETE' });
  });

  test('a restart of the daemon is waited for', async () => {
    at.lease = { ...LEASE, ttlMs: 6_000 };
    const { command, go } = waiting();
    const running = begin('lease', 'exec', 'chat', '--', ...command);
    await up(running);
    await until('it listens', () => at.listeners === 1);
    await at.away();
    await until('it has noticed', () => running.stderr().includes('poolctl: cannot renew lease ls-1 yet: cannot reach poold'), 10_000);
    await at.listen();
    await until('it was renewed', () => running.stderr().includes('poolctl: lease ls-1 is renewed again'));
    await until('it listens again', () => at.listeners === 1);
    await go('done');
    expect(await running.ended).toMatchObject({ code: 0, stdout: 'up\ndone\n' });
    expect(at.asked.at(-1)).toMatchObject({ method: 'DELETE' });
  }, 20_000);

  test('a drain is said, once per deadline; one that runs already is known from the start', async () => {
    at.lease = { ...LEASE, draining: true, deadlineAt: '2031-01-01T00:00:00.000Z' };
    at.drain = { deadlineAt: '2031-01-01T00:00:00.000Z' };
    const { command, go } = waiting();
    const running = begin('lease', 'exec', 'chat', '--', 'sh', '-c', 'echo "$POOLD_DEADLINE"; exec "$@"', 'sh', ...command);
    await until('it runs', () => running.stdout() === '2031-01-01T00:00:00.000Z\nup\n');
    await until('it listens', () => at.listeners === 1);
    at.event('lease.draining', { lease: 'ls-1' });
    await until('it has looked', () => at.heard('POST', '/renew').length === 1);
    at.drain = { deadlineAt: '2030-01-01T00:00:00.000Z' };
    at.event('lease.draining', { lease: 'ls-1' });
    await until('it was said', () => running.stderr().includes('at 2030-01-01'));
    at.event('lease.draining', { lease: 'another' });
    at.drain = null;
    at.event('lease.draining', { lease: 'ls-1' });
    await until('that too', () => running.stderr().includes('no longer draining'));
    await go('done');
    await running.ended;
    expect(running.stderr().replaceAll(/in \d+d\d*h?/g, 'in …')).toBe(
      [
        'poolctl: chat/0 is draining: lease ls-1 ends in …, at 2031-01-01T00:00:00.000Z',
        'poolctl: chat/0 is draining: lease ls-1 ends in …, at 2030-01-01T00:00:00.000Z',
        'poolctl: chat/0 is no longer draining: lease ls-1 stays',
        '',
      ].join('\n'),
    );
    expect(at.heard('POST', '/renew')).toHaveLength(3);
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('%s to poolctl goes to the command, and the lease is given back', async (signal) => {
    const { command } = waiting();
    const running = begin('lease', 'exec', 'chat', '--', ...command);
    await up(running);
    running.kill(signal);
    expect(await running.ended).toEqual({ code: 40, stdout: `up\n${signal.slice(3)}\n`, stderr: '' });
    expect(at.heard('DELETE', '/ls-1')).toHaveLength(1);
  });
});

test('what is typed on a terminal comes to the command once', async () => {
  const script = join(at.directory, 'counts');
  writeFileSync(script, 'trap "echo INT >> $1.said" INT; exec 3<>"$1"; echo up; while ! read -r line <&3; do :; done; exit 3\n');
  const fifo = join(at.directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const terminal = inTerminal(`lease exec chat -- sh ${script} ${fifo}`, { POOLD_SOCKET: at.socketPath }, { when: 'up', types: '\u0003' });
  await until('it was typed', () => existsSync(`${fifo}.said`));
  await writeFile(fifo, 'done\n');
  expect(await terminal.ended).toBe(3);
  expect(readFileSync(`${fifo}.said`, 'utf8')).toBe('INT\n');
});

describe('a lease that is lost', () => {
  const lost = { code: 9, stdout: 'up\nTERM\n' };

  test('ends the command as soon as an event tells of it', async () => {
    const { command } = waiting();
    const running = begin('lease', 'exec', 'chat', '--', ...command);
    await up(running);
    await until('it listens', () => at.listeners === 1);
    at.ended = ENDED;
    at.event('lease.revoked', { lease: 'ls-1' });
    expect(await running.ended).toEqual({ ...lost, stderr: `poolctl: lease ls-1 is lost: ${ENDED.detail}; sh gets TERM\n` });
    expect(at.heard('DELETE', '/ls-1')).toHaveLength(0);
  });

  test.each(['lease_ended', 'lease_not_found', 'stale_token'] as const)('ends it when a renewal is answered with %s', async (code) => {
    at.lease = { ...LEASE, ttlMs: 900 };
    const { command } = waiting();
    const running = begin('lease', 'exec', 'chat', '--', ...command);
    await up(running);
    at.ended = { code, detail: 'cannot renew ls-1' };
    expect(await running.ended).toMatchObject(lost);
  });

  test('ends it when nobody answered for a whole TTL', async () => {
    at.lease = { ...LEASE, ttlMs: 1_500 };
    const { command } = waiting();
    const running = begin('lease', 'exec', 'chat', '--', ...command);
    await up(running);
    await at.away();
    expect(await running.ended).toMatchObject({
      ...lost,
      stderr: expect.stringContaining('lease ls-1 is lost: it could not be renewed within its TTL of 1s; sh gets TERM'),
    });
  });

  test('counts even where the command has ended well before it heard of it', async () => {
    const { command, go } = waiting();
    const running = begin('lease', 'exec', 'chat', '--', ...command);
    await up(running);
    at.ended = ENDED;
    await go('done');
    expect(await running.ended).toEqual({
      code: 9,
      stdout: 'up\ndone\n',
      stderr: `poolctl: lease ls-1 was lost before sh ended: ${ENDED.detail}\n`,
    });
  });
});

describe('in the queue', () => {
  test('each change of the place is said, and the promotion starts the command', async () => {
    at.ticket = TICKET;
    const running = begin('lease', 'exec', 'chat', '--', 'echo', 'at last');
    const asks = (count: number) => until('it asks', () => at.heard('GET', `/v1/tickets/${TICKET.id}`).length === count);
    await asks(1);
    at.change({ ticket: { estimatedWaitMs: 3_000 } });
    await asks(2);
    at.change({ ticket: { queuePosition: 1, estimatedWaitMs: null, draining: true } });
    await asks(3);
    at.change({ ticket: { state: 'granted', lease: LEASE } });
    const { code, stdout, stderr } = await running.ended;
    expect([code, stdout, stderr.replace(/after \S+/, 'after …')]).toEqual([
      0,
      'at last\n',
      [
        'poolctl: waiting for chat: number 3 in the queue, 4s–12s by how long leases were held',
        'poolctl: waiting for chat, which is draining: number 1 in the queue',
        'poolctl: chat/0 after …',
        '',
      ].join('\n'),
    ]);
    for (const key of ['waitMs', 'ticketMs']) expect(at.heard('POST', '/leases')[0]?.body).not.toHaveProperty(key);
    // Its own: asked again by whoever has lost the connection, it is the same place.
    expect(at.heard('POST', '/leases')[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('it gives up with 5 when --wait is over, and leaves', async () => {
    at.ticket = TICKET;
    const ran = await poolctl('lease', 'exec', 'chat', '--wait', '300ms', '--', 'echo', 'never');
    expect(ran).toMatchObject({ code: 5, stdout: '' });
    expect(ran.stderr).toMatch(/\npoolctl: cannot get a lease on chat: the time that was given for it is over\n$/);
    expect(at.asked.at(-1)).toMatchObject({ method: 'DELETE', path: `/v1/tickets/${TICKET.id}` });
  });

  test.each([
    ['expired', 'queue_timeout', 5],
    ['refused', 'pool_stopped', 7],
  ] as const)('a ticket that is %s with %s exits %i', async (state, code, exit) => {
    at.ticket = { ...TICKET, state, error: { code, message: 'cannot get a lease on chat: so it is' } };
    const ran = await poolctl('lease', 'exec', 'chat', '--', 'echo', 'never');
    expect(ran).toMatchObject({ code: exit, stdout: '' });
    expect(ran.stderr).toMatch(/\npoolctl: cannot get a lease on chat: so it is\n$/);
  });

  test('who is willing to wait longer keeps one place for it, and asks again only where that ends before', async () => {
    at.ticket = TICKET;
    const running = begin('lease', 'exec', 'chat', '--wait', '1h', '--key', 'mine', '--', 'echo', 'at last');
    await until('it asks', () => at.heard('GET', `/v1/tickets/${TICKET.id}`).length === 1);
    const expired = { ...TICKET, state: 'expired' as const };
    at.change({ ticket: expired });
    await until('it has asked again', () => at.heard('POST', '/leases').length >= 2);
    at.change({ ticket: { state: 'granted', lease: LEASE } });
    expect(await running.ended).toMatchObject({ code: 0, stderr: expect.stringContaining('asking again, from the end of the queue') });
    const [first, second] = at.heard('POST', '/leases');
    expect(first?.body.ticketMs).toBeGreaterThan(3_590_000);
    expect(first?.body).not.toHaveProperty('waitMs');
    expect(second?.body.ticketMs).toBeLessThanOrEqual(first?.body.ticketMs);
    // The key of the first stands for the place that is gone.
    expect([first, second].map((asked) => asked?.headers['idempotency-key'])).toEqual(['mine', expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  });

  test('a daemon that has forgotten the queue is asked anew', async () => {
    at.ticket = TICKET;
    const running = begin('lease', 'exec', 'chat', '--', 'echo', 'at last');
    await until('it asks', () => at.heard('GET', `/v1/tickets/${TICKET.id}`).length === 1);
    await at.away();
    at.ticket = null;
    await at.listen();
    expect(await running.ended).toMatchObject({
      code: 0,
      stdout: 'at last\n',
      stderr: expect.stringContaining('no longer knows our place'),
    });
  });

  test('a signal leaves the queue', async () => {
    at.ticket = TICKET;
    const running = begin('lease', 'exec', 'chat', '--', 'echo', 'never');
    await until('it asks', () => at.heard('GET', `/v1/tickets/${TICKET.id}`).length === 1);
    running.kill('SIGINT');
    expect(await running.ended).toMatchObject({ code: 130, stdout: '' });
    expect(at.asked.at(-1)).toMatchObject({ method: 'DELETE', path: `/v1/tickets/${TICKET.id}` });
  });
});
