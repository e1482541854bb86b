/** NOTIFY_SOCKET, as an engine and as a stranger sees it. */
import { equal, match, ok } from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { After, Then, When } from '@cucumber/cucumber';
import type { PooldWorld } from '../support/world.ts';

When('a stranger says {string} to the notify socket of {string}', async function (this: PooldWorld, words: string, id: string) {
  const env = { PATH: process.env.PATH ?? '', NOTIFY_SOCKET: await notifySocketOf(this, id) };
  const stranger = spawn(process.execPath, [join(this.engines, 'notifies.mjs'), '-', words], { stdio: 'ignore', env });
  this.noted.set('talking stranger', stranger);
});

After(function (this: PooldWorld) {
  (this.noted.get('talking stranger') as ChildProcess | undefined)?.kill('SIGKILL');
});

When('the notify socket of {string} is noted', async function (this: PooldWorld, id: string) {
  const path = await notifySocketOf(this, id);
  ok(existsSync(path), `${path} is missing`);
  equal(path.startsWith(join(this.dir, 'run/notify/')), true);
  this.noted.set('notify socket', path);
});

Then('the noted notify socket is gone', async function (this: PooldWorld) {
  await this.until('the notify socket is gone', () => !existsSync(String(this.noted.get('notify socket'))));
});

Then('the message of the engine {string} becomes like {string}', async function (this: PooldWorld, id: string, pattern: string) {
  await this.until(`${id} says ${pattern}`, async () => {
    match((await this.engine(id)).message ?? '', new RegExp(pattern));
    return true;
  });
});

async function notifySocketOf(world: PooldWorld, id: string): Promise<string> {
  const { pid } = await world.engine(id);
  const path = /(?:^|\0)NOTIFY_SOCKET=([^\0]*)/.exec(readFileSync(`/proc/${pid}/environ`, 'utf8'))?.[1];
  ok(path !== undefined, `${id} has no NOTIFY_SOCKET`);
  return path;
}
