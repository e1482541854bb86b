/** What an operator has asked for, as it goes on and as it ended. */
import { deepEqual, ok } from 'node:assert/strict';
import { Then, When } from '@cucumber/cucumber';
import type { Operation } from '../../src/pool/status.ts';
import type { PooldWorld } from '../support/world.ts';

When('I look at the newest operation of {string}', async function (this: PooldWorld, pool: string) {
  await this.poolctl('operations', (await newestOf(this, pool)).id);
});

Then('every {word} of {string} has ended as {word}', async function (this: PooldWorld, kind: string, pool: string, outcome: string) {
  await this.until(`every ${kind} of ${pool} is ${outcome}`, async () => {
    const found = (await this.client.operations(pool)).filter((operation) => operation.kind === kind);
    ok(found.length > 1, `there is ${found.length}`);
    deepEqual(
      found.map((operation) => operation.outcome),
      found.map(() => outcome),
    );
    return true;
  });
});

When('I note the deadline of the drain of {string}', async function (this: PooldWorld, pool: string) {
  this.noted.set(`deadline of ${pool}`, await deadlineMs(this, pool));
});

/** A stamp is made of the monotonic time at each look: it may move by a rounding, and with the wall clock. */
Then('the deadline of the drain of {string} is what I noted', async function (this: PooldWorld, pool: string) {
  const [now, noted] = [await deadlineMs(this, pool), Number(this.noted.get(`deadline of ${pool}`))];
  ok(Math.abs(now - noted) <= MOVES_MS, `it was ${noted} and is ${now}`);
});

When('the noted deadline of the drain of {string} has passed', async function (this: PooldWorld, pool: string) {
  const atMs = Number(this.noted.get(`deadline of ${pool}`));
  await this.until('it is over', () => Date.now() > atMs);
});

const MOVES_MS = 20;

export async function newestOf(world: PooldWorld, pool: string): Promise<Operation> {
  const [newest] = (await world.client.operations(pool)).toSorted((one, other) => other.startedAt.localeCompare(one.startedAt));
  if (newest === undefined) throw new Error(`there are no operations of ${pool}`);
  return newest;
}

async function deadlineMs(world: PooldWorld, pool: string): Promise<number> {
  const atMs = Date.parse((await newestOf(world, pool)).progress.deadlineAt ?? '');
  ok(!Number.isNaN(atMs), `nothing of ${pool} has a deadline`);
  return atMs;
}
