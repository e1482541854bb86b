import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { PooldError } from '../../src/errors.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { createBallast } from '../../src/store/sqlite-ballast.ts';
import { openDatabase } from '../../src/store/sqlite-open.ts';
import { MIGRATIONS } from '../../src/store/sqlite-schema.ts';
import type { Store } from '../../src/store/store.ts';
import { batch, exit, operation } from './rows.ts';

let directory = '';
const stores: Store[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'poold-store-'));
});

afterEach(() => {
  for (const store of stores.splice(0)) store.close();
  rmSync(directory, { recursive: true, force: true });
});

function open(): Store {
  const store = openStore({ directory, clock: systemClock });
  stores.push(store);
  return store;
}

/** As a new daemon would find it. */
function reopened(store: Store): Store {
  store.close();
  return open();
}

const NOTHING = { pools: [], engines: [], leases: [], ended: [], lostLeases: [] };
const everything = { pool: 'chat', replica: null, sinceMs: null, limit: 1_000 };

describe('the store', () => {
  it('gives back the rows of pools and engines as they were last put, without those removed', () => {
    const store = open();
    store.commit(
      batch({
        pools: [
          { pool: 'chat', state: '{"a":1}' },
          { pool: 'embed', state: '{}' },
        ],
        engines: [
          { pool: 'chat', replica: 0, state: '"ü \\u0000 €"' },
          { pool: 'chat', replica: 1, state: '{}' },
        ],
      }),
    );
    store.commit(batch({ pools: [{ pool: 'embed', state: null }], engines: [{ pool: 'chat', replica: 1, state: '{"b":2}' }] }));
    store.commit(batch({ engines: [{ pool: 'chat', replica: 7, state: null }] }));
    const kept = {
      ...NOTHING,
      pools: [{ pool: 'chat', state: '{"a":1}' }],
      engines: [
        { pool: 'chat', replica: 0, state: '"ü \\u0000 €"' },
        { pool: 'chat', replica: 1, state: '{"b":2}' },
      ],
    };
    expect(store.load()).toEqual(kept);
    expect(reopened(store).load()).toEqual(kept);
  });

  it('raises the epoch by one at each start and keeps the instance', () => {
    const first = open();
    const second = reopened(first);
    const third = reopened(second);
    expect([first.epoch, second.epoch, third.epoch]).toEqual([1, 2, 3]);
    expect(new Set([first.instance, second.instance, third.instance]).size).toBe(1);
    expect(first.instance).toMatch(/^[0-9a-f]{16}$/);
    expect([first.damage, second.damage, third.damage]).toEqual([null, null, null]);
  });

  it('stores all of a batch or nothing', () => {
    const store = open();
    const huge = { pool: 'huge', state: 'x'.repeat((4 << 20) + 1) };
    expect(() => store.commit(batch({ pools: [{ pool: 'chat', state: '{}' }, huge] }))).toThrow('cannot store the state of huge');
    const nameless = { pool: null as unknown as string, replica: 0, state: '{}' };
    expect(() => store.commit(batch({ pools: [{ pool: 'chat', state: '{}' }], engines: [nameless] }))).toThrow('cannot store the state in');
    expect(store.load().pools).toEqual([]);
    expect(store.full).toBe(false);
    store.commit(batch({ pools: [{ pool: 'chat', state: '{}' }] }));
    expect(store.load().pools).toHaveLength(1);
  });

  it('finds history by pool, replica and time, newest first', () => {
    const store = open();
    const at = (minute: number): string => new Date(Date.UTC(2026, 10, 20, 10, minute)).toISOString();
    store.commit(
      batch({ exits: [exit({ generation: 1, at: at(1) }), exit({ generation: 2, at: at(2) }), exit({ engine: 'chat/1', at: at(3) })] }),
    );
    store.commit(batch({ exits: [exit({ pool: 'embed', engine: 'embed/0' })] }));
    const generations = (part: object): string[] =>
      store.history({ ...everything, ...part }).map((entry) => `${entry.engine}:${entry.generation}`);
    expect(generations({})).toEqual(['chat/1:1', 'chat/0:2', 'chat/0:1']);
    expect(generations({ replica: 0 })).toEqual(['chat/0:2', 'chat/0:1']);
    expect(generations({ sinceMs: Date.parse(at(2)) })).toEqual(['chat/1:1', 'chat/0:2']);
    expect(generations({ limit: 1 })).toEqual(['chat/1:1']);
    expect(generations({ pool: 'none' })).toEqual([]);
    expect(store.history({ ...everything, pool: 'embed' })).toEqual([exit({ pool: 'embed', engine: 'embed/0' })]);
  });

  it('puts a generation again in its place: what onExit printed comes later', () => {
    const store = open();
    store.commit(batch({ exits: [exit({ generation: 1 }), exit({ generation: 2 })] }));
    store.commit(batch({ exits: [exit({ generation: 1, onExit: 'GPU 0: fine' })] }));
    expect(store.history(everything).map(({ generation, onExit }) => [generation, onExit])).toEqual([
      [2, null],
      [1, 'GPU 0: fine'],
    ]);
  });

  it('finds operations by pool and id, newest first, as they were last put', () => {
    const store = open();
    store.commit(batch({ operations: [operation({ id: 'a' }), operation({ id: 'b', pool: 'embed' })] }));
    const ended = operation({ id: 'a', state: 'succeeded', outcome: 'started', endedAt: '2026-11-20T10:00:05.000Z' });
    store.commit(batch({ operations: [ended] }));
    expect(store.operations(null).map((one) => one.id)).toEqual(['b', 'a']);
    expect(store.operations('chat')).toEqual([ended]);
    expect(store.operation('a')).toEqual(ended);
    expect(store.operation('c')).toBeNull();
  });

  it('keeps the last 1,000 exits of each pool and the last 1,000 ended operations', () => {
    const store = open();
    const numbers = Array.from({ length: 1_010 }, (_, index) => index + 1);
    store.commit(batch({ exits: [exit({ pool: 'embed', engine: 'embed/0' })], operations: [operation({ id: 'running' })] }));
    store.commit(batch({ exits: numbers.map((generation) => exit({ generation })) }));
    store.commit(batch({ operations: numbers.map((number) => operation({ id: `op-${number}`, endedAt: '2026-11-20T10:00:05.000Z' })) }));
    const exits = store.history({ ...everything, limit: 5_000 });
    expect([exits.length, exits.at(-1)?.generation]).toEqual([1_000, 11]);
    expect(store.history({ ...everything, pool: 'embed' })).toHaveLength(1);
    const operations = store.operations(null);
    expect([operations.length, operations.at(-2)?.id, operations.at(-1)?.id]).toEqual([1_001, 'op-11', 'running']);
  });

  it('keeps the end of what an engine wrote, and the beginning of what a person did', () => {
    const store = open();
    const lines = Array.from({ length: 500 }, (_, index) => `${index} ${'x'.repeat(1_000)}`);
    store.commit(batch({ exits: [exit({ lastLines: lines, onExit: 'y'.repeat(100_000), message: 'z'.repeat(10_000) })] }));
    store.commit(batch({ exits: [exit({ generation: 2, lastLines: ['a', 'b'.repeat(100_000)] })] }));
    store.commit(batch({ operations: [operation({ reason: 'r'.repeat(10_000), steps: lines.map((text) => ({ at: 'now', text })) })] }));
    const [second, first] = store.history(everything);
    expect(first?.lastLines.at(-1)).toBe(lines.at(-1));
    expect(first?.lastLines.join('\n').length).toBeLessThanOrEqual(65_536);
    expect([first?.onExit?.length, first?.message.length]).toEqual([65_537, 4_097]);
    expect(second?.lastLines).toEqual(['b'.repeat(65_536)]);
    expect([store.operation('op-1')?.steps.length, store.operation('op-1')?.reason?.length]).toEqual([200, 4_097]);
  });

  it('says that it cannot store, in a sentence, when giving up the ballast is of no help either', () => {
    mkdirSync(join(directory, 'poold.db-wal'));
    expect(open).toThrow(PooldError);
    expect(open).toThrow(`cannot store the state in ${directory}: `);
  });

  it('has its ballast from the start', () => {
    open();
    expect(statSync(join(directory, 'ballast')).size).toBe(1 << 20);
  });
});

describe('the ballast', () => {
  it('is given up once, and made again when a minute has gone by', () => {
    let nowMs = 0;
    const file = join(directory, 'ballast');
    const ballast = createBallast(file, { ...systemClock, nowMs: () => nowMs });
    expect([ballast.giveUp(), existsSync(file), ballast.giveUp()]).toEqual([true, false, false]);
    nowMs = 59_999;
    ballast.restore();
    expect(existsSync(file)).toBe(false);
    nowMs = 60_000;
    ballast.restore();
    expect(statSync(file).size).toBe(1 << 20);
  });

  it('is kept where it cannot be removed, and that is no fault', () => {
    const file = join(directory, 'ballast');
    const ballast = createBallast(file, systemClock);
    rmSync(file);
    // As a read-only file system does, it refuses to let go of that.
    mkdirSync(file);
    expect(ballast.giveUp()).toBe(false);
  });

  it('of a former daemon is taken over', () => {
    const file = join(directory, 'ballast');
    createBallast(file, systemClock);
    const { ino } = statSync(file);
    const taken = createBallast(file, systemClock);
    expect(statSync(file).ino).toBe(ino);
    expect(taken.giveUp()).toBe(true);
  });
});

describe('migrations', () => {
  const file = (): string => join(directory, 'some.db');
  const at = (migrations: readonly string[], knownSchema: number | null): (() => number) => {
    return () =>
      openDatabase({ file: file(), migrations, knownSchema, wallMs: 0 }, (db, damage) => {
        expect(damage).toBeNull();
        const [row] = db.prepare('SELECT count(*) AS n FROM pools').all();
        db.close();
        return Number(row?.n);
      });
  };
  const known = MIGRATIONS.length;
  const next = [...MIGRATIONS, "INSERT INTO pools VALUES ('migrated', '{}', 0)"];

  it('run once, after a whole copy was made', () => {
    expect(at(MIGRATIONS, null)()).toBe(0);
    expect(at(next, known)()).toBe(1);
    expect(at(next, known + 1)()).toBe(1);
    const copy = new DatabaseSync(`${file()}.v${known}`);
    expect(copy.prepare('SELECT count(*) AS n FROM pools').get()?.n).toBe(0);
    copy.close();
  });

  it('leave an older database as it is when one of them fails', () => {
    at(MIGRATIONS, null)();
    const broken = ["INSERT INTO pools VALUES ('half', '{}', 0)", 'INSERT INTO pools VALUES (1)'];
    expect(at([...MIGRATIONS, ...broken], known)).toThrow(`from schema ${known} to ${known + 2}`);
    expect(at(MIGRATIONS, known)()).toBe(0);
  });

  it('refuse a newer database and leave it untouched', () => {
    at(next, null)();
    const before = readdirSync(directory).map((name) => [name, readFileSync(join(directory, name)).toString('hex')]);
    expect(at(MIGRATIONS, known + 1)).toThrow(`a newer poold wrote it (schema ${known + 1}, this one knows ${known})`);
    expect(at(MIGRATIONS, null)).toThrow('a newer poold wrote it');
    expect(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name)).toString('hex')])).toEqual(before);
  });

  it('take a version that nothing else knows of for a flipped bit', () => {
    at(MIGRATIONS, null)();
    const bytes = readFileSync(file());
    bytes.writeUInt32BE(65, 60);
    writeFileSync(file(), bytes);
    expect(at(MIGRATIONS, known)()).toBe(0);
  });
});
