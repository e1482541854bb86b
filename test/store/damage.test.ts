import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { Stored } from '../../src/store/store.ts';
import { batch, exit, operation } from './rows.ts';

let home = '';
/** A state directory as a daemon leaves it, and what is in it. */
let sample = '';
let stored: Stored;
let epoch = 0;
let instance = '';
let files = 0;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'poold-damage-'));
  sample = join(home, 'sample');
  openStore({ directory: sample, clock: systemClock }).close();
  const store = openStore({ directory: sample, clock: systemClock });
  const replicas = Array.from({ length: 40 }, (_, replica) => replica);
  store.commit(
    batch({
      pools: ['chat', 'embed'].map((pool) => ({ pool, state: JSON.stringify({ pool, text: 'p'.repeat(3_000) }) })),
      engines: replicas.map((replica) => ({ pool: 'chat', replica, state: JSON.stringify({ replica, text: 'e'.repeat(700) }) })),
      exits: replicas.map((generation) => exit({ generation, lastLines: ['x'.repeat(1_000)] })),
      operations: replicas.map((number) => operation({ id: `op-${number}` })),
    }),
  );
  stored = store.load();
  ({ epoch, instance } = store);
  store.close();
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

interface Found {
  readonly epoch: number;
  readonly instance: string;
  readonly damage: string | null;
  readonly stored: Stored;
  readonly names: readonly string[];
}

/** What the next daemon finds after `harmed` had its way with a copy; it can also store, and is whole the time after. */
function foundAfter(harmed: (directory: string) => void): Found {
  files += 1;
  const directory = join(home, String(files));
  cpSync(sample, directory, { recursive: true });
  harmed(directory);
  const store = openStore({ directory, clock: systemClock });
  const found = { epoch: store.epoch, instance: store.instance, damage: store.damage, stored: store.load(), names: readdirSync(directory) };
  store.history({ pool: 'chat', replica: null, sinceMs: null, limit: 1_000 });
  store.operations(null);
  store.commit(batch({ pools: [{ pool: 'new', state: '{}' }], exits: [exit({ pool: 'new', engine: 'new/0' })] }));
  store.close();
  const again = openStore({ directory, clock: systemClock });
  expect(again.damage).toBeNull();
  expect(again.epoch).toBe(found.epoch + 1);
  expect(again.load().pools.map((row) => row.pool)).toContain('new');
  again.close();
  rmSync(directory, { recursive: true });
  return found;
}

const database = (directory: string): string => join(directory, 'poold.db');
const identity = (directory: string): string => join(directory, 'identity.json');

/** Every row that is there is one that was stored. */
function expectOnlyTrueRows(found: Found): void {
  expect(stored.pools).toEqual(expect.arrayContaining([...found.stored.pools]));
  expect(stored.engines).toEqual(expect.arrayContaining([...found.stored.engines]));
}

describe('a damaged state directory', () => {
  it('is told apart from a whole one', () => {
    expect(foundAfter(() => {})).toMatchObject({ epoch: epoch + 1, instance, damage: null, stored });
  });

  it.each([
    ['not a database', (directory: string) => writeFileSync(database(directory), 'not a database '.repeat(1_000))],
    ['cut short within its header', (directory: string) => truncateSync(database(directory), 50)],
    ['empty', (directory: string) => truncateSync(database(directory), 0)],
    ['gone', (directory: string) => rmSync(database(directory))],
  ])('is begun anew when the database is %s: numbers leap, the instance stays', (_name, harmed) => {
    const found = foundAfter(harmed);
    expect(found).toMatchObject({ epoch: epoch + 1_000, instance, stored: { pools: [], engines: [] } });
    expect(found.damage).toMatch(/poold\.db was (damaged|gone or empty)/);
    const kept = found.names.some((name) => /^poold\.db\.damaged-\d{8}T\d{6}Z$/.test(name));
    expect(kept).toBe(found.damage?.includes('it is now') ?? false);
  });

  it.each([
    ['gone', (directory: string) => rmSync(identity(directory)), null],
    ['empty', (directory: string) => truncateSync(identity(directory), 0), 'identity.json was damaged'],
    [
      'changed by hand',
      (directory: string) =>
        writeFileSync(identity(directory), readFileSync(identity(directory), 'utf8').replace('"epoch":2', '"epoch":1')),
      'identity.json was damaged',
    ],
  ])('keeps its rows and numbers when identity.json is %s', (_name, harmed, says) => {
    const found = foundAfter(harmed);
    expect(found).toMatchObject({ instance, stored });
    expect(found.epoch).toBe(epoch + (says === null ? 1 : 1_000));
    if (says === null) expect(found.damage).toBeNull();
    else expect(found.damage).toContain(says);
  });

  it('counts on from the clock when neither file is left to count on', () => {
    const found = foundAfter((directory) => {
      writeFileSync(database(directory), 'x');
      writeFileSync(identity(directory), 'x');
    });
    expect(found.epoch).toBeGreaterThan(1_700_000_000);
    expect(found.instance).not.toBe(instance);
  });

  it('drops the rows that are not as they were written, names them and keeps the others', () => {
    const found = foundAfter((directory) => {
      const bytes = readFileSync(database(directory));
      const at = bytes.indexOf('{"replica":7,');
      bytes.write('8', at + '{"replica":'.length);
      writeFileSync(database(directory), bytes);
    });
    expect(found.epoch).toBe(epoch + 1_000);
    expect(found.damage).toMatch(/^1 damaged rows of .*poold\.db were dropped: chat\/7$/);
    expect(found.stored.engines).toEqual(stored.engines.filter((row) => row.replica !== 7));
  });

  it('opens after a cut at any page and between them', () => {
    const whole = readFileSync(database(sample)).length;
    for (let cut = 1; cut < whole; cut += 6_007) {
      const found = foundAfter((directory) => truncateSync(database(directory), cut));
      expect(found.epoch).toBeGreaterThan(epoch);
      expect(found.instance).toBe(instance);
      expect(found.damage).not.toBeNull();
      expectOnlyTrueRows(found);
    }
  });

  it('opens after flipped bytes, wherever they are', () => {
    const random = seeded(20_261_120);
    for (let variant = 0; variant < 50; variant += 1) {
      const found = foundAfter((directory) => {
        const bytes = readFileSync(database(directory));
        // Every other one goes for the header and the table of tables, where most depends on a byte.
        const reach = variant % 2 === 0 ? bytes.length : 4_096;
        for (let flips = 0; flips < 1 + (variant % 5); flips += 1) {
          const at = Math.floor(random() * reach);
          bytes.writeUInt8(bytes.readUInt8(at) ^ (1 + Math.floor(random() * 255)), at);
        }
        writeFileSync(database(directory), bytes);
      });
      expect(found.epoch, `variant ${variant}`).toBeGreaterThan(epoch);
      expect(found.instance).toBe(instance);
      expectOnlyTrueRows(found);
    }
  });

  it('keeps the newest three of what was moved aside', () => {
    const directory = join(home, 'often');
    for (let time = 0; time < 5; time += 1) {
      openStore({ directory, clock: { ...systemClock, wallMs: () => time * 1_000 } }).close();
      writeFileSync(database(directory), `damaged ${time}`);
    }
    const aside = readdirSync(directory).filter((name) => name.includes('.damaged-'));
    expect(aside).toEqual(['2', '3', '4'].map((second) => `poold.db.damaged-19700101T00000${second}Z`));
  });
});

/** The same sequence for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
