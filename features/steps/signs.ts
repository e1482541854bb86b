/** What poold leaves for those who look later or from afar: its log, events and metrics. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import type { DataTable } from '@cucumber/cucumber';
import { Then } from '@cucumber/cucumber';
import type { PooldWorld } from '../support/world.ts';

Then('the daemon logs {string} for {string}', async function (this: PooldWorld, event: string, subject: string) {
  await this.until(`${event} is logged for ${subject}`, () => logged(this, event, subject).length > 0);
});

Then('the daemon logs {string} for {string} with:', async function (this: PooldWorld, event: string, subject: string, facts: DataTable) {
  const wanted = facts.rowsHash();
  await this.until(`${event} is logged for ${subject} with ${JSON.stringify(wanted)}`, () =>
    logged(this, event, subject).some((line) => Object.entries(wanted).every(([name, value]) => String(line[name]) === value)),
  );
});

Then(
  'the daemon has logged {string} for {string} {int} time(s)',
  async function (this: PooldWorld, event: string, subject: string, times: number) {
    await logCaughtUp(this);
    equal(logged(this, event, subject).length, times);
  },
);

Then('no {string} was logged for {string}', async function (this: PooldWorld, event: string, subject: string) {
  await logCaughtUp(this);
  deepEqual(logged(this, event, subject), []);
});

Then('the metric {string} is {float}', async function (this: PooldWorld, series: string, value: number) {
  await this.until(`${series} is ${value}`, async () => {
    const found = await metric(this, series);
    if (found !== value) throw new Error(`it is ${found}`);
    return true;
  });
});

Then('the metric {string} is at least {float}', async function (this: PooldWorld, series: string, value: number) {
  await this.until(`${series} is at least ${value}`, async () => ((await metric(this, series)) ?? Number.NaN) >= value);
});

/** The daemon writes its log a little behind: to say how often something is in it, all that has happened must be. At `debug` each event is. */
export async function logCaughtUp(world: PooldWorld): Promise<void> {
  const cursor = (await world.get('/v1/events?follow=false'))
    .match(/^id: (.*)$/gm)
    ?.at(-1)
    ?.slice('id: '.length);
  await world.until(`${cursor} is logged`, () => world.daemonLog().some((line) => line.cursor === cursor));
}

function logged(world: PooldWorld, event: string, subject: string) {
  return world
    .daemonLog()
    .filter((line) => line.event === event && (line.engine === subject || (line.engine === undefined && line.pool === subject)));
}

/** The value of a series as it is written in the text format, or null. */
async function metric(world: PooldWorld, series: string): Promise<number | null> {
  const text = await world.get('/metrics');
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  ok(text.length > 0);
  return line === undefined ? null : Number(line.slice(series.length + 1));
}
