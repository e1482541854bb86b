/** Files around engines: what an operator puts there, what poold writes, and what `poolctl logs` shows of it. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { appendFileSync, chmodSync, existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataTable } from '@cucumber/cucumber';
import { Given, Then, When } from '@cucumber/cucumber';
import type { PooldWorld } from '../support/world.ts';
import { isLike } from './lifecycle.ts';
import { at } from './operator.ts';

Given('the file {string}:', function (this: PooldWorld, file: string, text: string) {
  writeFileSync(join(this.dir, file), this.filled(`${text}\n`));
});

Given('the file {string} may be executed', function (this: PooldWorld, file: string) {
  chmodSync(join(this.dir, file), 0o755);
});

When('the file {string} is made', function (this: PooldWorld, file: string) {
  appendFileSync(join(this.dir, file), '');
});

When('the file {string} is removed', function (this: PooldWorld, file: string) {
  rmSync(join(this.dir, file));
});

Then('the file {string} has {int} line(s)', async function (this: PooldWorld, file: string, count: number) {
  equal(linesOf(this, file).length, count);
});

Then('the file {string} comes to {int} lines', async function (this: PooldWorld, file: string, count: number) {
  await this.until(`${file} has ${count} lines`, () => linesOf(this, file).length >= count);
});

Then('the file {string} has mode {word}', function (this: PooldWorld, file: string, mode: string) {
  equal((statSync(join(this.dir, file)).mode & 0o7777).toString(8).padStart(4, '0'), mode);
});

Then('the file {string} does not say {string}', function (this: PooldWorld, file: string, text: string) {
  ok(!readFileSync(join(this.dir, file), 'utf8').includes(text));
});

/** Rows of path and value; a value between slashes is a pattern. There are no other keys at the top. */
Then('the file {string} becomes JSON of exactly:', async function (this: PooldWorld, file: string, wanted: DataTable) {
  const rows = wanted.rowsHash();
  await this.until(`${file} says what is told`, () => {
    const found = JSON.parse(readFileSync(join(this.dir, file), 'utf8')) as Record<string, unknown>;
    deepEqual(Object.keys(found).toSorted(), Object.keys(rows).toSorted());
    for (const [name, value] of Object.entries(rows)) isLike(asText(found[name]), this.filled(value));
    return true;
  });
});

Then('the file {string} becomes JSON with {word} {word}', async function (this: PooldWorld, file: string, path: string, value: string) {
  await this.until(
    `${path} in ${file} is ${value}`,
    () => String(at(JSON.parse(readFileSync(join(this.dir, file), 'utf8')), path)) === value,
  );
});

Then('the engine {string} writes {string}', async function (this: PooldWorld, id: string, words: string) {
  await this.until(`${id} has written ${words}`, () => logOf(this, id).includes(this.filled(words)));
});

Then('the engine {string} never wrote {string}', function (this: PooldWorld, id: string, words: string) {
  ok(!logOf(this, id).includes(this.filled(words)));
});

/** What it printed, line by line, and nothing else. */
Then('it prints exactly:', function (this: PooldWorld, text: string) {
  equal(this.looked().stdout, `${this.filled(text)}\n`);
});

Then('it prints like {string}', function (this: PooldWorld, pattern: string) {
  match(this.looked().stdout, new RegExp(this.filled(pattern)));
});

Then('it prints nothing', function (this: PooldWorld) {
  equal(this.looked().stdout, '');
});

Then('it complains {string} once', function (this: PooldWorld, text: string) {
  equal(this.looked().stderr.split(text).length, 2, this.looked().stderr);
});

Then('it does not print {string}', function (this: PooldWorld, text: string) {
  ok(!this.looked().stdout.includes(this.filled(text)));
});

Then('it prints no control characters', function (this: PooldWorld) {
  ok(!/(?![\n\t])\p{Cc}/u.test(this.looked().stdout), JSON.stringify(this.looked().stdout));
});

/** Lines as `counts.sh` and `floods-log.mjs` write them; marks between generations are left out. */
Then('it prints the lines {int} to {int} without a gap', function (this: PooldWorld, from: number, to: number) {
  const numbers = this.looked()
    .stdout.split('\n')
    .flatMap((line) => /^line (\d+)\b/.exec(line)?.[1] ?? []);
  deepEqual(
    numbers.map(Number),
    Array.from({ length: to - from + 1 }, (_, index) => from + index),
  );
});

Then('the file {string} holds the noted pid of {string}', function (this: PooldWorld, file: string, id: string) {
  deepEqual(linesOf(this, file), [String(this.noted.get(`pid of ${id}`))]);
});

function linesOf(world: PooldWorld, file: string): string[] {
  return readFileSync(join(world.dir, file), 'utf8').split('\n').slice(0, -1);
}

/** The log files themselves, not what poold says of them: during a reload the two sides of a replica have one each. */
export function logOf(world: PooldWorld, id: string): string {
  const stem = join(world.dir, 'state/logs', id.replace('/', '-'));
  return readFileSync(`${stem}.log`, 'utf8') + (existsSync(`${stem}.b.log`) ? readFileSync(`${stem}.b.log`, 'utf8') : '');
}

function asText(value: unknown): unknown {
  return Array.isArray(value) ? value.join(' ') : value;
}
