/** A poolctl that runs beside the scenario, as in another window. */
import { equal, ok } from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { After, Then, When } from '@cucumber/cucumber';
import type { PooldWorld } from '../support/world.ts';
import { words } from './operator.ts';

const POOLCTL = resolve(import.meta.dirname, '../../bin/poolctl');

interface Running {
  readonly child: ChildProcess;
  stdout: string;
  stderr: string;
  /** Both streams have ended too. */
  closed: boolean;
}

When('I begin poolctl {string}', function (this: PooldWorld, line: string) {
  begins(this, process.execPath, [POOLCTL, '--socket', this.socket, ...words(this.filled(line))]);
});

/** Both its streams and what is typed are one screen there, which stands as what it prints. */
When('I begin poolctl {string} on a terminal', function (this: PooldWorld, line: string) {
  begins(this, 'script', ['-qec', `exec ${process.execPath} ${POOLCTL} --socket ${this.socket} ${this.filled(line)}`, '/dev/null']);
});

When('I type {string}', function (this: PooldWorld, text: string) {
  runningOf(this).child.stdin?.write(`${text}\n`);
});

After(function (this: PooldWorld) {
  (this.noted.get('running') as Running | undefined)?.child.kill('SIGKILL');
});

Then('the running poolctl prints {string}', async function (this: PooldWorld, text: string) {
  await this.until(`it prints ${text}`, () => {
    const { stdout, stderr } = runningOf(this);
    ok(stdout.includes(text), `it printed ${stdout}\nand complained ${stderr}`);
    return true;
  });
});

Then('the running poolctl complains {string}', async function (this: PooldWorld, text: string) {
  await this.until(`it complains ${text}`, () => {
    ok(runningOf(this).stderr.includes(text), `it complained ${runningOf(this).stderr}`);
    return true;
  });
});

/** Looked at again when it has ended. */
Then('the running poolctl complains {string} once', async function (this: PooldWorld, text: string) {
  await this.until(`it complains ${text}`, () => runningOf(this).stderr.includes(text));
  this.noted.set('once', text);
});

When('the running poolctl gets {word}', function (this: PooldWorld, signal: string) {
  runningOf(this).child.kill(signal as NodeJS.Signals);
});

Then('the running poolctl ends with code {int}', async function (this: PooldWorld, code: number) {
  const running = runningOf(this);
  await this.until('it has ended', () => running.closed);
  equal(running.child.exitCode, code, `${running.stdout}${running.stderr}`);
  const once = this.noted.get('once');
  if (typeof once === 'string') equal(running.stderr.split(once).length, 2, running.stderr);
});

function begins(world: PooldWorld, command: string, args: readonly string[]): void {
  const child = spawn(command, args, {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', USER: 'tester', SHELL: '/bin/sh' },
    cwd: world.dir,
  });
  const running: Running = { child, stdout: '', stderr: '', closed: false };
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    running.stdout += piece;
  });
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    running.stderr += piece;
  });
  child.on('close', () => {
    running.closed = true;
  });
  world.noted.set('running', running);
}

function runningOf(world: PooldWorld): Running {
  const running = world.noted.get('running') as Running | undefined;
  if (running === undefined) throw new Error('no poolctl was begun');
  return running;
}
