import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cutQuestion } from '../../src/cli/verbs/cutting.ts';
import type { Operation } from '../../src/pool/status.ts';
import { engine, pool } from '../api/host.ts';
import { until } from '../api/served.ts';
import { HELD, LeaseServer } from './lease-server.ts';
import type { Typing } from './poolctl.ts';
import { inTerminal, run, start } from './poolctl.ts';

let at: LeaseServer;
beforeEach(async () => {
  at = new LeaseServer();
  at.pools = [pool('chat'), pool('embed')];
  await at.listen();
});
afterEach(() => at.stop());

const poolctl = (...args: string[]) => run(args, { POOLD_SOCKET: at.socketPath });
const ended = (changes: Partial<Operation>): void =>
  at.change({ operation: { state: 'succeeded', endedAt: '2026-11-03T08:00:05.000Z', ...changes } });

describe('what is sent', () => {
  test.each([
    ['drain chat', '/v1/pools/chat/drain', { extend: false }],
    ['drain chat/1 --deadline 1.5m --extend', '/v1/pools/chat/engines/1/drain', { extend: true, deadlineMs: 90_000 }],
    ['pause chat', '/v1/pools/chat/pause', {}],
    ['resume chat/0 --reason -x', '/v1/pools/chat/engines/0/resume', { reason: '-x' }],
    ['reload chat', '/v1/pools/chat/reload', { vars: {}, cutLeases: false, same: false }],
    [
      'reload chat --version v2 --set a=-1 --set b=x=y= --set=c= --strategy blue-green --deadline 5s --cut-leases --same',
      '/v1/pools/chat/reload',
      { version: 'v2', vars: { a: '-1', b: 'x=y=', c: '' }, strategy: 'blue-green', deadlineMs: 5_000, cutLeases: true, same: true },
    ],
  ])('%s', async (line, path, body) => {
    ended({ outcome: 'done' });
    expect(await poolctl(...line.split(' '))).toMatchObject({ code: 0 });
    expect(at.heard('POST', path)).toMatchObject([{ body }]);
    expect(at.heard('POST', path)[0]?.body).toEqual(body);
  });

  test('to every pool with --all', async () => {
    ended({ outcome: 'paused' });
    expect(await poolctl('pause', '--all')).toMatchObject({ code: 0, stdout: 'drain chat: paused\ndrain chat: paused\n' });
    expect(at.heard('POST', '/pause').map(({ path }) => path)).toEqual(['/v1/pools/chat/pause', '/v1/pools/embed/pause']);
  });

  test.each([
    ['drain', 'cannot tell which pool is meant'],
    ['drain chat --all', 'cannot take both'],
    ['drain chat --deadline 30', 'cannot take "30" as --deadline'],
    ['reload chat/0', 'cannot do this for one engine'],
    ['reload chat --set model', 'cannot set "model": write --set NAME=VALUE'],
    ['reload chat --set =x', 'cannot set "=x"'],
    ['reload chat --set a=1 --set a=2', 'cannot set a twice'],
    ['reload chat --strategy yolo', "argument 'yolo' is invalid"],
    ['lease renew ls-1', 'cannot renew ls-1 without its token'],
    ['lease renew ls-1 --token a --lease-token-file b', 'cannot take both'],
    ['lease release ls-1 --lease-token-file /nowhere/x', 'cannot read the token file /nowhere/x: ENOENT'],
    ['lease acquire chat/0', 'cannot do this for one engine'],
    ['lease acquire chat --priority 10', 'cannot take "10" as --priority'],
    ['lease acquire chat --ttl soon', 'cannot take "soon" as --ttl'],
    ['lease exec chat', "missing required argument 'command'"],
    ['lease exec chat ls -l', "unknown option '-l'"],
    ['leases --older x', 'cannot take "x" as --older'],
    ['lease', 'Usage: poolctl lease'],
    ['wait chat --for lunch', 'there is --for ready and --for drained and --for stopped'],
  ])('nothing for %s, which is bad usage', async (line, says) => {
    const ran = await poolctl(...line.split(' '));
    expect(ran).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(says) });
    expect(at.asked).toEqual([]);
  });
});

describe('how it ends', () => {
  test.each([
    [{ outcome: 'drained' }, 0, 'drain chat: drained'],
    [{ outcome: 'forced' }, 4, 'drain chat: forced'],
    [{ state: 'cancelled', outcome: 'superseded' }, 7, 'drain chat: superseded'],
    [{ state: 'cancelled', outcome: 'cancelled' }, 7, 'drain chat: cancelled'],
    [
      { state: 'failed', outcome: 'rolled_back', error: { code: 'reload_failed', message: 'chat/0#5 failed' } },
      1,
      'drain chat: rolled_back: chat/0#5 failed',
    ],
    [{ state: 'failed', outcome: null, error: { code: 'drain_timeout', message: 'too late' } }, 1, 'drain chat: failed: too late'],
  ] as const)('%j exits %i', async (changes, code, says) => {
    ended(changes);
    const ran = await poolctl('drain', 'chat');
    expect([ran.code, ran.stdout + ran.stderr]).toEqual([code, `${says}\n`]);
  });

  test.each([
    ['pool_draining', 7],
    ['leases_held', 7],
    ['lease_not_found', 3],
    ['ticket_not_found', 3],
    ['queue_timeout', 5],
    ['drain_timeout', 1],
    ['stale_token', 7],
    ['lease_ended', 7],
  ] as const)('a refusal with %s exits %i', async (code, exit) => {
    at.refusal = { code, detail: 'cannot do that' };
    expect(await poolctl('lease', 'acquire', 'chat')).toEqual({ code: exit, stdout: '', stderr: 'poolctl: cannot do that\n' });
  });

  test('without a terminal each step is a line, and nothing is asked', async () => {
    at.held = [HELD];
    at.operation = { ...at.operation, steps: [{ at: '', text: 'no new leases' }] };
    const stopping = start(['stop', 'chat', '--now'], { POOLD_SOCKET: at.socketPath });
    await until('it waits', () => at.heard('GET', '/v1/operations/op-1').length > 0);
    ended({ outcome: 'forced', steps: [...at.operation.steps, { at: '', text: 'cut 1 lease' }] });
    expect(await stopping.ended).toEqual({ code: 4, stdout: 'drain chat: forced\n', stderr: 'chat: no new leases\nchat: cut 1 lease\n' });
    expect(at.heard('GET', '/v1/leases')).toEqual([]);
  });

  test('operations shows what it is waiting for', async () => {
    const deadlineAt = new Date(Date.now() + 60_900).toISOString();
    at.operation = { ...at.operation, kind: 'reload', progress: { leasesLeft: 2, deadlineAt, candidate: 'chat/0#5' } };
    expect((await poolctl('operations', 'op-1')).stdout).toMatch(/\n {2}2 leases left, deadline in (1m|59s), candidate chat\/0#5\n/);
  });

  test('wait knows drained', async () => {
    at.pools = [pool('chat', { state: 'drained', ready: false })];
    expect(await poolctl('wait', 'chat', '--for', 'drained')).toMatchObject({ code: 0, stdout: 'chat: drained\n' });
  });
});

describe('a dry run', () => {
  const plan = {
    pool: 'chat',
    strategy: 'rolling',
    would: 'reload',
    changes: ['engine.vars.model: /a -> /b\u001b[2J'],
    maxSurge: 0,
    maxUnavailable: 1,
    notes: ['maxSurge is 0: the port is fixed'],
    engines: ['chat/0', 'chat/1'],
    leases: [{ id: 'ls-1', holder: 'ann', engine: 'chat/0', heldMs: 192_000 }],
    atMostMs: 300_000,
  } as const;

  test('says what would change, for whom, and how long it may take', async () => {
    at.plan = plan;
    expect(await poolctl('reload', 'chat', '--set', 'model=/b', '--dry-run')).toEqual({
      code: 0,
      stdout: [
        'reload chat: would replace 2 engines, rolling',
        '  change   engine.vars.model: /a -> /b\\x1b[2J',
        '  engines  chat/0 chat/1',
        '  at once  0 more than wanted, 1 fewer',
        '  lease    ls-1 on chat/0 by ann, held for 3m12s',
        '  at most  5m: every start at its limit, every drain at its deadline',
        '  note     maxSurge is 0: the port is fixed',
        '',
      ].join('\n'),
      stderr: '',
    });
    expect(at.asked).toMatchObject([{ method: 'POST', body: { vars: { model: '/b' }, dryRun: true } }]);
    expect(JSON.parse((await poolctl('reload', 'chat', '--dry-run', '--output', 'json')).stdout)).toEqual(plan);
  });

  test.each([
    ['unchanged', 'reload chat: would do nothing: same spec and same executable; --same replaces the engines all the same\n'],
    ['recorded', 'reload chat: would be recorded: nothing runs, and the next start uses it\n  change   x\n'],
  ] as const)('of what is %s', async (would, says) => {
    at.plan = { ...plan, would, changes: would === 'recorded' ? ['x'] : [], leases: [], notes: [] };
    expect((await poolctl('reload', 'chat', '--dry-run')).stdout).toBe(says);
  });
});

describe('on a terminal', () => {
  const onTerminal = (line: string, options: Typing = {}) => inTerminal(line, { POOLD_SOCKET: at.socketPath }, options);

  test.each([
    ['y\n', 4, 1],
    ['yes please\n', 7, 0],
    ['\n', 7, 0],
    ['\u0004', 7, 0],
  ])('--now asks where leases are held; %j exits %i', async (types, code, posts) => {
    at.held = [HELD, { ...HELD, id: 'ls-2', holder: 'bob' }];
    ended({ outcome: 'forced' });
    const { screen, ended: end } = onTerminal('stop chat --now', { types, when: '[y/N]' });
    expect(await end).toBe(code);
    expect(screen()).toContain('2 leases are held on chat (by ann, bob); cut them? [y/N] ');
    expect(screen().includes('nothing was cut')).toBe(code === 7);
    expect(at.heard('POST', '/stop')).toHaveLength(posts);
  });

  test('--now does not ask for the leases of others', async () => {
    at.held = [HELD];
    ended({ outcome: 'stopped' });
    expect(await onTerminal('restart chat/1 --now').ended).toBe(0);
  });

  test('a drain is one line, drawn over, that fits', async () => {
    const deadlineAt = new Date(Date.now() + 3_600_000).toISOString();
    at.operation = { ...at.operation, progress: { leasesLeft: 3, deadlineAt, candidate: null } };
    const { screen, ended: end } = onTerminal('drain chat', { columns: 60 });
    await until('it is drawn', () => at.heard('GET', '/v1/operations/op-1').length > 1);
    at.change({ operation: { state: 'succeeded', outcome: 'drained', endedAt: '2026-11-03T08:00:05.000Z' } });
    expect(await end).toBe(0);
    const lines = screen().split(/\r|\n/);
    expect(lines.some((line) => /^drain chat: 3 leases left \[-+\] \d+m(\d+s)? to the deadline$/.test(line.trimEnd()))).toBe(true);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(60);
    expect(screen()).not.toContain('\u001b');
    expect(lines.filter((line) => line.trim() !== '').at(-1)).toBe('drain chat: drained');
  });

  test('a reload shows what its candidate wrote last', async () => {
    at.logLine = 'loading 43 % \u001b[2J';
    at.operation = { ...at.operation, kind: 'reload', progress: { leasesLeft: 0, deadlineAt: null, candidate: 'chat/0#5' } };
    const { screen, ended: end } = onTerminal('reload chat');
    await until('it is drawn', () => screen().includes('chat/0#5: loading 43 % \\x1b[2J'));
    at.change({ operation: { state: 'succeeded', outcome: 'reloaded', endedAt: '2026-11-03T08:00:05.000Z' } });
    expect(await end).toBe(0);
    expect(at.heard('GET', '/v1/pools/chat/logs')[0]?.query).toEqual({ replica: '0', tail: '1', generation: '5' });
  });
});

test('the question names who would be cut, and not everybody', () => {
  const by = (holder: string, name = 'chat') => ({ pool: name, holder });
  expect(cutQuestion([by('ann')])).toBe('1 lease is held on chat (by ann); cut it? [y/N] ');
  expect(cutQuestion([by('a'), by('b'), by('a'), by('c'), by('d\u001b'), by('e'), by('x', 'embed')])).toBe(
    '7 leases are held on chat (by a, b, c and 2 more) and embed (by x); cut them? [y/N] ',
  );
});

test('status shows leases, roles, the queue, and what a reload has set', async () => {
  at.pools = [
    pool('chat', {
      state: 'reloading',
      slotsTotal: 8,
      slotsFree: 5,
      activeLeases: 3,
      queueDepth: 2,
      replicas: 2,
      wanted: 2,
      overrides: [
        { key: 'engine.version', value: 'v2', fileValue: 'v1', by: 'ann@pts/3', at: '2026-11-03T08:00:00Z', reason: null },
        { key: 'engine.vars.model', value: '/b', fileValue: null, by: 'ann@pts/3', at: '2026-11-03T08:00:00Z', reason: 'new' },
      ],
      engines: [
        engine('chat/0', { activeLeases: 3, inUse: 5, role: 'retiring' }),
        engine('chat/1'),
        engine('chat/0', { generation: 3, role: 'candidate' }),
      ],
    }),
    pool('embed'),
  ];
  const { stdout } = await poolctl('status', 'chat');
  expect(stdout).toContain('  slots       5 free of 8, 3 leases held\n  queue       2 waiting\n');
  expect(stdout).toMatch(
    / {2}override {4}engine\.version v2 instead of v1, by ann@pts\/3 .+ ago\n {2}override {4}engine\.vars\.model \/b instead of nothing, by .+ ago: new\n/,
  );
  const rows = stdout.split('\n').filter((line) => /^(ENGINE|chat\/)/.test(line));
  expect(rows.map((line) => line.split(/ {2,}/)).map((cells) => [0, 2, 6, 7].map((index) => cells[index]?.trim()))).toEqual([
    ['ENGINE', 'ROLE', 'LEASES', 'IN USE'],
    ['chat/0', 'retiring', '3/4', '5'],
    ['chat/1', '-', '0/4', '-'],
    ['chat/0', 'candidate', '0/4', '-'],
  ]);
  expect((await poolctl('status')).stdout).toBe(
    [
      'POOL   STATE      READY  WANTED  LEASES  QUEUE  RESTARTS  BREAKER  MESSAGE',
      'chat   reloading      2       2     3/8      2         0  closed   -',
      'embed  running        2       2       -      -         0  closed   -',
      '',
    ].join('\n'),
  );
});
