import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { crash } from '../api/host.ts';
import type { Served } from '../api/served.ts';
import { served, until } from '../api/served.ts';
import { piped, run, start } from './poolctl.ts';

let at: Served;
beforeAll(async () => {
  at = await served({ withTcp: true });
});
afterAll(() => at.stop());

const poolctl = (...args: string[]) => run(args, { POOLD_SOCKET: at.socketPath });

describe('what was and why', () => {
  test('history', async () => {
    const recent = new Date(Date.now() - 61_500).toISOString();
    at.host.entries = [
      crash('chat', {
        generation: 12,
        at: recent,
        class: 'signal',
        code: null,
        signal: 'SIGSEGV',
        message: 'killed by SIGSEGV: CUDA \u001b]0;x',
        matchedLine: 'CUDA \u001b]0;x',
      }),
      crash('chat', { at: recent, readyMs: null }),
    ];
    const { stdout } = await poolctl('history', 'chat/0', '--since', '8h');
    expect(stdout.replace(/1m\ds ago/g, '1m1s ago')).toBe(
      [
        'ENGINE  GEN  ENDED     CLASS    UPTIME  READY  MESSAGE',
        'chat/0   12  1m1s ago  SIGSEGV      5m  4m50s  killed by SIGSEGV: CUDA \\x1b]0;x',
        'chat/0    1  1m1s ago  error 1      5m      -  exited with code 1',
        '',
      ].join('\n'),
    );
    expect(at.host.historyQueries.at(-1)).toMatchObject({ replica: 0, limit: 50 });
  });

  test('explain', async () => {
    at.host.explanations = [
      { subject: 'chat', rule: 'limiter', says: '3 of 10 restarts in 60 s' },
      { subject: 'chat/0', rule: 'back-off', says: 'starts in 4 s' },
      { subject: 'chat/0', rule: 'breaker', says: 'closed' },
    ];
    expect((await poolctl('explain', 'chat')).stdout).toBe(
      'chat\n  limiter  3 of 10 restarts in 60 s\nchat/0\n  back-off  starts in 4 s\n  breaker   closed\n',
    );
  });

  test('events, once and followed', async () => {
    at.host.feed.happen({
      type: 'engine.exited',
      pool: 'chat',
      engine: 'chat/0',
      generation: 2,
      facts: { class: 'oom', text: 'a b\u001b' },
    });
    const { stdout } = await poolctl('events', '--type', 'engine.exited', '--pool', 'chat');
    expect(stdout).toBe('2026-11-03T08:00:00.000Z  engine.exited       chat/0  class=oom  text="a b\\u001b"  generation=2\n');
    const followed = start(['events', '-f', '--output', 'json'], { POOLD_SOCKET: at.socketPath });
    await until('it listens', () => at.host.feed.listeners === 1);
    at.host.feed.happen({ type: 'pool.state', pool: 'chat', facts: { newState: 'running' } });
    await until('it came', () => followed.stdout().includes('\n'));
    expect(JSON.parse(followed.stdout())).toMatchObject({ type: 'pool.state', pool: 'chat', newState: 'running' });
    followed.kill();
    await followed.ended;
    await until('it has gone', () => at.host.feed.listeners === 0);
  });
});

describe('logs', () => {
  beforeAll(() => {
    at.host.logLines = [
      { is: 'mark', text: 'generation 2', atMs: 0 },
      { is: 'line', text: 'red \u001b[31m and \u202e turned', atMs: 0 },
      { is: 'gap', bytes: 7 },
    ];
  });

  test('of one engine are harmless on a terminal', async () => {
    const { stdout } = await poolctl('logs', 'chat/0');
    expect(stdout).toBe('--- generation 2 ---\nred \\x1b[31m and \\u{202e} turned\n--- 7 bytes left out: this terminal was too slow ---\n');
    expect(at.host.logQueries.at(-1)).toEqual({
      pool: 'chat',
      replica: 0,
      query: { tail: 100, sinceMs: null, generation: null, follow: false },
    });
  });

  test('of a pool name the engine; as JSON nothing is escaped but by JSON', async () => {
    expect((await poolctl('logs', 'chat', '--tail', '2')).stdout).toMatch(/^chat\/0 red .*\nchat\/0 ---.*\nchat\/1 red /);
    const { stdout } = await poolctl('logs', 'chat/1', '--tail', 'all', '--output', 'json');
    expect(JSON.parse(stdout.split('\n')[1] ?? '')).toEqual({
      engine: 'chat/1',
      is: 'line',
      text: 'red \u001b[31m and \u202e turned',
      at: '1970-01-01T00:00:00.000Z',
    });
  });

  test('followed, they come as they are written', async () => {
    const followed = start(['logs', '-f', 'chat/0', '--tail', '0'], { POOLD_SOCKET: at.socketPath });
    await until('it reads', () => at.host.written.readers === 1);
    at.host.written.write({ is: 'line', text: 'now', atMs: null });
    await until('it came', () => followed.stdout() === 'now\n');
    followed.kill();
    await followed.ended;
  });

  test.each([
    [['--previous'], { generation: 1, tail: null }],
    [['--generation', '7'], { generation: 7, tail: null }],
    [['--since', '2026-11-03T08:00:00Z', '--tail', '5'], { sinceMs: Date.parse('2026-11-03T08:00:00Z'), tail: 5 }],
  ])('%j', async (args, query) => {
    await poolctl('logs', 'chat/0', ...args);
    expect(at.host.logQueries.at(-1)?.query).toMatchObject(query);
  });

  test('a reader that leaves ends poolctl quietly', async () => {
    at.host.logLines = Array.from({ length: 20_000 }, (_, index) => ({ is: 'line' as const, text: `line ${index}`, atMs: null }));
    const { stdout, stderr } = await piped(['logs', 'chat/0', '--tail', 'all'], 'head -n 1', { POOLD_SOCKET: at.socketPath });
    expect([stdout, stderr]).toEqual(['line 0\n', 'exit 0\n']);
  });
});
