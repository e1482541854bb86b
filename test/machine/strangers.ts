/** Processes that are nothing of poold's, and of which each writes down every signal that it gets. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { liveStat } from '../../src/engine/proc.ts';
import { childOf } from './processes.ts';
import { killIfThere, ROOT, until } from './rig.ts';

/** Its argv; it is there, and hears, when the file is. */
export function strangerCommand(file: string): string[] {
  return [join(ROOT, 'test/engines/writes-signals.sh'), file];
}

const strangers = new Set<Stranger>();

export class Stranger {
  readonly pid: number;
  readonly startTicks: number;
  readonly #file: string;

  /** One of our own, in a session of its own. */
  static async start(file: string): Promise<Stranger> {
    const [command = '', ...args] = strangerCommand(file);
    const child: ChildProcess = spawn(command, args, { stdio: 'ignore', detached: true });
    await until('the stranger hears', () => existsSync(file));
    return new Stranger(child.pid ?? 0, file);
  }

  constructor(pid: number, file: string) {
    this.pid = pid;
    this.#file = file;
    this.startTicks = liveStat(pid)?.startTicks ?? 0;
    strangers.add(this);
  }

  /** Nobody has sent it anything; and it would have told, which it is made to show. */
  async expectUntouched(): Promise<void> {
    expect(liveStat(this.pid), `stranger ${this.pid}`).toMatchObject({
      startTicks: this.startTicks,
      state: expect.not.stringMatching(/[Tt]/),
    });
    expect(readFileSync(this.#file, 'utf8'), `signals to stranger ${this.pid}`).toBe('');
    process.kill(this.pid, 'SIGTERM');
    await until('the stranger has heard that', () => readFileSync(this.#file, 'utf8') === 'TERM\n');
  }

  end(): void {
    strangers.delete(this);
    // ORDER: its child first, which would go on without it.
    killIfThere(childOf(this.pid) ?? this.pid);
    killIfThere(this.pid);
  }
}

export function endStrangersAfterEach(): void {
  afterEach(() => {
    for (const stranger of strangers) stranger.end();
  });
}
