/** Logs that are rotated while their engine stands still. */
import { equal, ok } from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { After, Given, Then } from '@cucumber/cucumber';
import { statOf } from '../../src/engine/proc.ts';
import type { PooldWorld } from '../support/world.ts';

Given('the logs are on a tmpfs', function (this: PooldWorld) {
  const directory = mkdtempSync('/dev/shm/poold-feature-');
  this.noted.set('tmpfs', directory);
  mkdirSync(join(this.dir, 'state'));
  symlinkSync(directory, join(this.dir, 'state/logs'));
});

After(function (this: PooldWorld) {
  const directory = this.noted.get('tmpfs') as string | undefined;
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true });
});

Given('the database is {word}', function (this: PooldWorld, how: string) {
  if (how === 'damaged') writeFileSync(join(this.dir, 'state/poold.db'), 'rubbish '.repeat(4_096));
});

Then('the log of {string} has been rotated {int} times', async function (this: PooldWorld, id: string, times: number) {
  await this.until(`there are ${times} older files`, () => filesOf(this, id).length > times);
});

Then('the log of {string} holds lines from 1 on without a gap', function (this: PooldWorld, id: string) {
  const text = filesOf(this, id)
    .map((file) => readFileSync(file, 'latin1'))
    .join('');
  // Who is ended may leave half a line.
  const lines = text.split('\n').slice(0, -1);
  ok(lines.length > 1_000, `there are ${lines.length} lines`);
  const wrong = lines.findIndex((line, index) => line !== `line ${index + 1}`);
  ok(
    wrong === -1,
    `of ${lines.length} lines, number ${wrong + 1} and its neighbours are ${lines.slice(Math.max(0, wrong - 1), wrong + 2).join(', ')}`,
  );
});

Then('the engine {string} writes on', async function (this: PooldWorld, id: string) {
  const log = join(this.dir, `state/logs/${id.replace('/', '-')}.log`);
  // A rotation may come between two looks, so it is enough that the file is another.
  const before = statSync(log).mtimeMs;
  await this.until(`${id} writes on`, () => statSync(log).mtimeMs > before);
});

Then('the daemon dies of SIGKILL', async function (this: PooldWorld) {
  await this.until('the daemon has died', () => this.daemon?.signalCode !== null);
  equal(this.daemon?.signalCode, 'SIGKILL');
  // Where it died before it answered, its end is the last command's.
  if (this.last?.code === null) this.looked();
});

Then('the process of {string} stands still', async function (this: PooldWorld, id: string) {
  const pid = Number(readFileSync(join(this.dir, `run/engines/${id.replace('/', '-')}.pid`), 'utf8'));
  await this.until(`${id} stands still`, () => statOf(pid)?.state === 'T' || isFrozen(pid));
});

/** The oldest first. */
function filesOf(world: PooldWorld, id: string): string[] {
  const log = join(world.dir, `state/logs/${id.replace('/', '-')}.log`);
  const older = Array.from({ length: 1_000 }, (_, index) => `${log}.${index + 1}`).filter((file) => existsSync(file));
  return [...older.toReversed(), log];
}

function isFrozen(pid: number): boolean {
  const mount = /^cgroup2 (\S+) /m.exec(readFileSync('/proc/self/mounts', 'utf8'))?.[1] ?? '';
  const own = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? '';
  return readFileSync(join(mount, own, 'cgroup.events'), 'utf8').includes('frozen 1');
}
