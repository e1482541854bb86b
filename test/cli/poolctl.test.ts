import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { PooldError } from '../../src/errors.ts';
import type { Operation } from '../../src/pool/status.ts';
import { crash, engine, pool } from '../api/host.ts';
import type { Served } from '../api/served.ts';
import { served, until } from '../api/served.ts';
import { run, start } from './poolctl.ts';

let at: Served;
beforeAll(async () => {
  at = await served({ withTcp: true });
});
afterAll(() => at.stop());

const poolctl = (...args: string[]) => run(args, { POOLD_SOCKET: at.socketPath });

/** As the real daemon: it begins, and some time later it has ended so. */
function endsWith(changes: Partial<Operation>): void {
  const begin = at.host.act.bind(at.host);
  at.host.act = async (...call) => {
    const begun = await begin(...call);
    setImmediate(() => at.host.end(begun.id, { outcome: 'done', ...changes }));
    return begun;
  };
}
let act: Served['host']['act'];
beforeEach(() => {
  act = at.host.act;
});
afterEach(() => {
  at.host.act = act;
});

describe('status', () => {
  test('of all pools', async () => {
    at.host.poolsByName.set('embed', pool('embed', { state: 'degraded', restartCount: 3, message: 'embed/1 waits for its next start' }));
    const { code, stdout, stderr } = await poolctl('status');
    at.host.poolsByName.delete('embed');
    expect(stdout).toBe(
      [
        'POOL   STATE     READY  WANTED  RESTARTS  BREAKER  MESSAGE',
        'chat   running       2       2         0  closed   -',
        'embed  degraded      2       2         3  closed   embed/1 waits for its next start',
        '',
      ].join('\n'),
    );
    expect([code, stderr]).toEqual([0, '']);
  });

  test('of one pool, with its engines, why, and what was set by hand', async () => {
    const ago = (passedMs: number): string => new Date(Date.now() - passedMs).toISOString();
    at.host.poolsByName.set(
      'embed',
      pool('embed', {
        state: 'degraded',
        message: 'one of two is down\u001b[2J',
        restartCount: 3,
        crashCount: 7,
        breaker: {
          state: 'closed',
          failures: 3,
          openUntil: null,
          classes: { gpu: { state: 'open', failures: 5, openUntil: ago(-3_600_000 - 500) } },
        },
        overrides: [{ key: 'replicas', value: 2, fileValue: 1, by: 'ann@pts/3', at: ago(192_500), reason: 'load test' }],
        engines: [
          engine('embed/0', { startedAt: ago(192_500), pid: 77 }),
          engine('embed/1', {
            state: 'backoff',
            ready: false,
            live: false,
            pid: null,
            url: null,
            failures: 3,
            nextStartAt: ago(-42_900),
            message: 'starts in 43 s',
            outdated: true,
            lastExit: crash('embed', { class: 'oom', at: ago(65_000) }),
          }),
        ],
      }),
    );
    const { code, stdout } = await poolctl('status', 'embed');
    at.host.poolsByName.delete('embed');
    expect(
      stdout
        .replace(/in 4\ds/, 'in 42s')
        .replace(/3m1\ds/g, '3m12s')
        .replace(/in (1h|59m59s)/, 'in 1h')
        .replace(/1m\ds ago/, '1m5s ago'),
    ).toBe(
      [
        'embed  degraded  1 of 2 ready',
        '  one of two is down\\x1b[2J',
        '',
        '  slots       2 free of 2',
        '  version     v1',
        '  restarts    3 lately, 7 crashes in all',
        '  breaker     closed, 3 failures in a row',
        '  breaker     gpu: open, 5 failures in a row, tries again in 1h',
        '  containment cgroup',
        '  override    replicas 2 instead of 1, by ann@pts/3 3m12s ago: load test',
        '',
        'ENGINE   STATE    PID  ADDRESS          UPTIME  LEASES  FAILURES  NEXT START  LAST EXIT',
        'embed/0  ready     77  127.0.0.1:20000   3m12s     0/1         0  -           -',
        'embed/1  backoff    -  -                     -     0/1         3  in 42s      oom 1m5s ago',
        '',
        'embed/1: starts in 43 s',
        'embed/1: runs by an older configuration; its next start uses the new one',
        '',
      ].join('\n'),
    );
    expect(code).toBe(0);
  });

  test('as JSON it is what the API says', async () => {
    expect(JSON.parse((await poolctl('status', 'chat', '--output', 'json')).stdout)).toEqual(at.host.pool('chat'));
    expect(JSON.parse((await poolctl('--output', 'json', 'status')).stdout)).toEqual({ items: [at.host.pool('chat')] });
  });
});

describe('acting', () => {
  test.each([
    [['start', 'chat'], { do: 'start', replica: null }],
    [['stop', 'chat/1', '--now'], { do: 'stop', replica: 1, now: true }],
    [['restart', '--all'], { do: 'restart', replica: null, now: false }],
    [['scale', 'chat', '3'], { do: 'scale', replicas: 3 }],
    [['reset', 'chat', '--class', 'gpu', '--forget'], { do: 'reset', class: 'gpu', forget: true }],
    [['retry', 'chat/0'], { do: 'retry', replica: 0 }],
    [['signal', 'chat/0', 'hup'], { do: 'signal', replica: 0, signal: 'SIGHUP' }],
  ])('%j begins it, says its steps and waits for the end', async (args, command) => {
    endsWith({
      steps: [
        { at: '', text: 'first' },
        { at: '', text: 'second' },
      ],
    });
    const { code, stdout, stderr } = await poolctl(...args, '--reason', '-1 is fine');
    expect(at.host.acted.at(-1)).toMatchObject({ pool: 'chat', command, actor: { claimed: true, reason: '-1 is fine' } });
    expect(at.host.acted.at(-1)?.actor.by).toMatch(/^.+@notty$/);
    expect(stdout).toBe(`${command.do} chat: done\n`);
    expect(stderr).toMatch(/^chat: .*\nchat: second\n$/);
    expect(code).toBe(0);
  });

  test.each([
    [{ outcome: 'started' }, 0, 'start chat: started\n'],
    [{ outcome: 'already' }, 0, 'start chat: already so, nothing to do\n'],
    [{ outcome: 'forced' }, 4, 'start chat: forced\n'],
    [{ state: 'cancelled', outcome: 'superseded' }, 7, 'start chat: superseded\n'],
    [{ state: 'failed', outcome: null, error: { code: 'start_timeout', message: 'chat/0 was not ready in 2m' } }, 1, ''],
  ] as const)('an operation that ends %j exits %i', async (changes, code, stdout) => {
    endsWith(changes as Partial<Operation>);
    const ran = await poolctl('start', 'chat');
    expect([ran.code, ran.stdout]).toEqual([code, stdout]);
    if (stdout === '') expect(ran.stderr).toContain('start chat: failed: chat/0 was not ready in 2m');
  });

  test('--no-wait returns at once, --timeout gives up, cancel takes back', async () => {
    const begun = await poolctl('stop', 'chat', '--no-wait');
    const { id } = at.host.operations(null)[0] as Operation;
    expect([begun.code, begun.stdout]).toEqual([0, `stop chat: begun; poolctl operations ${id} shows how it goes\n`]);
    const late = await poolctl('stop', 'chat', '--timeout', '500ms');
    expect(late.code).toBe(5);
    expect(late.stderr).toContain('cannot wait any longer: stop chat is not over after 500ms');
    expect((await poolctl('operations')).stdout).toMatch(
      new RegExp(`^ID +KIND +POOL +STATE +OUTCOME +STARTED +BY\n(?:.*\n)*${id} +stop +chat +running`),
    );
    expect(await poolctl('operations', id, '--cancel')).toMatchObject({ code: 0, stdout: expect.stringContaining('stop chat: cancelled') });
    expect(await poolctl('operations', id, '--cancel')).toMatchObject({ code: 7, stderr: `poolctl: cannot cancel ${id}: it is over\n` });
  });

  test('as JSON it prints the operation and nothing else', async () => {
    endsWith({ outcome: 'started' });
    const { stdout, stderr } = await poolctl('start', 'chat', '--output', 'json');
    expect(JSON.parse(stdout)).toMatchObject({ kind: 'start', state: 'succeeded', outcome: 'started' });
    expect(stderr).toBe('');
  });

  test.each([
    [new PooldError('breaker_open', 'cannot start chat: the breaker is open', {}), 7],
    [new PooldError('conflict', 'cannot start chat: it is being stopped', {}), 7],
    [new PooldError('shutting_down', 'cannot start chat: poold is stopping', {}), 7],
    [new PooldError('storage_full', 'cannot start chat: the disk is full', {}), 7],
    [new PooldError('invalid_request', 'cannot start chat: no', {}), 2],
    [new PooldError('forbidden', 'cannot start chat: no', {}), 8],
    [new PooldError('internal', 'cannot start chat: a fault', {}), 1],
  ])('a refusal %s exits %i', async (refusal, code) => {
    at.host.refusal = refusal;
    const ran = await poolctl('start', 'chat');
    at.host.refusal = null;
    expect(ran).toEqual({ code, stdout: '', stderr: `poolctl: ${refusal.message}\n` });
  });
});

describe('waiting for a pool', () => {
  test('ends when it is so, saying what it sees meanwhile', async () => {
    at.host.poolsByName.set('slow', pool('slow', { state: 'starting', ready: false, message: 'slow/0 is loading' }));
    const waiting = start(['wait', 'slow', '--for', 'ready'], { POOLD_SOCKET: at.socketPath });
    await until('it has looked', () => waiting.stderr().includes('slow: starting: slow/0 is loading\n'));
    at.host.poolsByName.set('slow', pool('slow'));
    at.host.feed.happen({ type: 'pool.state', pool: 'slow', facts: { newState: 'running' } });
    expect(await waiting.ended).toEqual({ code: 0, stdout: 'slow: running\n', stderr: 'slow: starting: slow/0 is loading\n' });
    at.host.poolsByName.delete('slow');
  });

  test('gives up with 5, and knows what it can wait for', async () => {
    expect(await poolctl('wait', 'chat', '--for', 'stopped', '--timeout', '500ms')).toMatchObject({
      code: 5,
      stderr: expect.stringContaining('after 500ms chat: running'),
    });
    expect(await poolctl('wait', 'chat', '--for', 'lunch')).toMatchObject({
      code: 2,
      stderr: 'poolctl: cannot wait for "lunch": there is --for ready and --for drained and --for stopped\n',
    });
  });
});

test.each([
  [['frobnicate']],
  [['status', '--frobnicate']],
  [['status', 'chat/0']],
  [['status', '../etc']],
  [['start']],
  [['start', 'chat', '--all']],
  [['scale', 'chat', '-1']],
  [['scale', 'chat', 'many']],
  [['scale', 'chat/0', '1']],
  [['signal', 'chat', 'HUP']],
  [['signal', 'chat/0', 'FOO']],
  [['logs', 'chat', '--tail', '-5']],
  [['logs', 'chat/0', '--previous', '-f']],
  [['events', '--type', 'engine.dead']],
  [['history', 'chat', '--since', 'soon']],
  [['operations', '--cancel']],
  [['status', '--timeout', '30']],
  [['status', '--output', 'xml']],
  [['shutdown', '--engines=all']],
  [['status', '--socket', 'a', '--url', 'http://b']],
  [[]],
])('%j is bad usage', async (args) => {
  const acted = at.host.acted.length;
  const ran = await poolctl(...args);
  expect(ran).toMatchObject({ code: 2, stdout: '' });
  expect(ran.stderr).toMatch(/^(poolctl: cannot|error: |Usage: )/);
  expect(ran.stderr).not.toMatch(/\n +at /);
  expect(at.host.acted).toHaveLength(acted);
});

test('unknown names exit 3', async () => {
  expect(await poolctl('status', 'nope')).toEqual({
    code: 3,
    stdout: '',
    stderr: 'poolctl: cannot find the pool nope; poolctl status lists them\n',
  });
  expect(await poolctl('start', 'chat/9')).toMatchObject({ code: 3 });
  expect(await poolctl('operations', 'op-none')).toMatchObject({ code: 3 });
});

test('shutdown waits until nobody answers', async () => {
  const own = await served();
  const stopping = own.host.shutdown.bind(own.host);
  own.host.shutdown = (engines, actor) => {
    stopping(engines, actor);
    setImmediate(() => void own.serving.close(1_000));
  };
  expect(await run(['shutdown', '--engines=keep', '--reason', 'upgrade', '--socket', own.socketPath])).toEqual({
    code: 0,
    stdout: 'poold: stopped; its engines run on, and the next poold takes them over\n',
    stderr: 'stopping poold; the engines run on\n',
  });
  expect(own.host.shutdowns).toMatchObject([{ engines: 'keep', actor: { reason: 'upgrade' } }]);
  await own.stop();
});
