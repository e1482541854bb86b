/** Those who take leases, keep them and give them back, over HTTP; and what an operator sees of it. */
import { deepEqual, equal, match } from 'node:assert/strict';
import { join } from 'node:path';
import type { DataTable } from '@cucumber/cucumber';
import { After, Given, Then, When } from '@cucumber/cucumber';
import type { LeaseStatus } from '../../src/lease/lease.ts';
import type { Answer } from '../support/asking.ts';
import type { Holder } from '../support/holder.ts';
import { acquireOf, holderOf, holdersOf } from '../support/holder.ts';
import type { PooldWorld } from '../support/world.ts';
import { isLike } from './lifecycle.ts';
import { at, words } from './operator.ts';

After(function (this: PooldWorld) {
  for (const { request } of holdersOf(this).values()) request?.hangUp();
});

/** From here on. */
Given('whoever takes leases may use the lease socket only', function (this: PooldWorld) {
  this.noted.set('socket of holders', join(this.dir, 'run/lease.sock'));
});

When('{word} takes a lease on {string}', async function (this: PooldWorld, name: string, pool: string) {
  await takes(this, { name, pool, wish: {} });
});

When('{word} takes a lease on {string} with:', async function (this: PooldWorld, name: string, pool: string, wish: DataTable) {
  await takes(this, { name, pool, wish: wish.rowsHash() });
});

When('{word} asks for a lease on {string} without waiting', async function (this: PooldWorld, name: string, pool: string) {
  await asks(this, { name, pool, wish: { waitMs: 0 } });
});

/** Whatever comes of it. */
When('{word} asks for a lease on {string}', async function (this: PooldWorld, name: string, pool: string) {
  await asks(this, { name, pool, wish: {} });
});

When('{word} asks for a lease on {string} with:', async function (this: PooldWorld, name: string, pool: string, wish: DataTable) {
  await asks(this, { name, pool, wish: wish.rowsHash() });
});

When('{word} renews the lease', async function (this: PooldWorld, name: string) {
  await sends(this, holderOf(this, name), { method: 'POST', path: '/v1/leases/LEASE/renew', body: '{"token": "TOKEN"}' });
});

When('{word} renews the lease until it was held for {int} ms', async function (this: PooldWorld, name: string, heldMs: number) {
  const holder = holderOf(this, name);
  await this.until(`${name} has held it for ${heldMs} ms`, async () => {
    await sends(this, holder, { method: 'POST', path: '/v1/leases/LEASE/renew', body: '{"token": "TOKEN"}' });
    equal(answerOf(this).status, 200, answerOf(this).text);
    return ((await leaseOf(this, name))?.heldMs ?? 0) >= heldMs;
  });
});

When('{word} has held the lease for {int} ms', async function (this: PooldWorld, name: string, heldMs: number) {
  await this.until(`${name} has held it for ${heldMs} ms`, async () => ((await leaseOf(this, name))?.heldMs ?? 0) >= heldMs);
});

When('{word} releases the lease', async function (this: PooldWorld, name: string) {
  await releases(this, name);
  deepEqual(JSON.parse(answerOf(this).text), { outcome: 'released' });
});

/** After its end, however that came. */
When('{word} releases the lease once more', async function (this: PooldWorld, name: string) {
  await releases(this, name);
  deepEqual(JSON.parse(answerOf(this).text), { outcome: 'already_ended' });
});

When('{word} releases the lease, as the engine has failed', async function (this: PooldWorld, name: string) {
  const path = '/v1/leases/LEASE?outcome=engine_failed';
  await sends(this, holderOf(this, name), { method: 'DELETE', path, headers: { 'poold-lease-token': 'TOKEN' } });
  equal(answerOf(this).status, 200, answerOf(this).text);
});

/** LEASE, TOKEN and TICKET stand for its own. */
When('{word} sends {word} {string}', async function (this: PooldWorld, name: string, method: string, path: string) {
  await sends(this, holderOf(this, name), { method, path });
});

// biome-ignore lint/complexity/useMaxParams: the words of the step, and its text
When('{word} sends {word} {string}:', async function (this: PooldWorld, name: string, method: string, path: string, body: string) {
  await sends(this, holderOf(this, name), { method, path, body });
});

When('{word} runs poolctl {string}', async function (this: PooldWorld, name: string, line: string) {
  const socket = this.noted.get('socket of holders');
  await this.poolctl(...words(holderOf(this, name).filled(line)), ...(socket === undefined ? [] : ['--socket', String(socket)]));
});

When('{word} sends DELETE {string} with the token {string}', async function (this: PooldWorld, name: string, path: string, token: string) {
  await sends(this, holderOf(this, name), { method: 'DELETE', path, headers: { 'poold-lease-token': token } });
});

When('{word} sends DELETE {string} with the token of {word}', async function (this: PooldWorld, name: string, path: string, other: string) {
  const { token } = holderOf(this, other).held();
  await sends(this, holderOf(this, name), { method: 'DELETE', path, headers: { 'poold-lease-token': token } });
});

When('{word} takes note of the lease in its output', function (this: PooldWorld, name: string) {
  holderOf(this, name).told({ status: 201, headers: {}, text: this.looked().stdout });
});

When('the time that {word} was given has passed', async function (this: PooldWorld, name: string) {
  const atMs = Date.parse(holderOf(this, name).held().expiresAt ?? '');
  await this.until(`it is ${new Date(atMs).toISOString()}`, () => Date.now() > atMs);
});

Then('{word} holds the lease', async function (this: PooldWorld, name: string) {
  const { id } = holderOf(this, name).held();
  equal((await leaseOf(this, name))?.id, id, `${id} is not held`);
});

Then('{word} holds the lease on {string}', async function (this: PooldWorld, name: string, engine: string) {
  const lease = await leaseOf(this, name);
  equal(lease?.engine.id, engine);
  equal(lease.engine.generation, holderOf(this, name).held().engine.generation, 'nobody is moved behind his back');
});

/** Rows of path and value in what `GET /v1/leases/{id}` says; a value between slashes is a pattern. */
Then('the lease of {word} shows:', async function (this: PooldWorld, name: string, wanted: DataTable) {
  const lease = await leaseOf(this, name);
  for (const [path, value] of Object.entries(wanted.rowsHash())) isLike(at(lease, path), value);
});

/** Names, the one that has held longest first, or nothing. */
Then('the leases of {string} are held by {string}', async function (this: PooldWorld, pool: string, names: string) {
  const { items } = JSON.parse(await this.get(`/v1/leases?pool=${pool}`)) as { items: LeaseStatus[] };
  equal(items.map(({ holder }) => holder).join(', '), names);
});

Then('{string} has granted {int} of {int} slots', async function (this: PooldWorld, pool: string, granted: number, slots: number) {
  await this.until(`${granted} of ${slots} slots of ${pool} are granted, by all that tells of it`, async () => {
    const { activeLeases, slotsTotal, slotsFree } = await this.status(pool);
    deepEqual({ activeLeases, slotsTotal, slotsFree }, { activeLeases: granted, slotsTotal: slots, slotsFree: slots - granted });
    const page = await this.get('/metrics');
    match(page, new RegExp(`^poold_pool_active_leases\\{pool="${pool}"\\} ${granted}$`, 'm'));
    match(page, new RegExp(`^poold_pool_slots\\{pool="${pool}",state="free"\\} ${slots - granted}$`, 'm'));
    return true;
  });
});

async function sends(world: PooldWorld, holder: Holder, question: Parameters<Holder['ask']>[0]): Promise<void> {
  const { path, body, headers } = question;
  const shown = Object.entries(headers ?? {}).map(([name, value]) => [name, holder.filled(value)]);
  const filled = { ...question, path: holder.filled(path), headers: Object.fromEntries(shown) as Record<string, string> };
  world.noted.set('answer', await holder.ask(body === undefined ? filled : { ...filled, body: holder.filled(body) }));
}

export interface Wanted {
  readonly name: string;
  readonly pool: string;
  readonly wish: Readonly<Record<string, string | number>>;
}

async function asks(world: PooldWorld, { name, pool, wish }: Wanted): Promise<void> {
  const holder = holderOf(world, name);
  world.noted.set('answer', await holder.ask(acquireOf(pool, holder, wish)));
}

async function takes(world: PooldWorld, { name, pool, wish }: Wanted): Promise<void> {
  await asks(world, { name, pool, wish: { waitMs: 0, ...wish } });
  equal(answerOf(world).status, 201, answerOf(world).text);
}

export async function releases(world: PooldWorld, name: string): Promise<void> {
  await sends(world, holderOf(world, name), { method: 'DELETE', path: '/v1/leases/LEASE', headers: { 'poold-lease-token': 'TOKEN' } });
  equal(answerOf(world).status, 200, answerOf(world).text);
}

/** Null once it has ended. */
export async function leaseOf(world: PooldWorld, name: string): Promise<LeaseStatus | null> {
  const { id } = holderOf(world, name).held();
  const { items } = JSON.parse(await world.get('/v1/leases')) as { items: LeaseStatus[] };
  return items.find((lease) => lease.id === id) ?? null;
}

function answerOf(world: PooldWorld): Answer {
  return world.noted.get('answer') as Answer;
}
