import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockDaemon } from '../../src/lock.ts';

let home = '';
const children: ChildProcess[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'poold-lock-'));
});

afterEach(async () => {
  for (const child of children.splice(0))
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await once(child, 'exit');
  rmSync(home, { recursive: true, force: true });
});

interface Attempt {
  readonly child: ChildProcess;
  readonly held: boolean;
  readonly code?: string;
  readonly message?: string;
}

/** A process of its own that tries for the lock, and what it said. */
async function attempt(state = join(home, 'state'), runtime = join(home, 'run')): Promise<Attempt> {
  const program = join(import.meta.dirname, 'processes', 'holds-lock.ts');
  const child = spawn(process.execPath, [program, state, runtime], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout })) return { child, ...JSON.parse(line) };
  throw new Error(`no line: the process ended with ${child.exitCode}`);
}

describe('the lock of the daemon', () => {
  it('goes to exactly one of twenty that start at once, and the others name it', async () => {
    const all = await Promise.all(Array.from({ length: 20 }, () => attempt()));
    const [winner, ...more] = all.filter((one) => one.held);
    expect(more).toEqual([]);
    for (const loser of all.filter((one) => one !== winner)) {
      expect(loser.code).toBe('conflict');
      expect(loser.message).toBe(
        `cannot start: another poold (pid ${winner?.child.pid}) already runs with ${join(home, 'state')}; stop it, or take other directories with --state-dir and --runtime-dir`,
      );
    }
  }, 30_000);

  it('is held for each of the two directories', async () => {
    expect((await attempt()).held).toBe(true);
    const otherState = await attempt(join(home, 'state2'), join(home, 'run'));
    expect(otherState.message).toContain(`already runs with ${join(home, 'run')};`);
    const otherRuntime = await attempt(join(home, 'state'), join(home, 'run2'));
    expect(otherRuntime.message).toContain(`already runs with ${join(home, 'state')};`);
    expect((await attempt(join(home, 'state2'), join(home, 'run2'))).held).toBe(true);
  });

  it('is freed by the kernel when its holder is killed', async () => {
    const first = await attempt();
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    expect((await attempt()).held).toBe(true);
  });

  it('is let go with the pid file when the daemon ends by itself', async () => {
    const first = await attempt();
    expect(readFileSync(join(home, 'run', 'poold.pid'), 'utf8')).toBe(`${first.child.pid}\n`);
    first.child.stdin?.end();
    await once(first.child, 'exit');
    expect(existsSync(join(home, 'run', 'poold.pid'))).toBe(false);
    expect((await attempt()).held).toBe(true);
  });

  it('is one lock where both directories are the same', () => {
    symlinkSync(home, join(home, 'link'));
    const lock = lockDaemon({ stateDirectory: home, runtimeDirectory: join(home, 'link') });
    expect(readFileSync(join(home, 'poold.pid'), 'utf8')).toBe(`${process.pid}\n`);
    lock.release();
    lock.release();
    expect(existsSync(join(home, 'poold.pid'))).toBe(false);
  });
});
