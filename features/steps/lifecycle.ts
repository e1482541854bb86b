/** Processes of engines and of strangers: what runs, what was left behind, what it was told. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { DataTable } from '@cucumber/cucumber';
import { After, Given, Then, When } from '@cucumber/cucumber';
import { processesOf } from '../support/processes.ts';
import type { PooldWorld } from '../support/world.ts';
import { at } from './operator.ts';

Given('a stranger listens on port {word}', async function (this: PooldWorld, port: string) {
  const server = createServer();
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(Number(this.filled(port)), '127.0.0.1', () => listening());
  });
  this.noted.set('stranger', server);
});

When('the stranger goes away', async function (this: PooldWorld) {
  await strangerGone(this);
});

After(async function (this: PooldWorld) {
  await strangerGone(this);
});

Then('the daemon ends with code {int}', async function (this: PooldWorld, code: number) {
  await this.until('the daemon has ended', () => this.daemon?.exitCode !== null);
  equal(this.daemon?.exitCode, code);
});

/** Everything that a generation holds: processes, its launcher, files, its run record, its cgroup. The port shows by the next who takes it. */
Then('nothing is left of the engine {string}', async function (this: PooldWorld, id: string) {
  await this.until(`nothing is left of ${id}`, () => {
    deepEqual(leftOf(this, id), []);
    return true;
  });
});

Then('the engine {string} consists of {int} process(es)', async function (this: PooldWorld, id: string, count: number) {
  await this.until(`${id} has ${count} processes`, () => {
    equal(engineProcesses(this, id).length, count);
    return true;
  });
});

Then('the process of {string} has the arguments {string}', async function (this: PooldWorld, id: string, words: string) {
  const { pid } = await this.engine(id);
  ok(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ').includes(this.filled(words)));
});

/** One row for each variable; a value between slashes is a pattern. Nothing else may be in it. */
Then('the environment of {string} is exactly:', async function (this: PooldWorld, id: string, wanted: DataTable) {
  const { pid } = await this.engine(id);
  const entries = readFileSync(`/proc/${pid}/environ`, 'utf8')
    .split('\0')
    .filter((entry) => entry !== '');
  const found = new Map(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
  const rows = new Map(wanted.raw().map(([name = '', value = '']) => [name, value]));
  deepEqual([...found.keys()].toSorted(), [...rows.keys()].toSorted());
  for (const [name, value] of rows) isLike(found.get(name) ?? null, this.filled(value));
});

/** Columns are paths in an engine's status; a cell between slashes is a pattern. */
Then('the engines of {string} become:', async function (this: PooldWorld, pool: string, wanted: DataTable) {
  await this.until(`the engines of ${pool} are as told`, async () => {
    const { engines } = await this.status(pool);
    equal(engines.length, wanted.hashes().length, 'number of engines');
    for (const [index, row] of wanted.hashes().entries()) {
      for (const [path, value] of Object.entries(row)) isLike(at(engines[index], path), this.filled(value));
    }
    return true;
  });
});

/** `poolctl status POOL --output json`: rows of path and value; a value between slashes is a pattern. */
Then('the status of {string} shows:', async function (this: PooldWorld, pool: string, wanted: DataTable) {
  await this.until(`the status of ${pool} is as told`, async () => {
    const { stdout } = await this.poolctl('status', pool, '--output', 'json');
    for (const [path, value] of Object.entries(wanted.rowsHash())) isLike(at(JSON.parse(stdout), path), this.filled(value));
    return true;
  });
});

/** Rows of event and subject that come in this order, whatever stands between them. */
Then('the daemon logs in this order:', async function (this: PooldWorld, wanted: DataTable) {
  const steps = wanted.raw().map(([event, subject]) => `${event} ${subject}`);
  await this.until(`the log shows ${steps.join(', ')}`, () => {
    const logged = this.daemonLog().map((line) => `${line.event} ${line.engine ?? line.pool}`);
    let from = 0;
    for (const step of steps) {
      const found = logged.indexOf(step, from);
      if (found === -1) throw new Error(`there is no ${step} behind line ${from} of ${logged.join(', ')}`);
      from = found + 1;
    }
    return true;
  });
});

Then('the daemon says {string}', async function (this: PooldWorld, words: string) {
  await this.until(`the daemon says ${words}`, () => this.daemonLog().some(({ msg }) => msg.includes(this.filled(words))));
});

/** `value` as text is `wanted`, or matches it where that stands between slashes; `null` is null. */
export function isLike(value: unknown, wanted: string): void {
  const pattern = /^\/(.*)\/$/.exec(wanted)?.[1];
  if (pattern === undefined) equal(String(value), wanted);
  else match(String(value), new RegExp(pattern));
}

export function isAlike(value: unknown, wanted: string): boolean {
  try {
    isLike(value, wanted);
    return true;
  } catch {
    return false;
  }
}

function leftOf(world: PooldWorld, id: string): string[] {
  const stem = id.replace('/', '-');
  const instance = instanceOf(world);
  const processes = processesOf(instance).filter((pid) => marks(pid).includes(`${instance}-${stem}-`));
  const files = [`run/engines/${stem}.pid`, `run/engines/${stem}.json`].filter((file) => existsSync(join(world.dir, file)));
  const records = namesIn(join(world.dir, 'state/runs')).filter((name) => name.startsWith(`${stem}.`));
  const leaves = cgroupsOf(instance).filter((name) => name.startsWith(`${instance}-${stem}-`));
  return [...processes.map((pid) => `process ${pid}`), ...files, ...records, ...leaves];
}

/** Without the launcher. */
function engineProcesses(world: PooldWorld, id: string): number[] {
  const mark = `${instanceOf(world)}-${id.replace('/', '-')}-`;
  return processesOf(instanceOf(world)).filter((pid) => marks(pid).includes(mark) && !marks(pid).includes('poold-launcher'));
}

function instanceOf(world: PooldWorld): string {
  return (JSON.parse(readFileSync(join(world.dir, 'state/identity.json'), 'utf8')) as { instance: string }).instance;
}

/** Environment and command line, of which one carries the instance. */
function marks(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8') + readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Leaves of this daemon, wherever cgroup v2 is mounted; none where it cannot write there. */
function cgroupsOf(instance: string): string[] {
  const mount = /^cgroup2 (\S+) /m.exec(readFileSync('/proc/self/mounts', 'utf8'))?.[1] ?? '';
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '';
  return namesIn(join(mount, own, `poold-${instance}`));
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

async function strangerGone(world: PooldWorld): Promise<void> {
  const server = world.noted.get('stranger') as Server | undefined;
  world.noted.delete('stranger');
  if (server !== undefined) await new Promise((closed) => server.close(closed));
}
