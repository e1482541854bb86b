/** Programs that run engines of their own and announce them, as far as poold is told to look. */
import { deepEqual, equal } from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, renameSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { After, Given, Then, When } from '@cucumber/cucumber';
import type { PooldWorld } from '../support/world.ts';

interface Program {
  readonly child: ChildProcess;
  readonly url: string;
}

Given('a directory {string} in which programs announce engines', function (this: PooldWorld, directory: string) {
  mkdirSync(join(this.dir, directory));
  this.noted.set('announced', directory);
});

Given('the program {string} runs an engine of its own', async function (this: PooldWorld, name: string) {
  const child = spawn(process.execPath, [join(this.engines, 'http-engine.mjs')], { stdio: ['ignore', 'pipe', 'ignore'] });
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /^listening (\d+)$/.exec(line)?.[1];
    this.noted.set(`program ${name}`, { child, url: `http://127.0.0.1:${port}` } satisfies Program);
    break;
  }
});

/** Whole beside it, then by rename. */
When('the program {string} announces its engine in the pool {string}', function (this: PooldWorld, name: string, pool: string) {
  const { child, url } = programOf(this, name);
  const file = join(this.dir, String(this.noted.get('announced')), `${name}.json`);
  writeFileSync(`${file}.new`, JSON.stringify({ pool, url, pid: child.pid, version: 'v9' }), { mode: 0o640 });
  renameSync(`${file}.new`, file);
});

Given('a link {string} to {string}', function (this: PooldWorld, link: string, file: string) {
  symlinkSync(join(this.dir, file), join(this.dir, link));
});

Given('a pipe {string}', function (this: PooldWorld, file: string) {
  execFileSync('mkfifo', [join(this.dir, file)]);
});

/** A hole: it takes no room. */
Given('a file {string} of {int} GiB', function (this: PooldWorld, file: string, sizeGib: number) {
  writeFileSync(join(this.dir, file), '', { mode: 0o640 });
  truncateSync(join(this.dir, file), sizeGib * 2 ** 30);
});

Then('the engine {string} has the address of the program {string}', async function (this: PooldWorld, id: string, name: string) {
  const { child, url } = programOf(this, name);
  const engine = await this.engine(id);
  deepEqual([engine.url, engine.pid, engine.version], [url, child.pid, 'v9']);
});

Then('the program {string} still runs', async function (this: PooldWorld, name: string) {
  const { child, url } = programOf(this, name);
  equal(await fetch(`${url}/pid`).then((answer) => answer.text()), String(child.pid));
});

Then('the metrics have no series of {string}', async function (this: PooldWorld, replica: string) {
  const lines = (await this.get('/metrics')).split('\n').filter((line) => line.includes(`replica="${replica}"`));
  deepEqual(lines, []);
});

Then('a balancer that asks for {int} ready engines of {string} is refused', async function (this: PooldWorld, min: number, pool: string) {
  const { code, status } = JSON.parse(await this.get(`/v1/pools/${pool}/ready?min=${min}`)) as { code: string; status: number };
  deepEqual([code, status], ['no_ready_engine', 503]);
});

After(function (this: PooldWorld) {
  for (const [name, noted] of this.noted) if (name.startsWith('program ')) (noted as Program).child.kill('SIGKILL');
});

function programOf(world: PooldWorld, name: string): Program {
  const program = world.noted.get(`program ${name}`) as Program | undefined;
  if (program === undefined) throw new Error(`the program ${name} was not started`);
  return program;
}
