/** Facts that are told in more than one place, and have to agree there. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import type { DataTable } from '@cucumber/cucumber';
import { Then } from '@cucumber/cucumber';
import type { LogEntry, PooldWorld } from '../support/world.ts';
import { logCaughtUp } from './signs.ts';

Then(
  'the daemon has logged {string} for {string} once with:',
  async function (this: PooldWorld, event: string, subject: string, facts: DataTable) {
    await this.until(`${event} is logged for ${subject}`, () => loggedWith(this, { event, subject }, facts).length > 0);
    await logCaughtUp(this);
    equal(loggedWith(this, { event, subject }, facts).length, 1);
  },
);

Then('the logged nextRestartAt of {string} is its nextStartAt', async function (this: PooldWorld, id: string) {
  const line = this.daemonLog().findLast(({ event, engine }) => event === 'engine.backoff' && engine === id);
  const { nextStartAt } = await this.engine(id);
  const apartMs = Math.abs(Date.parse(String(line?.nextRestartAt)) - Date.parse(String(nextStartAt)));
  // Both are made of the monotonic time, at two moments: a rounding apart.
  ok(apartMs <= 20, `the log says ${line?.nextRestartAt}, the status ${nextStartAt}`);
});

Then(
  'the explanation of {string} comes to say {string} {string}',
  async function (this: PooldWorld, subject: string, rule: string, pattern: string) {
    const [pool = '', replica] = subject.split('/');
    await this.until(`the ${rule} of ${subject} is explained by ${pattern}`, async () => {
      const items = await this.client.explain(pool, replica === undefined ? null : Number(replica));
      const says = items.find((item) => item.subject === subject && item.rule === rule)?.says;
      if (says === undefined || !new RegExp(pattern).test(says)) throw new Error(`it says ${says}`);
      return true;
    });
  },
);

/** By the order of their lines in the log. */
Then('the last restarts in {string} were {string}', async function (this: PooldWorld, pool: string, list: string) {
  await logCaughtUp(this);
  const wanted = list.split(', ');
  const restarts = this.daemonLog().filter((line) => line.event === 'engine.starting' && line.pool === pool && isRestart(line));
  deepEqual(
    restarts.slice(-wanted.length).map(({ engine }) => engine),
    wanted,
  );
});

/** Counted by force: a window is laid at each of them. */
Then(
  'no {int} ms hold more than {int} restarts of {string}',
  async function (this: PooldWorld, windowMs: number, count: number, pool: string) {
    await logCaughtUp(this);
    const timesMs = this.daemonLog()
      .filter((line) => line.event === 'engine.starting' && line.pool === pool && isRestart(line))
      .map(({ time }) => Date.parse(String(time)));
    ok(timesMs.length > count, `there were only ${timesMs.length} restarts: that proves nothing`);
    for (const fromMs of timesMs) {
      const inside = timesMs.filter((atMs) => atMs >= fromMs && atMs < fromMs + windowMs);
      ok(inside.length <= count, `${inside.length} restarts in the ${windowMs} ms from ${new Date(fromMs).toISOString()}`);
    }
  },
);

function isRestart(line: LogEntry): boolean {
  return line.cause === 'restart' || line.cause === 'recovery';
}

function loggedWith(world: PooldWorld, about: { readonly event: string; readonly subject: string }, facts: DataTable): LogEntry[] {
  const wanted = Object.entries(facts.rowsHash());
  return world
    .daemonLog()
    .filter((line) => line.event === about.event && (line.engine ?? line.pool) === about.subject)
    .filter((line) => wanted.every(([name, value]) => String(line[name]) === value));
}
