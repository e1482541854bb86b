/** What happens while no daemon is there, and what the next one makes of it. */
import { equal, ok } from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Then, When } from '@cucumber/cucumber';
import type { PooldWorld } from '../support/world.ts';
import { endOfProcess, history, killLauncherOf } from './crash.ts';
import { logOf } from './lifecycle-files.ts';

/** As any other program would find the engine: by its pid and handoff files. */
When('meanwhile the engine {string} is killed with {word}', async function (this: PooldWorld, id: string, signal: string) {
  const pid = Number(readFileSync(join(this.dir, `run/engines/${id.replace('/', '-')}.pid`), 'utf8'));
  process.kill(pid, signal as NodeJS.Signals);
  await endOfProcess(this, pid);
});

When('meanwhile the engine {string} is told {string}', async function (this: PooldWorld, id: string, query: string) {
  const { pid, url } = JSON.parse(readFileSync(join(this.dir, `run/engines/${id.replace('/', '-')}.json`), 'utf8')) as {
    pid: number;
    url: string;
  };
  await fetch(`${url}/switch?${query}`).catch((error: unknown) => {
    // It was told to end and did so before it answered.
    if (!query.includes('exit=')) throw error;
  });
  if (query.includes('exit=')) await endOfProcess(this, pid);
});

When('the launcher of {string} is killed after the daemon', async function (this: PooldWorld, id: string) {
  const { pid } = await this.engine(id);
  equal(await this.killDaemon('SIGKILL'), null);
  await killLauncherOf(this, pid);
});

When('the engine {string} has written {int} lines more', async function (this: PooldWorld, id: string, more: number) {
  const before = logOf(this, id).split('\n').length;
  await this.until(`${id} has written ${more} lines more`, () => logOf(this, id).split('\n').length >= before + more);
});

When('the pool {string} is taken out of the configuration', function (this: PooldWorld, pool: string) {
  delete this.pools[pool];
});

When('a second daemon is started on the same directories', async function (this: PooldWorld) {
  await this.poold('run', '--config', this.configFile, '--state-dir', join(this.dir, 'state'), '--runtime-dir', join(this.dir, 'run'));
});

When('the file {string} is overwritten with rubbish', function (this: PooldWorld, file: string) {
  writeFileSync(join(this.dir, file), 'rubbish '.repeat(4_096));
});

Then('it complains of the daemon by its pid', function (this: PooldWorld) {
  const { stderr } = this.looked();
  ok(stderr.includes(`another poold (pid ${this.daemon?.pid}) already runs with ${this.dir}`), stderr);
});

Then('the file {string} holds the pid of the daemon', function (this: PooldWorld, file: string) {
  equal(readFileSync(join(this.dir, file), 'utf8'), `${this.daemon?.pid}\n`);
});

Then('a file like {string} exists', function (this: PooldWorld, start: string) {
  const path = join(this.dir, start);
  ok(
    readdirSync(dirname(path)).some((name) => join(dirname(path), name).startsWith(path)),
    readdirSync(dirname(path)).join(' '),
  );
});

Then('the daemon has taken up {int} engine(s) and found {int} ended', async function (this: PooldWorld, adopted: number, ended: number) {
  await this.until('the last daemon says what it found', () => {
    const said = this.daemonLog().findLast(({ event }) => event === 'daemon.adopted');
    return said?.adopted === adopted && said.ended === ended;
  });
});

/** Lines as `counts.sh` writes them. */
Then('it prints lines from 1 on without a gap, at least {int}', function (this: PooldWorld, least: number) {
  const numbers = this.looked()
    .stdout.split('\n')
    .flatMap((line) => /^line (\d+)$/.exec(line)?.[1] ?? []);
  ok(numbers.length >= least, `there are ${numbers.length}`);
  for (const [index, number] of numbers.entries()) equal(Number(number), index + 1);
  this.noted.set('last line', `line ${numbers.at(-1)}`);
});

Then('the last line of {string} in the history is the last of generation 1', async function (this: PooldWorld, subject: string) {
  const first = (await history(this, subject)).find(({ generation }) => generation === 1);
  equal(first?.lastLines.at(-1), this.noted.get('last line'));
});
