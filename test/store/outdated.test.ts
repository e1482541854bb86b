import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { openStore } from '../../src/store/sqlite.ts';
import { readIdentity, writeIdentity } from '../../src/store/sqlite-identity.ts';
import type { Store } from '../../src/store/store.ts';
import { batch } from './rows.ts';

let home = '';
let directory = '';
let store: Store;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'poold-outdated-'));
  directory = join(home, 'state');
  store = openStore({ directory, clock: systemClock });
});

afterEach(() => {
  store.close();
  rmSync(home, { recursive: true, force: true });
});

const held = (slot: number, lease: string | null): void =>
  store.commit(batch({ leases: [{ pool: 'chat', replica: 0, generation: 1, slot, lease }] }));

/** As after a death: the database and its log as they stand, opened by the next. */
function next(harmed: (directory: string) => void = () => {}): Store {
  const copy = join(home, 'next');
  rmSync(copy, { recursive: true, force: true });
  cpSync(directory, copy, { recursive: true });
  harmed(copy);
  return openStore({ directory: copy, clock: systemClock });
}

/** Of the frame that has the text `lease`. */
function flippedAt(lease: string): (directory: string) => void {
  return (copy) => {
    const file = join(copy, 'poold.db-wal');
    const bytes = readFileSync(file);
    const at = bytes.indexOf(lease);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    writeFileSync(file, bytes);
  };
}

describe('a write-ahead log', () => {
  it('that has lost commits in its middle gives up the leases before them, as they may be over', () => {
    held(0, '{"id":"first"}');
    held(1, '{"id":"second"}');
    held(0, null);
    const found = next(flippedAt('{"id":"second"}'));
    expect(found.damage).toMatch(
      /^.*poold\.db-wal was damaged: what was stored last is not known any more; the 1 leases in it may be over and are lost$/,
    );
    expect(found.load()).toMatchObject({ leases: [], lostLeases: ['chat'] });
    expect(found.epoch).toBe(store.epoch + 1_000);
    found.close();
  });

  it('whose last commit was not written to its end is as a death leaves it', () => {
    held(0, '{"id":"first"}');
    held(1, '{"id":"second"}');
    const cut = (copy: string): void => {
      const file = join(copy, 'poold.db-wal');
      const bytes = readFileSync(file);
      // The header of its last frame was written, its page was not.
      bytes.fill(0, bytes.lastIndexOf('{"id":"second"}') - 100, bytes.lastIndexOf('{"id":"second"}') + 15);
      writeFileSync(file, bytes);
    };
    const found = next(cut);
    expect(found.damage).toBeNull();
    expect(found.load().leases.map(({ lease }) => lease)).toEqual(['{"id":"first"}']);
    found.close();
  });

  it('with a header of which a bit has changed is damaged', () => {
    held(0, '{"id":"first"}');
    const found = next((copy) => {
      const file = join(copy, 'poold.db-wal');
      const bytes = readFileSync(file);
      bytes.writeUInt8(bytes.readUInt8(17) ^ 4, 17);
      writeFileSync(file, bytes);
    });
    expect(found.damage).toContain('poold.db-wal was damaged');
    found.close();
  });
});

describe('an older copy of the database', () => {
  it('is told by the starts that it does not know: its leases may be over', () => {
    held(0, '{"id":"first"}');
    const older = join(home, 'older');
    cpSync(directory, older, { recursive: true });
    for (let start = 0; start < 2; start += 1) {
      store.close();
      store = openStore({ directory, clock: systemClock });
    }
    const found = next((copy) => {
      for (const file of ['poold.db', 'poold.db-wal', 'poold.db-shm']) cpSync(join(older, file), join(copy, file));
    });
    expect(found.damage).toMatch(
      /^the database .*poold\.db is an older copy of the one that was used last; the 1 leases in it may be over and are lost$/,
    );
    expect(found.load()).toMatchObject({ leases: [], lostLeases: ['chat'] });
    expect(found.epoch).toBe(store.epoch + 1_000);
    found.close();
  });

  it('is not what starts leave that were counted and could not be stored', () => {
    held(0, '{"id":"first"}');
    const found = next((copy) => {
      const file = join(copy, 'identity.json');
      const known = readIdentity(file);
      expect(known).toMatchObject({ epoch: 1, database: 0 });
      if (known !== null && known !== 'damaged') writeIdentity(file, { ...known, epoch: 9, database: 1 });
    });
    expect(found).toMatchObject({ damage: null, epoch: 10 });
    expect(found.load().leases).toHaveLength(1);
    found.close();
  });

  it('cannot be told by what an older poold has written beside it', () => {
    held(0, '{"id":"first"}');
    const found = next((copy) => {
      const file = join(copy, 'identity.json');
      const { database: _database, databaseSum: _sum, ...older } = JSON.parse(readFileSync(file, 'utf8'));
      writeFileSync(file, JSON.stringify(older));
    });
    expect(found.damage).toBeNull();
    found.close();
  });
});

it('a database that is moved aside says how many leases go with it', () => {
  held(0, '{"id":"first"}');
  held(1, '{"id":"second"}');
  store.close();
  const found = next((copy) => {
    const bytes = readFileSync(join(copy, 'poold.db'));
    // The first page of a table that leases do not need.
    bytes.fill(7, 4_096, 4_196);
    writeFileSync(join(copy, 'poold.db'), bytes);
  });
  expect(found.damage).toMatch(/was damaged .* an empty one is in its place; 2 leases in it are lost$/s);
  expect(found.load().lostLeases).toEqual(['chat', 'chat']);
  found.close();
});
