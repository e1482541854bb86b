/** Programs that use engines: each goes by its name, takes a lease over HTTP, keeps it, waits for it, gives it back. */
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import type { DataTable } from '@cucumber/cucumber';
import { Then, When } from '@cucumber/cucumber';
import type { Acquired, Granted, Queued } from '../../src/lease/lease.ts';
import type { Answer } from '../support/asking.ts';
import { ask } from '../support/asking.ts';
import type { PooldWorld } from '../support/world.ts';
import { isLike } from './lifecycle.ts';
import { at } from './operator.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
/** Nobody renews in these scenarios: longer than any of them. */
const TTL_MS = 600_000;
const PATIENCE_MS = 60_000;

When('{string} takes a lease on {string}', async function (this: PooldWorld, holder: string, pool: string) {
  const answer = await acquire(this, { pool, holder, waitMs: 0 });
  equal(answer.status, 201, answer.text);
  this.noted.set(`lease ${holder}`, JSON.parse(answer.text) as Granted);
});

When('{string} asks for a lease on {string}', async function (this: PooldWorld, holder: string, pool: string) {
  this.noted.set('answer', await acquire(this, { pool, holder, waitMs: null }));
});

When('{string} asks for a lease on {string} without waiting', async function (this: PooldWorld, holder: string, pool: string) {
  this.noted.set('answer', await acquire(this, { pool, holder, waitMs: 0 }));
});

/** Hangs on the request; whoever waits is in the queue when the step is over. */
When('{string} waits for a lease on {string}', async function (this: PooldWorld, holder: string, pool: string) {
  await waits(this, { pool, holder, waitMs: PATIENCE_MS });
});

When(
  '{string} waits for a lease on {string} with priority {int}',
  async function (this: PooldWorld, holder: string, pool: string, priority: number) {
    await waits(this, { pool, holder, waitMs: PATIENCE_MS, priority });
  },
);

/** Asks now and then instead of waiting: has a ticket. */
When('{string} takes a ticket of {string}', async function (this: PooldWorld, holder: string, pool: string) {
  const answer = await acquire(this, { pool, holder, waitMs: null });
  equal(answer.status, 202, answer.text);
  this.noted.set(`ticket ${holder}`, (JSON.parse(answer.text) as Queued).id);
});

When('{string} shows its ticket', async function (this: PooldWorld, holder: string) {
  const path = `/v1/tickets/${String(this.noted.get(`ticket ${holder}`))}`;
  this.noted.set('answer', await ask({ socketPath: this.socket }, { method: 'GET', path }));
});

/** Rows of path and value in what its ticket says at last. */
Then('the ticket of {string} comes to say:', async function (this: PooldWorld, holder: string, wanted: DataTable) {
  await this.until(`the ticket of ${holder} says so`, async () => {
    const ticket = await this.client.leases.ticket(String(this.noted.get(`ticket ${holder}`)), 0);
    for (const [path, value] of Object.entries(wanted.rowsHash())) isLike(at(ticket, path), value);
    if (ticket.lease !== null) this.noted.set(`lease ${holder}`, ticket.lease);
    return true;
  });
});

/** All of them at once, each on a connection of its own. */
When('{int} operators ask for the status of {string} at once', async function (this: PooldWorld, count: number, pool: string) {
  const question = { method: 'GET', path: `/v1/pools/${pool}/status` };
  this.noted.set('answers', await Promise.all(Array.from({ length: count }, () => ask({ socketPath: this.socket }, question))));
});

/** Rows of path and value, the same for everybody. */
Then('all {int} are told:', function (this: PooldWorld, count: number, wanted: DataTable) {
  const answers = this.noted.get('answers') as readonly Answer[];
  equal(answers.length, count);
  for (const { status, text } of answers) {
    equal(status, 200, text);
    for (const [path, value] of Object.entries(wanted.rowsHash())) isLike(at(JSON.parse(text), path), value);
  }
});

Then('{string} is granted an engine', async function (this: PooldWorld, holder: string) {
  const answer = await answerFor(this, holder);
  equal(answer.status, 201, answer.text);
  this.noted.set(`lease ${holder}`, JSON.parse(answer.text) as Granted);
});

/** Rows of path and value in what the waiting request is answered at last. */
Then('{string} is refused with {int}:', async function (this: PooldWorld, holder: string, status: number, wanted: DataTable) {
  const answer = await answerFor(this, holder);
  equal(answer.status, status, answer.text);
  for (const [path, value] of Object.entries(wanted.rowsHash())) isLike(at(JSON.parse(answer.text), path), value);
});

Then('{string} still waits', function (this: PooldWorld, holder: string) {
  equal((this.noted.get(`wait ${holder}`) as Waiting).answer, null);
});

When('{string} gives its lease back', async function (this: PooldWorld, holder: string) {
  const { id, token } = leaseOf(this, holder);
  deepEqual(await this.client.leases.release(id, { token, outcome: null }), { outcome: 'released' });
});

Then('{string} holds its lease on {string}', async function (this: PooldWorld, holder: string, engine: string) {
  const lease = await this.client.leases.lease(leaseOf(this, holder).id);
  equal(lease.engine.id, engine);
  equal(lease.engine.generation, leaseOf(this, holder).engine.generation, 'nobody is moved behind his back');
});

/** Rows of path and value in the answer to a renewal. */
Then('a renewal tells {string}:', async function (this: PooldWorld, holder: string, wanted: DataTable) {
  const { id, token } = leaseOf(this, holder);
  const renewed = await this.client.leases.renew(id, { token, ttlMs: null });
  for (const [path, value] of Object.entries(wanted.rowsHash())) isLike(at(renewed, path), value);
});

Then(
  'a renewal tells {string} that its lease has ended, like {string}',
  async function (this: PooldWorld, holder: string, pattern: string) {
    await this.until(`the lease of ${holder} has ended`, async () => {
      const { id, token } = leaseOf(this, holder);
      const body = JSON.stringify({ token });
      const answer = await ask({ socketPath: this.socket }, { method: 'POST', path: `/v1/leases/${id}/renew`, headers: JSON_TYPE, body });
      equal(answer.status, 410, answer.text);
      const { code, detail } = JSON.parse(answer.text) as { readonly code: string; readonly detail: string };
      equal(code, 'lease_ended');
      match(detail, new RegExp(pattern));
      return true;
    });
  },
);

Then('the lease of {string} ends not beyond the deadline of its drain', async function (this: PooldWorld, holder: string) {
  const { expiresAt, deadlineAt, draining } = await this.client.leases.lease(leaseOf(this, holder).id);
  ok(draining && expiresAt !== null && deadlineAt !== null, 'it is told of a drain');
  ok(Date.parse(expiresAt) <= Date.parse(deadlineAt), `it expires at ${expiresAt}, and is cut at ${deadlineAt}`);
});

/** By events: those who were promoted, in this order and nobody else. */
Then('those who waited for {string} were promoted in the order {string}', async function (this: PooldWorld, pool: string, list: string) {
  await this.until(`${list} are promoted`, async () => {
    const { items } = await eventsOf(this, pool);
    const holders = items.filter(({ type }) => type === 'ticket.promoted').map(({ holder }) => holder);
    deepEqual(holders, list.split(', '));
    return true;
  });
});

/** Rows of an event, in the order in which they were told; more facts and other events may stand between. */
Then('nobody was granted an engine of {string} after {string}', async function (this: PooldWorld, pool: string, type: string) {
  const { items } = await eventsOf(this, pool);
  const from = items.findIndex((event) => event.type === type);
  ok(from >= 0, `there was no ${type}`);
  deepEqual(
    items.slice(from).filter((event) => event.type === 'lease.granted'),
    [],
  );
});

Then('all leases of {string} have ended as {word}', async function (this: PooldWorld, pool: string, how: string) {
  deepEqual(await this.client.leases.list({ pool, holder: null, olderMs: null }), []);
  const { items } = await eventsOf(this, pool);
  const granted = items.filter(({ type }) => type === 'lease.granted').map(({ lease }) => lease);
  ok(granted.length > 0, 'there was none');
  deepEqual(
    items.filter(({ type }) => type === `lease.${how}`).map(({ lease }) => lease),
    granted,
  );
});

/** By the daemon's own stamps, a rounding aside. */
Then('the leases of {string} were cut not before the deadline', async function (this: PooldWorld, pool: string) {
  const { items } = await eventsOf(this, pool);
  const begun = items.findLast(({ type }) => type === 'drain.started');
  const cut = items.filter(({ type }) => type === 'lease.forced');
  ok(begun !== undefined && cut.length > 0, 'there was a drain that cut somebody');
  for (const { at: when } of cut)
    ok(Date.parse(String(when)) >= Date.parse(String(begun.deadlineAt)) - ROUNDING_MS, `cut at ${when}, deadline ${begun.deadlineAt}`);
});

const ROUNDING_MS = 2;

interface Waiting {
  answer: Answer | null;
}

type Told = Readonly<Record<string, unknown>>;

/** All that is still known of what has happened to the pool. */
async function eventsOf(world: PooldWorld, pool: string): Promise<{ readonly items: readonly Told[] }> {
  const text = await world.get(`/v1/events?follow=false&pool=${pool}`);
  return { items: [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data) as Told) };
}

interface Wish {
  readonly pool: string;
  readonly holder: string;
  readonly waitMs: number | null;
  readonly priority?: number;
}

function acquire(world: PooldWorld, { pool, holder, waitMs, priority }: Wish): Promise<Answer> {
  const body = JSON.stringify({ holder, ttlMs: TTL_MS, priority, ...(waitMs === null ? {} : { waitMs }) });
  return ask({ socketPath: world.socket }, { method: 'POST', path: `/v1/pools/${pool}/leases`, headers: JSON_TYPE, body });
}

async function waits(world: PooldWorld, wish: Wish): Promise<void> {
  const { length } = await world.client.leases.queue(wish.pool);
  const waiting: Waiting = { answer: null };
  world.noted.set(`wait ${wish.holder}`, waiting);
  void acquire(world, wish).then(
    (answer) => {
      waiting.answer = answer;
    },
    // The daemon of a scenario may be killed under it.
    () => {},
  );
  await world.until(`${wish.holder} is in the queue`, async () => (await world.client.leases.queue(wish.pool)).length > length);
}

async function answerFor(world: PooldWorld, holder: string): Promise<Answer> {
  const waiting = world.noted.get(`wait ${holder}`) as Waiting;
  await world.until(`${holder} is answered`, () => waiting.answer !== null);
  if (waiting.answer === null) throw new Error('unreachable');
  return waiting.answer;
}

export function leaseOf(world: PooldWorld, holder: string): Extract<Acquired, { outcome: 'granted' }> {
  const lease = world.noted.get(`lease ${holder}`) as Granted | undefined;
  if (lease === undefined) throw new Error(`${holder} has no lease`);
  return lease;
}
