/** Those who wait: with a request that is held, with a ticket, or with a connection that is their lease once they have it. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import type { DataTable } from '@cucumber/cucumber';
import { Then, When } from '@cucumber/cucumber';
import type { BoundLine, Waiter } from '../../src/lease/lease.ts';
import type { Holder } from '../support/holder.ts';
import { acquireOf, holderOf } from '../support/holder.ts';
import type { Lasting } from '../support/lasting.ts';
import type { PooldWorld } from '../support/world.ts';
import type { Wanted } from './leases.ts';
import { isAlike, isLike } from './lifecycle.ts';
import { at } from './operator.ts';

/** Far longer than any scenario. */
const LONG_MS = 60_000;

When('{word} waits for a lease on {string}', async function (this: PooldWorld, name: string, pool: string) {
  await waits(this, { name, pool, wish: {} });
});

When('{word} waits for a lease on {string} with:', async function (this: PooldWorld, name: string, pool: string, wish: DataTable) {
  await waits(this, { name, pool, wish: wish.rowsHash() });
});

When('{word} holds a lease on {string} by a connection', async function (this: PooldWorld, name: string, pool: string) {
  await holdsByConnection(this, { name, pool, wish: {} });
});

When(
  '{word} holds a lease on {string} by a connection with:',
  async function (this: PooldWorld, name: string, pool: string, wish: DataTable) {
    await holdsByConnection(this, { name, pool, wish: wish.rowsHash() });
  },
);

/** Whoever holds nothing yet is told its place. */
When('{word} waits for a lease on {string} by a connection', async function (this: PooldWorld, name: string, pool: string) {
  beginsBound(this, { name, pool, wish: {} });
  await hears(this, holderOf(this, name), { outcome: 'queued' });
});

When('{word} binds the lease to a connection', async function (this: PooldWorld, name: string) {
  const holder = holderOf(this, name);
  holder.begin({ method: 'POST', path: holder.filled('/v1/leases/LEASE/attach'), body: holder.filled('{"token": "TOKEN"}') });
  await hears(this, holder, { outcome: 'granted' });
});

When('{word} hangs up', function (this: PooldWorld, name: string) {
  requestOf(this, name).hangUp();
});

/** What was asked first breaks off once the second was taken in, as when a client asks again because it hears nothing. */
When(
  '{word} asks again for a lease on {string}, and then the first connection breaks, with:',
  async function (this: PooldWorld, name: string, pool: string, wish: DataTable) {
    const holder = holderOf(this, name);
    const first = requestOf(this, name);
    holder.begin(acquireOf(pool, holder, { waitMs: LONG_MS, ...wish.rowsHash() }));
    // Nothing shows that somebody waits twice for one ticket; the daemon takes requests in as they come.
    for (const _ of [1, 2, 3]) await queueOf(this, pool);
    first.hangUp();
    await this.until('the first is gone', () => first.gone);
  },
);

/** Does not wait by a connection, but asks now and then. */
When('{word} takes a ticket of {string}', async function (this: PooldWorld, name: string, pool: string) {
  const holder = holderOf(this, name);
  const { status, text } = await holder.ask(acquireOf(pool, holder, {}));
  equal(status, 202, text);
});

When('{word} shows the ticket', async function (this: PooldWorld, name: string) {
  const holder = holderOf(this, name);
  this.noted.set('answer', await holder.ask({ method: 'GET', path: holder.filled('/v1/tickets/TICKET') }));
});

/** Rows of path and value in what its ticket says at last. */
Then('the ticket of {word} comes to say:', async function (this: PooldWorld, name: string, wanted: DataTable) {
  const holder = holderOf(this, name);
  await this.until(`the ticket of ${name} says so`, async () => {
    const { text } = await holder.ask({ method: 'GET', path: holder.filled('/v1/tickets/TICKET') });
    for (const [path, value] of Object.entries(wanted.rowsHash())) isLike(at(JSON.parse(text), path), value);
    return true;
  });
});

Then('{word} still waits', function (this: PooldWorld, name: string) {
  equal(requestOf(this, name).answer, null);
});

When('{word} watches the ticket', function (this: PooldWorld, name: string) {
  const holder = holderOf(this, name);
  holder.begin({ method: 'GET', path: holder.filled('/v1/tickets/TICKET?wait=60s') });
});

/** What comes of it stands as the answer. */
When('{word} is answered', async function (this: PooldWorld, name: string) {
  await answered(this, name);
});

Then('{word} gets a lease on {string}', async function (this: PooldWorld, name: string, engine: string) {
  const { status, text } = await answered(this, name);
  ok(status === 201 || status === 200, text);
  equal(holderOf(this, name).held().engine.id, engine);
});

Then('{word} hears {string}', async function (this: PooldWorld, name: string, outcome: string) {
  await hears(this, holderOf(this, name), { outcome });
});

/** Rows of path and value in one line of the stream. */
Then('{word} hears {string} with:', async function (this: PooldWorld, name: string, outcome: string, facts: DataTable) {
  await hears(this, holderOf(this, name), { outcome, facts: facts.rowsHash() });
});

Then(
  '{word} hears something {int} times, about each {int} ms',
  async function (this: PooldWorld, name: string, times: number, eachMs: number) {
    const { lines } = requestOf(this, name);
    const from = lines.length;
    await this.until(`${name} has heard ${times} lines more`, () => lines.length >= from + times);
    const gaps = lines.slice(from).map(({ heardMs }, index) => heardMs - (lines[from + index - 1]?.heardMs ?? Number.NaN));
    // The one in the middle: a machine that stands still for a moment makes some of them longer.
    const middleMs = gaps.toSorted((one, other) => one - other)[Math.floor(gaps.length / 2)] ?? 0;
    ok(middleMs <= eachMs * 1.3, `they came ${gaps.map(Math.round).join(', ')} ms apart`);
  },
);

Then('the connection of {word} ends', async function (this: PooldWorld, name: string) {
  await this.until(`the daemon has ended what it told ${name}`, () => requestOf(this, name).answer !== null);
});

/** `poolctl queue`, in its order: columns are paths in an entry. */
Then('the queue of {string} is:', async function (this: PooldWorld, pool: string, wanted: DataTable) {
  await this.until(`the queue of ${pool} is as told`, async () => {
    const waiters = await queueOf(this, pool);
    equal(waiters.length, wanted.hashes().length, `${waiters.length} wait`);
    for (const [index, row] of wanted.hashes().entries())
      for (const [path, value] of Object.entries(row)) isLike(at(waiters[index], path), value);
    return true;
  });
});

Then('nobody waits for {string}', async function (this: PooldWorld, pool: string) {
  await this.until(`nobody waits for ${pool}`, async () => {
    deepEqual(
      (await queueOf(this, pool)).map(({ holder }) => holder),
      [],
    );
    equal((await this.status(pool)).queueDepth, 0);
    return true;
  });
});

/** At least; it is asked for again and again. */
When(
  '{word} has come to priority {int} in the queue of {string}',
  async function (this: PooldWorld, name: string, priority: number, pool: string) {
    await this.until(`${name} is at ${priority}`, async () => {
      const found = (await queueOf(this, pool)).find(({ holder }) => holder === name)?.priority;
      return (found ?? 0) >= priority;
    });
  },
);

async function waits(world: PooldWorld, { name, pool, wish }: Wanted): Promise<void> {
  const holder = holderOf(world, name);
  const request = holder.begin(acquireOf(pool, holder, { waitMs: LONG_MS, ...wish }));
  const isAnswered = (): boolean => request.answer !== null;
  await world.until(
    `${name} waits or was answered`,
    async () => isAnswered() || (await queueOf(world, pool)).some((waiter) => waiter.holder === name),
  );
}

async function holdsByConnection(world: PooldWorld, wanted: Wanted): Promise<void> {
  beginsBound(world, { ...wanted, wish: { waitMs: 0, ...wanted.wish } });
  await hears(world, holderOf(world, wanted.name), { outcome: 'granted' });
}

function beginsBound(world: PooldWorld, { name, pool, wish }: Wanted): void {
  const holder = holderOf(world, name);
  holder.begin(acquireOf(pool, holder, { bind: 'connection', ...wish }));
}

async function hears(
  world: PooldWorld,
  holder: Holder,
  { outcome, facts = {} }: { readonly outcome: string; readonly facts?: Readonly<Record<string, string>> },
): Promise<void> {
  const request = requestOf(world, holder.name);
  await world.until(`${holder.name} hears "${outcome}" with ${JSON.stringify(facts)}`, () => {
    const heard = request.lines.filter(({ says }) => says.outcome === outcome);
    if (heard.length === 0) throw new Error(`there were ${JSON.stringify(request.lines.map(({ says }) => says))}`);
    const found = heard.find(({ says }) => Object.entries(facts).every(([path, value]) => isAlike(at(says, path), value)));
    if (found === undefined) throw new Error(`there were ${JSON.stringify(heard.map(({ says }) => says))}`);
    const said = found.says as unknown as BoundLine;
    if (said.outcome === 'granted') holder.lease = said;
    if (said.outcome === 'queued') holder.ticket = said.id;
    return true;
  });
}

async function answered(world: PooldWorld, name: string): Promise<{ readonly status: number; readonly text: string }> {
  const request = requestOf(world, name);
  await world.until(`${name} is answered`, () => request.answer !== null);
  const answer = request.answer ?? { status: 0, headers: {}, text: '' };
  holderOf(world, name).told(answer);
  world.noted.set('answer', answer);
  return answer;
}

function requestOf(world: PooldWorld, name: string): Lasting {
  const { request } = holderOf(world, name);
  ok(request !== null, `${name} has asked for nothing that lasts`);
  return request;
}

async function queueOf(world: PooldWorld, pool: string): Promise<readonly Waiter[]> {
  return (JSON.parse(await world.get(`/v1/pools/${pool}/queue`)) as { items: Waiter[] }).items;
}
