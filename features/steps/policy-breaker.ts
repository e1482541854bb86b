/** Breakers: of a pool (`chat`), of an engine (`chat/0`), of a crash class. */
import { deepEqual, equal, ok } from 'node:assert/strict';
import { Then } from '@cucumber/cucumber';
import type { LogEntry, PooldWorld } from '../support/world.ts';
import { logCaughtUp } from './signs.ts';

Then('the breaker of {string} becomes {word}', async function (this: PooldWorld, subject: string, state: string) {
  await this.until(`the breaker of ${subject} is ${state}`, async () => {
    const found = subject.includes('/') ? (await this.engine(subject)).breaker : (await this.status(subject)).breaker.state;
    if (found !== state) throw new Error(`it is ${found}`);
    return true;
  });
});

Then(
  'the breaker of class {word} of {string} becomes {word}',
  async function (this: PooldWorld, name: string, pool: string, state: string) {
    await this.until(`the breaker of class ${name} is ${state}`, async () => {
      const found = (await this.status(pool)).breaker.classes[name]?.state;
      if (found !== state) throw new Error(`it is ${found}`);
      return true;
    });
  },
);

/** The first ones, as logged, in ms. */
Then('the breaker of {string} was opened for {string}', async function (this: PooldWorld, subject: string, list: string) {
  const wanted = list.split(', ').map(Number);
  await this.until(`it was opened ${wanted.length} times`, () => openingsOf(this, subject).length >= wanted.length);
  deepEqual(
    openingsOf(this, subject)
      .slice(0, wanted.length)
      .map(({ openForMs }) => openForMs),
    wanted,
  );
});

Then(
  'the breaker of class {word} of {string} was opened for {string}',
  async function (this: PooldWorld, name: string, pool: string, list: string) {
    const wanted = list.split(', ').map(Number);
    const openings = (): LogEntry[] =>
      this.daemonLog().filter((line) => line.event === 'breaker.opened' && line.class === name && line.pool === pool);
    await this.until(`it was opened ${wanted.length} times`, () => openings().length >= wanted.length);
    deepEqual(
      openings()
        .slice(0, wanted.length)
        .map(({ openForMs }) => openForMs),
      wanted,
    );
  },
);

/** By the log, against the time that was announced when it was opened. */
Then('no breaker of {string} was tried before its time', async function (this: PooldWorld, subject: string) {
  await logCaughtUp(this);
  let open: LogEntry | null = null;
  let tries = 0;
  for (const line of this.daemonLog().filter((one) => subjectOf(one) === subject)) {
    if (line.event === 'breaker.opened') open = line;
    if (line.event !== 'breaker.half_opened' || open === null) continue;
    const earlyMs = Date.parse(String(open.openUntil)) - Date.parse(String(line.time));
    ok(earlyMs <= ROUNDING_MS, `it was half open ${earlyMs} ms before ${open.openUntil}`);
    tries += 1;
  }
  ok(tries > 0, `the breaker of ${subject} was never half open`);
});

/** The one try of a half-open breaker, which is still on its way. */
Then('the engine {string} is the canary', async function (this: PooldWorld, id: string) {
  await this.until(`${id} is tried`, async () => {
    const { state, generation, pid } = await this.engine(id);
    const started = this.daemonLog().findLast(({ event, engine }) => event === 'engine.starting' && engine === id);
    if (state !== 'starting' || pid === null || started?.generation !== generation) throw new Error(`it is ${state}`);
    equal(started.cause, 'canary');
    return true;
  });
});

Then('no engine of {string} but {string} has a process', async function (this: PooldWorld, pool: string, id: string) {
  const { engines } = await this.status(pool);
  deepEqual(
    engines.filter(({ live }) => live).map((engine) => engine.id),
    [id],
  );
});

Then('{int} canary/canaries was/were started in {string}', async function (this: PooldWorld, count: number, pool: string) {
  const starts = (): LogEntry[] =>
    this.daemonLog().filter((line) => line.event === 'engine.starting' && line.pool === pool && line.cause === 'canary');
  await logCaughtUp(this);
  equal(starts().length, count);
});

Then(
  '1 canary was started in {string} for each time that the breaker of class {word} was half open',
  async function (this: PooldWorld, pool: string, name: string) {
    await logCaughtUp(this);
    const lines = this.daemonLog().filter((line) => line.pool === pool);
    const half = lines.filter((line) => line.event === 'breaker.half_opened' && line.class === name);
    const canaries = lines.filter((line) => line.event === 'engine.starting' && line.cause === 'canary');
    ok(half.length > 0, 'it was never half open');
    equal(canaries.length, half.length);
  },
);

const ROUNDING_MS = 2;

function openingsOf(world: PooldWorld, subject: string): LogEntry[] {
  return world.daemonLog().filter((line) => line.event === 'breaker.opened' && line.class === 'any' && subjectOf(line) === subject);
}

function subjectOf(line: LogEntry): string | undefined {
  return line.engine ?? line.pool;
}
