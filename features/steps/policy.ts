/** Faults of engines, and how long poold waits before it starts them again. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Given, Then, When } from '@cucumber/cucumber';
import type { EngineStatus } from '../../src/pool/status.ts';
import type { LogEntry, PooldWorld } from '../support/world.ts';
import { at } from './operator.ts';
import { logCaughtUp } from './signs.ts';

/** For `breaks.sh DIR/faults`; of a pool or of one engine. */
Given('the engine(s of) {string} fail(s) with exit code {int}', function (this: PooldWorld, subject: string, code: number) {
  putFault(this, subject, `${code}\n`);
});

Given(
  'the engine(s of) {string} fail(s) with exit code {int}, saying {string}',
  function (this: PooldWorld, subject: string, code: number, words: string) {
    putFault(this, subject, `${code} ${words}\n`);
  },
);

When('the fault of {string} is repaired', function (this: PooldWorld, subject: string) {
  rmSync(faultFile(this, subject));
});

/** A clock made of facts: an engine that ends at once and is started again after 50 ms, for ever. */
Given('an engine that is restarted all the time, as a clock', function (this: PooldWorld) {
  this.addPool(
    'clock',
    `
engine: { command: [ENGINES/dies-after.sh, "0", "1"] }
backoff: { delay: 50ms, limit: 50ms, jitter: 0 }
breaker: { failureThreshold: 10000 }
restartLimit: { count: 10000 }
storm: { count: 10000 }
`,
  );
});

Then(
  '{string} stays at generation {int} for {int} ticks of it',
  async function (this: PooldWorld, id: string, generation: number, ticks: number) {
    const from = (await this.engine('clock/0')).generation;
    await this.until(`the clock has ticked ${ticks} times`, async () => (await this.engine('clock/0')).generation >= from + ticks);
    equal((await this.engine(id)).generation, generation);
  },
);

When('all engines of {string} are killed with {word}', async function (this: PooldWorld, pool: string, signal: string) {
  const pids = (await this.status(pool)).engines.map(({ pid }) => pid).filter((pid) => pid !== null);
  ok(pids.length > 0, `${pool} has no processes`);
  for (const pid of pids) process.kill(pid, signal as NodeJS.Signals);
});

/** Each time as soon as it is ready again. */
When('the engine {string} is killed {int} time(s) when it is ready', async function (this: PooldWorld, id: string, times: number) {
  for (let time = 0; time < times; time += 1) await killedWhen(this, id, ({ ready }) => ready);
});

/** A success is what sets the row of failures to 0: see that it is not 0 before. */
When(
  'the engine {string} is killed {int} time(s), each time after a success',
  async function (this: PooldWorld, id: string, times: number) {
    for (let time = 0; time < times; time += 1) await killedWhen(this, id, ({ ready, failures }) => ready && failures === 0);
  },
);

/** What an operator who waits does: looks at the clock. */
When('the noted {word} of {string} has passed', async function (this: PooldWorld, path: string, subject: string) {
  const atMs = stampMs(this.noted.get(`${path} of ${subject}`));
  await this.until(`it is ${new Date(atMs).toISOString()}`, () => Date.now() > atMs);
});

/** As logged, in ms; the first ones. */
Then('the delays of {string} were {string}', async function (this: PooldWorld, id: string, list: string) {
  const wanted = list.split(', ').map(Number);
  await this.until(`${id} has waited ${wanted.length} times`, () => backoffsOf(this, id).length >= wanted.length);
  deepEqual(
    backoffsOf(this, id)
      .slice(0, wanted.length)
      .map(({ backoffMs }) => backoffMs),
    wanted,
  );
});

Then(
  'the first delays in {string} are from {int} to {int} ms, and not all the same',
  async function (this: PooldWorld, pool: string, fromMs: number, toMs: number) {
    const { length } = (await this.status(pool)).engines;
    const first = (): LogEntry[] =>
      this.daemonLog().filter((line) => line.event === 'engine.backoff' && line.pool === pool && line.failureCount === 1);
    await this.until(`${length} engines of ${pool} wait`, () => first().length >= length);
    const delays = first().map(({ backoffMs }) => Number(backoffMs));
    ok(
      delays.every((delayMs) => delayMs >= fromMs && delayMs <= toMs),
      `they are ${delays}`,
    );
    ok(new Set(delays).size > 1, `they are all ${delays[0]}`);
  },
);

/** By the log: each restart against the time that was announced for it, and that time against the end before it. */
Then('no restart of {string} came before it was due', async function (this: PooldWorld, id: string) {
  await logCaughtUp(this);
  let due: LogEntry | null = null;
  let ended: LogEntry | null = null;
  let pairs = 0;
  for (const line of this.daemonLog().filter(({ engine }) => engine === id)) {
    if (line.event === 'engine.exited') ended = line;
    if (line.event === 'engine.backoff') due = line;
    if (line.event !== 'engine.starting' || line.cause !== 'restart' || due === null || ended === null) continue;
    const [startedMs, dueMs, endedMs] = [stampMs(line.time), stampMs(due.nextRestartAt), stampMs(ended.time)];
    ok(startedMs >= dueMs - ROUNDING_MS, `generation ${line.generation} was started ${dueMs - startedMs} ms before ${due.nextRestartAt}`);
    // The end was logged once it was stored, so a little after the moment that the delay counts from.
    ok(dueMs > endedMs - STORING_MS + Number(due.backoffMs), `${due.backoffMs} ms after ${ended.time} is not ${due.nextRestartAt}`);
    pairs += 1;
  }
  ok(pairs > 0, `${id} was not restarted at all`);
});

/** Of a pool or an engine, by a path into its status. */
When('I note the {word} of {string}', async function (this: PooldWorld, path: string, subject: string) {
  const value = await lookUp(this, subject, path);
  ok(value !== undefined && value !== null, `${subject} has no ${path}`);
  this.noted.set(`${path} of ${subject}`, value);
});

Then('the {word} of {string} is still the same', async function (this: PooldWorld, path: string, subject: string) {
  deepEqual(await lookUp(this, subject, path), this.noted.get(`${path} of ${subject}`));
});

/** A stamp is made of the monotonic time at each look: it may move by a rounding. */
Then('the time {word} of {string} is still the same', async function (this: PooldWorld, path: string, subject: string) {
  const [now, noted] = [stampMs(await lookUp(this, subject, path)), stampMs(this.noted.get(`${path} of ${subject}`))];
  ok(Math.abs(now - noted) <= MOVES_MS, `${path} was ${noted} and is ${now}`);
});

Then('the time {word} of {string} is {int} s after its end', async function (this: PooldWorld, path: string, id: string, seconds: number) {
  const { lastExit } = await this.engine(id);
  const afterMs = stampMs(await lookUp(this, id, path)) - stampMs(lastExit?.at);
  // The end itself is noticed, and its process tree gone, a little later.
  ok(afterMs >= seconds * 1_000 - ROUNDING_MS && afterMs <= seconds * 1_000 + NOTICED_MS, `it is ${afterMs} ms after it`);
});

Then(
  'the pool/engine {string} comes to have {word} {word}',
  async function (this: PooldWorld, subject: string, path: string, value: string) {
    await this.until(`${path} of ${subject} is ${value}`, async () => {
      const found = String(await lookUp(this, subject, path));
      if (found !== value) throw new Error(`it is ${found}`);
      return true;
    });
  },
);

const ROUNDING_MS = 2;
const STORING_MS = 1_000;
const NOTICED_MS = 10_000;
const MOVES_MS = 20;

async function killedWhen(world: PooldWorld, id: string, is: (engine: EngineStatus) => boolean): Promise<void> {
  await world.until(`${id} is as it should be to be killed`, async () => is(await world.engine(id)));
  const { pid } = await world.engine(id);
  process.kill(pid ?? Number.NaN, 'SIGKILL');
  await world.until(`the end of ${pid}, which was ${id}, is noticed`, async () => (await world.engine(id)).pid !== pid);
}

/** `chat` is a pool, `chat/0` an engine. */
async function lookUp(world: PooldWorld, subject: string, path: string): Promise<unknown> {
  return at(subject.includes('/') ? await world.engine(subject) : await world.status(subject), path);
}

function stampMs(stamp: unknown): number {
  const ms = Date.parse(String(stamp));
  ok(!Number.isNaN(ms), `${stamp} is no time`);
  return ms;
}

function backoffsOf(world: PooldWorld, id: string): LogEntry[] {
  return world.daemonLog().filter(({ event, engine }) => event === 'engine.backoff' && engine === id);
}

function faultFile(world: PooldWorld, subject: string): string {
  return join(world.dir, 'faults', subject.replace('/', '-'));
}

function putFault(world: PooldWorld, subject: string, text: string): void {
  mkdirSync(join(world.dir, 'faults'), { recursive: true });
  writeFileSync(faultFile(world, subject), text);
}
