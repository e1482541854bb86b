/** Programs that speak HTTP to poold, politely and otherwise: over its socket, over TCP, and at the door for metrics. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DataTable } from '@cucumber/cucumber';
import { Given, Then, When } from '@cucumber/cucumber';
import type { Answer, Place, Question } from '../support/asking.ts';
import { ask, askRaw, freePort } from '../support/asking.ts';
import type { PooldWorld } from '../support/world.ts';
import { releases } from './leases.ts';
import { isLike } from './lifecycle.ts';
import { at } from './operator.ts';

const POOLCTL = resolve(import.meta.dirname, '../../bin/poolctl');
const JSON_TYPE = { 'content-type': 'application/json' };

Given('poold listens on TCP for the tokens:', async function (this: PooldWorld, tokens: DataTable) {
  const port = await freePort();
  this.noted.set('tcp', { host: '127.0.0.1', port });
  this.top = { ...this.top, listen: { tcp: { port, tokensFile: this.filled('DIR/tokens'), hosts: ['gpu1.internal'] } } };
  for (const { id = '', role = '' } of tokens.hashes()) {
    const { code, stdout } = await this.poold('token', 'new', '--file', this.filled('DIR/tokens'), '--id', id, '--role', role);
    equal(code, 0);
    this.noted.set(`token ${id}`, stdout.trim());
  }
});

Given('poold listens for scrapes of its metrics', async function (this: PooldWorld) {
  const port = await freePort();
  this.noted.set('metrics', { host: '127.0.0.1', port });
  this.top = { ...this.top, listen: { metrics: { port } } };
});

When('I ask for {string}', async function (this: PooldWorld, path: string) {
  await answered(this, { method: 'GET', path });
});

When('I send {word} {string}', async function (this: PooldWorld, method: string, path: string) {
  await answered(this, { method, path });
});

When('I send {word} {string}:', async function (this: PooldWorld, method: string, path: string, body: string) {
  await answered(this, { method, path, headers: JSON_TYPE, body });
});

When('I post to {string} as {string}:', async function (this: PooldWorld, path: string, type: string, body: string) {
  await answered(this, { method: 'POST', path, headers: { 'content-type': type }, body });
});

When('I send {word} {string} with the headers:', async function (this: PooldWorld, method: string, path: string, headers: DataTable) {
  await answered(this, { method, path, headers: headersIn(this, headers) });
});

When('I send {word} {string} with {int} MB of JSON', async function (this: PooldWorld, method: string, path: string, megabytes: number) {
  const body = JSON.stringify({ reason: 'x'.repeat(megabytes * 1_000_000) });
  await answered(this, { method, path, headers: JSON_TYPE, body });
});

When('I send what is no HTTP: {string}', async function (this: PooldWorld, text: string) {
  this.noted.set('answer', await askRaw({ socketPath: this.socket }, `${text}\r\n\r\n`));
});

When('a slow client sends half a request and nothing more', function (this: PooldWorld) {
  this.noted.set('slow', askRaw({ socketPath: this.socket }, 'GET /v1/pools HTTP/1.1\r\nhost: local'));
});

When('the slow client is cut off', async function (this: PooldWorld) {
  let heard: Answer | null = null;
  void (this.noted.get('slow') as Promise<Answer>).then((answer) => {
    heard = answer;
  });
  await this.until('it is cut off', () => heard !== null);
  this.noted.set('answer', heard);
});

/** All of them at once, each on a connection of its own. */
When('{int} clients ask for {string} at once', async function (this: PooldWorld, count: number, path: string) {
  await crowdAnswered(this, { count, path });
});

When(
  '{int} clients ask for {string} at once, while {word} releases the lease',
  async function (this: PooldWorld, count: number, path: string, name: string) {
    await Promise.all([crowdAnswered(this, { count, path }), releases(this, name)]);
  },
);

/** Rows of path and value, the same for everybody. */
Then('all {int} are told:', function (this: PooldWorld, count: number, wanted: DataTable) {
  const answers = this.noted.get('answers') as readonly Answer[];
  equal(answers.length, count);
  for (const { status, text } of answers) {
    equal(status, 200, text);
    for (const [path, value] of Object.entries(wanted.rowsHash())) isLike(at(JSON.parse(text), path), value);
  }
});

When('I ask the door for metrics for {string}', async function (this: PooldWorld, path: string) {
  await answered(this, { method: 'GET', path }, this.noted.get('metrics') as Place);
});

When('I ask over TCP for {string}', async function (this: PooldWorld, path: string) {
  await answered(this, { method: 'GET', path }, this.noted.get('tcp') as Place);
});

When('I ask over TCP for {string} with:', async function (this: PooldWorld, path: string, headers: DataTable) {
  await answered(this, { method: 'GET', path, headers: headersIn(this, headers) }, this.noted.get('tcp') as Place);
});

When('I send over TCP {word} {string} with:', async function (this: PooldWorld, method: string, path: string, headers: DataTable) {
  await answered(
    this,
    { method, path, headers: { ...JSON_TYPE, ...headersIn(this, headers) }, body: '{}' },
    this.noted.get('tcp') as Place,
  );
});

When('I run poolctl over TCP with the token of {word}: {string}', async function (this: PooldWorld, id: string, line: string) {
  const { port } = this.noted.get('tcp') as { port: number };
  const tokenFile = join(this.dir, `${id}.token`);
  writeFileSync(tokenFile, String(this.noted.get(`token ${id}`)), { mode: 0o600 });
  await this.run(process.execPath, [POOLCTL, '--url', `http://127.0.0.1:${port}`, '--token-file', tokenFile, ...line.split(' ')]);
});

Then('the answer is {int}', function (this: PooldWorld, status: number) {
  const { status: found, text } = answerOf(this);
  equal(found, status, text);
});

/** Rows of path and value in its JSON; a value between slashes is a pattern. */
Then('the answer is {int} with:', function (this: PooldWorld, status: number, wanted: DataTable) {
  const { status: found, text } = answerOf(this);
  equal(found, status, text);
  for (const [path, value] of Object.entries(wanted.rowsHash())) isLike(at(JSON.parse(text), path), value);
});

Then('the answer has the header {string} like {string}', function (this: PooldWorld, name: string, pattern: string) {
  match(answerOf(this).headers[name] ?? '', new RegExp(pattern));
});

Then('the answer does not say {string}', function (this: PooldWorld, text: string) {
  ok(!answerOf(this).text.includes(text), answerOf(this).text);
});

Then('it is refused with {int} {word}', function (this: PooldWorld, status: number, code: string) {
  refused(answerOf(this), { status, code });
});

Then('it is refused with {int} {word}, saying {string}', function (this: PooldWorld, status: number, code: string, words: string) {
  const { detail } = refused(answerOf(this), { status, code });
  ok(detail.includes(words), `it says: ${detail}`);
});

/** Columns: path, status, code, words of its sentence. */
Then('each of these is refused:', async function (this: PooldWorld, wanted: DataTable) {
  for (const { path = '', status = '', code = '', words = '' } of wanted.hashes()) {
    const { detail } = refused(await ask({ socketPath: this.socket }, { method: 'GET', path }), { status: Number(status), code });
    ok(detail.includes(words), `${path}: ${detail}`);
  }
});

Then('POST {string} refuses each of these as an invalid_request:', async function (this: PooldWorld, path: string, wanted: DataTable) {
  for (const { body = '', words = '' } of wanted.hashes()) {
    const answer = await ask({ socketPath: this.socket }, { method: 'POST', path, headers: JSON_TYPE, body });
    const { detail } = refused(answer, { status: 400, code: 'invalid_request' });
    ok(detail.includes(words), `${body}: ${detail}`);
  }
});

/** Rows of `file:line:column` and path; warnings are not counted. */
Then('it complains of these places and no others:', function (this: PooldWorld, wanted: DataTable) {
  const lines = this.looked()
    .stderr.split('\n')
    .filter((line) => /:\d+:\d+: /.test(line) && !line.includes(': warning: '));
  const found = lines.map((line) =>
    line
      .replace(`${this.dir}/`, '')
      .replace(/^poold: /, '')
      .trim(),
  );
  const rows = wanted.raw().map(([place = '', path = '']) => `${place}: ${path}: `);
  for (const row of rows)
    ok(
      found.some((line) => line.startsWith(row)),
      `nothing begins with ${row} in\n${found.join('\n')}`,
    );
  equal(found.length, rows.length, found.join('\n'));
});

/** All that could have been changed by a request: the pools, the operations, and that nothing has happened. */
When('I note all that poold knows', async function (this: PooldWorld) {
  this.noted.set('all', await allKnown(this));
});

Then('nothing has changed', async function (this: PooldWorld) {
  deepEqual(await allKnown(this), this.noted.get('all'));
});

async function crowdAnswered(world: PooldWorld, { count, path }: { readonly count: number; readonly path: string }): Promise<void> {
  const asked = Array.from({ length: count }, () => ask({ socketPath: world.socket }, { method: 'GET', path }));
  world.noted.set('answers', await Promise.all(asked));
}

async function answered(world: PooldWorld, question: Question, place: Place = { socketPath: world.socket }): Promise<void> {
  world.noted.set('answer', await ask(place, question));
}

function answerOf(world: PooldWorld): Answer {
  const answer = world.noted.get('answer') as Answer | undefined;
  if (answer === undefined) throw new Error('nothing was asked yet');
  return answer;
}

/** Every refusal has the form of RFC 9457, says what could not be done, and tells nothing of our insides. */
function refused(
  { status, headers, text }: Answer,
  wanted: { readonly status: number; readonly code: string },
): { readonly detail: string } {
  equal(status, wanted.status, text);
  match(headers['content-type'] ?? '', /^application\/problem\+json/);
  const problem = JSON.parse(text) as Record<string, unknown>;
  equal(problem.code, wanted.code, text);
  equal(problem.status, wanted.status);
  equal(problem.type, `urn:poold:problem:${wanted.code}`);
  equal(typeof problem.title, 'string');
  equal(typeof problem.retriable, 'boolean');
  const detail = String(problem.detail);
  match(detail, /^cannot /);
  ok(!/\bat .*\.[jt]s:\d+|node_modules|Error:/.test(text), `it shows our insides: ${text}`);
  return { detail };
}

function headersIn(world: PooldWorld, table: DataTable): Record<string, string> {
  const filled = (value: string): string => value.replaceAll(/TOKEN\((\w+)\)/g, (_, id: string) => String(world.noted.get(`token ${id}`)));
  return Object.fromEntries(Object.entries(table.rowsHash()).map(([name, value]) => [name, filled(value)]));
}

async function allKnown(world: PooldWorld): Promise<unknown> {
  const cursors = (await world.get('/v1/events?follow=false')).match(/^id: .*$/gm);
  return {
    // How long a lease is held goes on by itself.
    pools: JSON.parse(await world.get('/v1/pools'), (key, value: unknown) => (key === 'oldestLeaseMs' ? null : value)),
    operations: JSON.parse(await world.get('/v1/operations')),
    cursor: cursors?.at(-1),
  };
}
