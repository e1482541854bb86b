/** What an operator writes, starts and types. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { Given, Then, When } from '@cucumber/cucumber';
import { parse } from 'yaml';
import type { PooldWorld } from '../support/world.ts';

Given('the pool {string}:', function (this: PooldWorld, name: string, yaml: string) {
  this.addPool(name, yaml);
});

Given('beside the pools the configuration says:', function (this: PooldWorld, yaml: string) {
  this.top = { ...this.top, ...(parse(this.filled(yaml)) as Record<string, unknown>) };
});

Given('the daemon runs with {word} = {string}', function (this: PooldWorld, name: string, value: string) {
  this.daemonEnv[name] = this.filled(value);
});

When('the daemon is started', async function (this: PooldWorld) {
  await this.startDaemon();
});

When('the daemon is started again', async function (this: PooldWorld) {
  await this.startDaemon();
});

When('the daemon is killed with SIGKILL', async function (this: PooldWorld) {
  equal(await this.killDaemon('SIGKILL'), null);
});

When('the daemon gets {word} and ends', async function (this: PooldWorld, signal: string) {
  this.noted.set('daemonCode', await this.killDaemon(signal as NodeJS.Signals));
});

Then('the daemon has ended with code {int}', function (this: PooldWorld, code: number) {
  equal(this.noted.get('daemonCode') ?? this.looked().code, code);
});

When('I run poolctl {string}', async function (this: PooldWorld, line: string) {
  await this.poolctl(...words(line));
});

When('I run poold {string}', async function (this: PooldWorld, line: string) {
  await this.poold(...words(this.filled(line)));
});

Then('it succeeds', function (this: PooldWorld) {
  const { code, stderr } = this.looked();
  equal(code, 0, stderr);
});

Then('it exits with {int}', function (this: PooldWorld, code: number) {
  const ran = this.looked();
  equal(ran.code, code, `${ran.stdout}${ran.stderr}`);
});

Then('it prints {string}', function (this: PooldWorld, text: string) {
  ok(this.looked().stdout.includes(this.filled(text)), `stdout was: ${this.looked().stdout}`);
});

Then('it complains {string}', function (this: PooldWorld, text: string) {
  ok(this.looked().stderr.includes(this.filled(text)), `stderr was: ${this.looked().stderr}`);
});

Then('it complains like \\/{word}\\/', function (this: PooldWorld, pattern: string) {
  match(this.looked().stderr, new RegExp(pattern));
});

Then('its output as JSON has {word} = {word}', function (this: PooldWorld, path: string, value: string) {
  deepEqual(at(JSON.parse(this.looked().stdout), path), JSON.parse(value));
});

/** `a.b.0.c` in nested data. */
export function at(data: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], data);
}

/** Splits at blanks; what stands in single quotes stays together. */
export function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}
