/** What an operator has asked for, as it goes on and as it ended. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import type { DataTable } from '@cucumber/cucumber';
import { Then, When } from '@cucumber/cucumber';
import type { Granted } from '../../src/lease/lease.ts';
import type { EngineStatus, Operation } from '../../src/pool/status.ts';
import { ask } from '../support/asking.ts';
import type { PooldWorld } from '../support/world.ts';
import { endOfProcess } from './crash.ts';
import { isLike } from './lifecycle.ts';
import { at } from './operator.ts';

When('I look at the newest operation of {string}', async function (this: PooldWorld, pool: string) {
  await this.poolctl('operations', (await newestOf(this, pool)).id);
});

When('I cancel the running operation of {string}', async function (this: PooldWorld, pool: string) {
  const running = (await this.client.operations(pool)).filter(({ state }) => state === 'running');
  equal(running.length, 1);
  await this.poolctl('operations', running[0]?.id ?? '', '--cancel', '--reason', 'enough');
});

When('I cancel the newest operation of {string}', async function (this: PooldWorld, pool: string) {
  await this.poolctl('operations', (await newestOf(this, pool)).id, '--cancel');
});

When('I ask to cancel the newest operation of {string}', async function (this: PooldWorld, pool: string) {
  const path = `/v1/operations/${(await newestOf(this, pool)).id}`;
  this.noted.set('answer', await ask({ socketPath: this.socket }, { method: 'DELETE', path }));
});

/** Rows of path and value in the newest operation of the pool, and a value between slashes is a pattern. */
Then('the newest operation of {string} comes to be:', async function (this: PooldWorld, pool: string, wanted: DataTable) {
  await this.until(`the newest operation of ${pool} is as told`, async () => {
    const newest = await newestOf(this, pool);
    for (const [path, value] of Object.entries(wanted.rowsHash())) isLike(at(newest, path), value);
    return true;
  });
});

Then('the steps of the newest operation of {string} are like:', async function (this: PooldWorld, pool: string, wanted: DataTable) {
  const { steps } = await newestOf(this, pool);
  const texts = steps.map(({ text }) => text);
  equal(texts.length, wanted.raw().length, texts.join('\n'));
  for (const [index, [pattern = '']] of wanted.raw().entries()) isLike(texts[index], pattern);
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
Then('the deadline of the drain of {string} is still the same', async function (this: PooldWorld, pool: string) {
  const [now, noted] = [await deadlineMs(this, pool), Number(this.noted.get(`deadline of ${pool}`))];
  ok(Math.abs(now - noted) <= MOVES_MS, `it was ${noted} and is ${now}`);
});

When('the noted deadline of the drain of {string} has passed', async function (this: PooldWorld, pool: string) {
  const atMs = Number(this.noted.get(`deadline of ${pool}`));
  await this.until('it is over', () => Date.now() > atMs);
});

When('the candidate of {string} is told {string}', async function (this: PooldWorld, id: string, query: string) {
  await fetch(`${(await candidateOf(this, id)).url}/switch?${query}`);
});

When('the candidate of {string} is killed after the daemon', async function (this: PooldWorld, id: string) {
  const { pid } = await candidateOf(this, id);
  equal(await this.killDaemon('SIGKILL'), null);
  process.kill(pid ?? Number.NaN, 'SIGKILL');
  await endOfProcess(this, pid ?? Number.NaN);
});

/** Each: somebody works, the pool is drained behind him, resumed, somebody works again and is not cut by the reload. */
Then('these cycles of drain, resume and reload go well on {string}:', async function (this: PooldWorld, pool: string, cycles: DataTable) {
  for (const { model = '', generation = '' } of cycles.hashes()) {
    const early = await granted(this, pool);
    equal((await this.poolctl('drain', pool, '--deadline', '5m', '--no-wait')).code, 0);
    await released(this, early);
    equal((await this.poolctl('wait', pool, '--for', 'drained')).code, 0);
    equal((await this.poolctl('resume', pool)).code, 0);
    const late = await granted(this, pool);
    equal((await this.poolctl('reload', pool, '--set', `model=${model}`, '--no-wait')).code, 0);
    await this.until(
      `${pool} is served by generation ${generation}`,
      async () => (await this.engine(`${pool}/0`)).generation === Number(generation),
    );
    const now = await granted(this, pool);
    equal(now.engine.generation, Number(generation));
    await released(this, now);
    await released(this, late);
    await this.until(`the reload of ${pool} is over`, async () => (await newestOf(this, pool)).outcome === 'reloaded');
  }
});

const MOVES_MS = 20;

async function granted(world: PooldWorld, pool: string): Promise<Granted> {
  const order = { holder: 'cycle', ttlMs: null, waitMs: 0, priority: null, key: null };
  const acquired = await world.client.leases.acquire(pool, order);
  if (acquired.outcome !== 'granted') throw new Error('it was not granted at once');
  return acquired;
}

async function released(world: PooldWorld, { id, token }: Granted): Promise<void> {
  equal((await world.client.leases.release(id, { token, outcome: null })).outcome, 'released');
}

/** Once it has a process. */
async function candidateOf(world: PooldWorld, id: string): Promise<EngineStatus> {
  const found: EngineStatus[] = [];
  await world.until(`a candidate of ${id} runs`, async () => {
    const { engines } = await world.status(id.split('/')[0] ?? '');
    found.push(...engines.filter((engine) => engine.id === id && engine.role === 'candidate' && engine.pid !== null));
    return found.length > 0;
  });
  return found[0] as EngineStatus;
}

async function newestOf(world: PooldWorld, pool: string): Promise<Operation> {
  const [newest] = (await world.client.operations(pool)).toSorted((one, other) => other.startedAt.localeCompare(one.startedAt));
  if (newest === undefined) throw new Error(`there are no operations of ${pool}`);
  return newest;
}

async function deadlineMs(world: PooldWorld, pool: string): Promise<number> {
  const atMs = Date.parse((await newestOf(world, pool)).progress.deadlineAt ?? '');
  ok(!Number.isNaN(atMs), `nothing of ${pool} has a deadline`);
  return atMs;
}
