/** `poolctl lease exec` and whatever else runs beside the scenario: its command is a real one, in the scenario's own directory. */
import { equal, ok } from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { After, Then, When } from '@cucumber/cucumber';
import type { LeaseStatus } from '../../src/lease/lease.ts';
import type { PooldWorld } from '../support/world.ts';
import { words } from './operator.ts';

const POOLCTL = resolve(import.meta.dirname, '../../bin/poolctl');

interface Background {
  readonly child: ChildProcess;
  stdout: string;
  stderr: string;
  /** Both streams have ended too. */
  closed: boolean;
}

After(function (this: PooldWorld) {
  (this.noted.get('background') as Background | undefined)?.child.kill('SIGKILL');
});

When('in the background I run poolctl {string}', function (this: PooldWorld, line: string) {
  const child = spawn(process.execPath, [POOLCTL, '--socket', this.socket, ...words(this.filled(line))], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', USER: 'tester' },
    cwd: this.dir,
  });
  const background: Background = { child, stdout: '', stderr: '', closed: false };
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    background.stdout += piece;
  });
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    background.stderr += piece;
  });
  child.on('close', () => {
    background.closed = true;
  });
  this.noted.set('background', background);
});

Then('in the background it prints {string}', async function (this: PooldWorld, text: string) {
  await this.until(`it prints ${text}`, () => {
    const { stdout, stderr } = backgroundOf(this);
    ok(stdout.includes(text), `it printed ${stdout}\nand complained ${stderr}`);
    return true;
  });
});

Then('in the background it complains {string}', async function (this: PooldWorld, text: string) {
  await this.until(`it complains ${text}`, () => {
    ok(backgroundOf(this).stderr.includes(text), `it complained ${backgroundOf(this).stderr}`);
    return true;
  });
});

Then('the lease of {word} has come to be renewed {int} time(s)', async function (this: PooldWorld, holder: string, times: number) {
  await this.until(`${holder} has renewed ${times} times`, async () => ((await leaseOfHolder(this, holder))?.renewals ?? 0) >= times);
});

When('an operator revokes the lease of {word}, as {string}', async function (this: PooldWorld, holder: string, reason: string) {
  const { id = 'none' } = (await leaseOfHolder(this, holder)) ?? {};
  await this.poolctl('lease', 'revoke', id, '--reason', reason);
});

Then('it prints the noted {word} of {string}', function (this: PooldWorld, path: string, subject: string) {
  const noted = String(this.noted.get(`${path} of ${subject}`));
  ok(this.looked().stdout.includes(noted), `stdout was ${this.looked().stdout}, not ${noted}`);
});

When('what runs in the background gets {word}', function (this: PooldWorld, signal: string) {
  backgroundOf(this).child.kill(signal as NodeJS.Signals);
});

Then('what ran in the background has ended with {int}', async function (this: PooldWorld, code: number) {
  const background = backgroundOf(this);
  await this.until('it has ended', () => background.closed);
  equal(background.child.exitCode, code, `${background.stdout}${background.stderr}`);
});

async function leaseOfHolder(world: PooldWorld, holder: string): Promise<LeaseStatus | null> {
  const { items } = JSON.parse(await world.get('/v1/leases')) as { items: LeaseStatus[] };
  return items.find((lease) => lease.holder === holder) ?? null;
}

function backgroundOf(world: PooldWorld): Background {
  const background = world.noted.get('background') as Background | undefined;
  if (background === undefined) throw new Error('nothing was begun in the background');
  return background;
}
