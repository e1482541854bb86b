/** How leases were granted and how they ended, by what poold tells of it afterwards. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import type { DataTable } from '@cucumber/cucumber';
import { Then } from '@cucumber/cucumber';
import { ask } from '../support/asking.ts';
import { holderOf } from '../support/holder.ts';
import { eventsOf } from '../support/told.ts';
import type { PooldWorld } from '../support/world.ts';
import { leaseOf } from './leases.ts';
import { isAlike } from './lifecycle.ts';
import { at } from './operator.ts';

Then('the lease of {word} has ended as {word}', async function (this: PooldWorld, name: string, how: string) {
  await comesToEnd(this, name, how);
});

Then(
  'the lease of {word} has ended as {word}, saying {string}',
  async function (this: PooldWorld, name: string, how: string, words: string) {
    const { detail } = await comesToEnd(this, name, how);
    ok(String(detail).includes(words), `it says: ${detail}`);
  },
);

Then('the lease of {word} ends not beyond the deadline of its drain', async function (this: PooldWorld, name: string) {
  const lease = await leaseOf(this, name);
  ok(lease?.draining && lease.expiresAt !== null && lease.deadlineAt !== null, 'it is told of a drain');
  ok(Date.parse(lease.expiresAt) <= Date.parse(lease.deadlineAt), `it expires at ${lease.expiresAt}, and is cut at ${lease.deadlineAt}`);
});

/** Each as a string behind the one before it. */
Then('the tokens of {string} rise in this order', function (this: PooldWorld, names: string) {
  const tokens = names.split(', ').map((name) => holderOf(this, name).held().token);
  ok(new Set(tokens).size === tokens.length, `some are the same: ${tokens.join(' ')}`);
  deepEqual(tokens, tokens.toSorted());
});

Then('neither lists nor events nor the log ever showed the token of {word}', async function (this: PooldWorld, name: string) {
  const { id, token } = holderOf(this, name).held();
  const places = ['/v1/leases', `/v1/leases/${id}`, '/v1/pools', '/v1/events?follow=false', '/metrics'];
  const texts = [...(await Promise.all(places.map((path) => this.get(path)))), JSON.stringify(this.daemonLog())];
  ok(texts[0]?.includes(id), 'the lease itself is listed');
  for (const [index, text] of texts.entries()) ok(!text.includes(token), `${places[index] ?? 'the log'} shows it`);
});

/** Rows of path and value in one of them; a value between slashes is a pattern. */
Then('the events of {string} tell {string} with:', async function (this: PooldWorld, pool: string, type: string, facts: DataTable) {
  await this.until(`${type} is told of ${pool}`, async () => {
    const found = (await eventsOf(this, pool)).filter((event) => event.type === type);
    const told = found.some((event) => Object.entries(facts.rowsHash()).every(([path, value]) => isAlike(at(event, path), value)));
    if (!told) throw new Error(`there were ${JSON.stringify(found)}`);
    return true;
  });
});

Then('the events of {string} never tell {string}', async function (this: PooldWorld, pool: string, type: string) {
  const events = await eventsOf(this, pool);
  ok(events.length > 0, 'there are no events at all');
  deepEqual(
    events.filter((event) => event.type === type),
    [],
  );
});

/** By events: those who were promoted, in this order and nobody else. */
Then('those who waited for {string} were promoted in the order {string}', async function (this: PooldWorld, pool: string, list: string) {
  await this.until(`${list} are promoted`, async () => {
    const items = await eventsOf(this, pool);
    const holders = items.filter(({ type }) => type === 'ticket.promoted').map(({ holder }) => holder);
    deepEqual(holders, list.split(', '));
    return true;
  });
});

Then('nobody was granted an engine of {string} after {string}', async function (this: PooldWorld, pool: string, type: string) {
  const items = await eventsOf(this, pool);
  const from = items.findIndex((event) => event.type === type);
  ok(from >= 0, `there was no ${type}`);
  deepEqual(
    items.slice(from).filter((event) => event.type === 'lease.granted'),
    [],
  );
});

Then('all leases of {string} have ended as {word}', async function (this: PooldWorld, pool: string, how: string) {
  deepEqual(await this.client.leases.list({ pool, holder: null, olderMs: null }), []);
  const items = await eventsOf(this, pool);
  const granted = items.filter(({ type }) => type === 'lease.granted').map(({ lease }) => lease);
  ok(granted.length > 0, 'there was none');
  deepEqual(
    items.filter(({ type }) => type === `lease.${how}`).map(({ lease }) => lease),
    granted,
  );
});

/**
 * By the daemon's own stamps, a rounding aside: neither a lease nor an engine. How late it was is a matter of the machine: the bench tells it.
 */
Then('nothing of {string} was cut before the deadline', async function (this: PooldWorld, pool: string) {
  const events = await eventsOf(this, pool);
  const from = events.findLastIndex(({ type }) => type === 'drain.started');
  const deadlineMs = Date.parse(String(events[from]?.deadlineAt));
  const cuts = events.slice(from + 1).filter(({ type }) => ['lease.forced', 'drain.forced', 'engine.exited'].includes(String(type)));
  ok(
    cuts.some(({ type }) => type === 'drain.forced' || type === 'lease.forced'),
    'there was a drain that cut somebody',
  );
  for (const { type, at: when } of cuts)
    ok(Date.parse(String(when)) >= deadlineMs - ROUNDING_MS, `${type} at ${when}, deadline ${events[from]?.deadlineAt}`);
});

const ROUNDING_MS = 2;

/** What whoever asks for it is told from then on. */
async function comesToEnd(world: PooldWorld, name: string, how: string): Promise<Readonly<Record<string, unknown>>> {
  let problem: Readonly<Record<string, unknown>> = {};
  await world.until(`the lease of ${name} has ended as ${how}`, async () => {
    const { id } = holderOf(world, name).held();
    const { status, text } = await ask({ socketPath: world.socket }, { method: 'GET', path: `/v1/leases/${id}` });
    equal(status, 410, text);
    problem = JSON.parse(text) as typeof problem;
    deepEqual([problem.code, problem.reason], ['lease_ended', how]);
    return true;
  });
  return problem;
}
