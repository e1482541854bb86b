/**
 * A pid namespace with a /proc of its own and a first process that reaps: in it pids are dealt out as a test wants them, no zombie stays longer than it
 * has to, and whatever happens, with its first process all others end. That one ends when this process does.
 */
import type { ChildProcess, StdioOptions } from 'node:child_process';
import { spawn } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { afterEach } from 'vitest';
import { allPids, liveStat } from '../../src/engine/proc.ts';
import { childOf } from './processes.ts';
import { until } from './rig.ts';

/** dash reaps whatever ends while it waits; its own end comes when the pipe is closed. */
const FIRST = 'exec 3<&0; cat <&3 >/dev/null & wait $!';

const spaces = new Set<PidSpace>();

export class PidSpace {
  /** Its first process, as we see it. */
  readonly first: number;
  readonly #unshare: ChildProcess;

  static async open(): Promise<PidSpace> {
    const own = ['--pid', '--fork', '--mount-proc', '--kill-child', 'sh', '-c', FIRST];
    const unshare = spawn('unshare', own, { stdio: ['pipe', 'ignore', 'inherit'] });
    // `cat` is there when the shell has come to its waiting.
    const first = await until('the pid namespace is there', () => childOf(childOf(unshare.pid)) !== null && childOf(unshare.pid));
    return new PidSpace(unshare, first);
  }

  private constructor(unshare: ChildProcess, first: number) {
    this.#unshare = unshare;
    this.first = first;
    spaces.add(this);
  }

  /** Words before a command that is to run in it; it runs as their child, whose end is theirs. */
  get through(): readonly string[] {
    return ['nsenter', '--target', String(this.first), '--pid', '--mount', '--'];
  }

  spawn(command: readonly string[], stdio: StdioOptions = 'ignore'): ChildProcess {
    const [program = '', ...args] = [...this.through, ...command];
    return spawn(program, args, { stdio });
  }

  /** What it is called by us; null when there is no such live process in it. */
  outside(pidInside: number): number | null {
    const space = spaceOf(this.first);
    return allPids().find((pid) => liveStat(pid) !== null && innermost(pid) === pidInside && spaceOf(pid) === space) ?? null;
  }

  async close(): Promise<void> {
    spaces.delete(this);
    this.#unshare.stdin?.end();
    await until('the pid namespace is gone', () => liveStat(this.first) === null && this.#unshare.exitCode !== null);
  }
}

export function closePidSpacesAfterEach(): void {
  afterEach(async () => {
    for (const space of spaces) await space.close();
  });
}

function innermost(pid: number): number | null {
  try {
    return Number(/^NSpid:.*\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return null;
  }
}

function spaceOf(pid: number): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return null;
  }
}
