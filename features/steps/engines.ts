/** What happens to engines, and what poold says of them. */
import { equal, match, ok } from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Then, When } from '@cucumber/cucumber';
import type { PooldWorld } from '../support/world.ts';
import { at } from './operator.ts';

When('the engine {string} is killed with {word}', async function (this: PooldWorld, id: string, signal: string) {
  const { pid } = await this.engine(id);
  ok(pid !== null, `${id} has no process`);
  this.noted.set(`killed ${id}`, pid);
  process.kill(pid, signal as NodeJS.Signals);
});

/** Turns a switch of `http-engine.mjs`: `status=503`, `mode=hang`, `exit=3` … */
When('the engine {string} is told {string}', async function (this: PooldWorld, id: string, query: string) {
  const { url } = await this.engine(id);
  await fetch(`${url}/switch?${query}`).catch((error: unknown) => {
    // It was told to end and did so before it answered.
    if (!query.includes('exit=')) throw error;
  });
});

Then('the engine {string} becomes {word}', async function (this: PooldWorld, id: string, state: string) {
  await this.until(`${id} is ${state}`, async () => {
    const engine = await this.engine(id);
    if (engine.state !== state) throw new Error(`it is ${engine.state} (${engine.message})`);
    return true;
  });
});

Then('the engine {string} becomes {word} with reason {word}', async function (this: PooldWorld, id: string, state: string, reason: string) {
  await this.until(`${id} is ${state} (${reason})`, async () => {
    const engine = await this.engine(id);
    if (engine.state !== state || engine.reason !== reason) throw new Error(`it is ${engine.state} (${engine.reason}: ${engine.message})`);
    return true;
  });
});

/** The new one that a reload is trying: beside the one that serves, or in its place. */
Then('the candidate of {string} becomes {word}', async function (this: PooldWorld, id: string, state: string) {
  await this.until(`the candidate of ${id} is ${state}`, async () => {
    const { engines } = await this.status(id.split('/')[0] ?? '');
    const found = engines.find((engine) => engine.id === id && engine.role === 'candidate');
    if (found?.state !== state) throw new Error(`it is ${found?.state} (${found?.message})`);
    return true;
  });
});

Then('the pool {string} becomes {word}', async function (this: PooldWorld, pool: string, state: string) {
  await this.until(`${pool} is ${state}`, async () => {
    const status = await this.status(pool);
    if (status.state !== state) throw new Error(`it is ${status.state} (${status.message})`);
    return true;
  });
});

Then('the engine {string} reaches generation {int}', async function (this: PooldWorld, id: string, generation: number) {
  await this.until(`${id} is at generation ${generation}`, async () => (await this.engine(id)).generation >= generation);
});

Then('the engine {string} has {word} {word}', async function (this: PooldWorld, id: string, path: string, value: string) {
  equal(String(at(await this.engine(id), path)), value);
});

Then('the pool {string} has {word} {word}', async function (this: PooldWorld, pool: string, path: string, value: string) {
  equal(String(at(await this.status(pool), path)), value);
});

Then('the message of the engine {string} is like {string}', async function (this: PooldWorld, id: string, pattern: string) {
  match((await this.engine(id)).message ?? '', new RegExp(pattern));
});

Then('the message of the pool {string} is like {string}', async function (this: PooldWorld, pool: string, pattern: string) {
  match((await this.status(pool)).message ?? '', new RegExp(pattern));
});

Then('the pid of {string} is another', async function (this: PooldWorld, id: string) {
  const { pid } = await this.engine(id);
  ok(pid !== null && pid !== this.noted.get(`pid of ${id}`), `its pid is ${pid}`);
});

Then('the file {string} exists', function (this: PooldWorld, file: string) {
  ok(existsSync(join(this.dir, file)), `${file} is missing`);
});

Then('the file {string} is gone', async function (this: PooldWorld, file: string) {
  await this.until(`${file} is gone`, () => !existsSync(join(this.dir, file)));
});

Then('the file {string} holds the pid of {string}', async function (this: PooldWorld, file: string, id: string) {
  equal(readFileSync(join(this.dir, file), 'utf8'), `${(await this.engine(id)).pid}\n`);
});
