import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { runCommand } from '../../src/engine/exec.ts';
import { loadPosixSpawn } from '../../src/engine/posix-spawn.ts';
import { allPids, liveStat, markOf } from '../../src/engine/proc.ts';
import { killIfThere, until } from './rig.ts';

const MARK = `exec${process.pid}`;

interface More {
  readonly timeoutMs?: number;
  readonly outputBytes?: number;
  readonly abort?: AbortSignal;
  readonly argv?: string[];
}

const WAYS = [
  { name: 'posix_spawn', posixSpawn: loadPosixSpawn },
  { name: "Node's own spawn", posixSpawn: async () => null },
];

function left(): number[] {
  return allPids().filter((pid) => liveStat(pid) !== null && markOf(pid) === MARK);
}

afterEach(() => {
  for (const pid of left()) killIfThere(pid);
});

describe.each(WAYS)('a command by $name', ({ posixSpawn }) => {
  function run(script: string, more: More = {}) {
    const { argv = ['/bin/sh', '-c', script], timeoutMs = 5_000, ...rest } = more;
    const env = { PATH: '/usr/bin:/bin', POOLD_INSTANCE: MARK };
    return runCommand(systemClock, { argv, env, cwd: '/', user: null, timeoutMs, posixSpawn, ...rest });
  }

  it('tells its code and both its streams', async () => {
    expect(await run('echo out; echo err >&2; exit 3')).toEqual({
      code: 3,
      signal: null,
      timedOut: false,
      output: 'out\nerr\n',
      problem: null,
    });
  });

  it('tells the signal that ended it', async () => {
    expect(await run('kill -SEGV $$')).toMatchObject({ code: null, signal: 'SIGSEGV', timedOut: false });
  });

  it('that cannot be run says why, and does not throw', async () => {
    expect(await run('', { argv: ['/no/such/thing'] })).toMatchObject({ code: null, problem: expect.stringMatching(/does not exist/) });
    expect(await run('', { argv: ['no-such-thing'] })).toMatchObject({ problem: expect.stringMatching(/PATH/) });
    expect(await run('', { argv: [] })).toMatchObject({ problem: expect.stringMatching(/empty/) });
    expect(await run('', { argv: ['/bin/echo', 'a\0b'] })).toMatchObject({ problem: expect.stringMatching(/NUL/) });
  });

  it('keeps only the end of what it says', async () => {
    const { output } = await run('i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done', { outputBytes: 100 });
    expect(output).toHaveLength(100);
    expect(output.endsWith('line 4998\nline 4999\n')).toBe(true);
  });

  it('that outlasts its time is killed with its group', async () => {
    const result = await run('sleep 1000 & echo started; wait', { timeoutMs: 100 });
    expect(result).toMatchObject({ code: null, signal: 'SIGKILL', timedOut: true, output: 'started\n' });
    await until(() => left().length === 0, 'the end of its group');
  });

  it('that is called off is killed with its group', async () => {
    const abort = new AbortController();
    const running = run('sleep 1000 & wait', { abort: abort.signal });
    await until(() => left().length >= 2, 'the command');
    abort.abort();
    expect(await running).toMatchObject({ signal: 'SIGKILL', timedOut: false });
    await until(() => left().length === 0, 'the end of its group');
  });

  it('called off before it began ends too', async () => {
    expect(await run('sleep 1000', { abort: AbortSignal.abort() })).toMatchObject({ signal: 'SIGKILL' });
  });

  it('whose child holds its pipes is over when it is, and the child is ended', async () => {
    expect(await run('sleep 1000 & echo done; exit 0')).toMatchObject({ code: 0, output: 'done\n', timedOut: false });
    await until(() => left().length === 0, 'the end of its child');
  });
});
