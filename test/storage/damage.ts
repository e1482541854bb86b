/** What can become of a database: cut, with bytes flipped, or put back from an older copy; and what a store makes of that. */
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/clock.ts';
import { pastLeases } from '../../src/lease/past-leases.ts';
import { storedPools } from '../../src/pool/stored-pools.ts';
import { openStore } from '../../src/store/sqlite.ts';
import type { Stream } from '../sim/dice.ts';
import { Dice, whole } from '../sim/dice.ts';

const PAGE_BYTES = 4_096;
const DATABASE = 'poold.db';
const FILES = [DATABASE, `${DATABASE}-wal`] as const;

/** The database and its write-ahead log, as a daemon leaves them that is killed. */
export type Files = Readonly<Record<(typeof FILES)[number], Buffer | null>>;

export interface Harm {
  readonly name: string;
  readonly files: Files;
}

export function filesIn(directory: string): Files {
  const read = (name: string): Buffer | null => (existsSync(join(directory, name)) ? readFileSync(join(directory, name)) : null);
  return { 'poold.db': read(DATABASE), 'poold.db-wal': read(`${DATABASE}-wal`) };
}

/** In the place of whatever is there; nobody has the store open. */
export function putInto(directory: string, files: Files): void {
  rmSync(join(directory, `${DATABASE}-shm`), { force: true });
  for (const name of FILES) {
    const bytes = files[name];
    if (bytes === null) rmSync(join(directory, name), { force: true });
    else writeFileSync(join(directory, name), bytes, { mode: 0o600 });
  }
}

/** The database at each of its pages, and a byte behind. */
export function cuts(whole: Files): Harm[] {
  const bytes = whole[DATABASE] ?? Buffer.alloc(0);
  return Array.from({ length: Math.floor(bytes.length / PAGE_BYTES) }, (_, page) => {
    const length = page * PAGE_BYTES + (page % 2);
    return { name: `cut at ${length}`, files: { ...whole, [DATABASE]: bytes.subarray(0, length) } };
  });
}

/** Up to five bytes each; every other one goes for a page that is known to have something on it. */
export function flips(whole: Files, { count, seed }: { readonly count: number; readonly seed: number }): Harm[] {
  const dice = new Dice({ seed, only: null });
  return Array.from({ length: count }, (_, variant) => {
    const draw = dice.stream('flip', variant);
    const name = variant % 8 === 7 && whole['poold.db-wal'] !== null ? FILES[1] : FILES[0];
    const bytes = Buffer.from(whole[name] ?? Buffer.alloc(0));
    const near = variant % 2 === 0 ? usedByte(bytes, draw) : null;
    for (let flip = 0; flip <= variant % 5; flip += 1) flipped(bytes, near, draw);
    return { name: `flips of ${name}, variant ${variant} of seed ${seed}`, files: { ...whole, [name]: bytes } };
  });
}

export interface Kept {
  readonly epoch: number;
  readonly instance: string;
  readonly damage: string | null;
  /** Ids of the leases that are taken up. */
  readonly leases: readonly string[];
  /** Leases that it says are lost. */
  readonly lost: number;
}

/** What a daemon would take up. Throws what would keep it from starting. */
export function keptIn(directory: string): Kept {
  const store = openStore({ directory, clock: systemClock });
  try {
    const stored = store.load();
    pastLeases(stored, systemClock.wallMs());
    const engines = storedPools(stored).flatMap(({ state }) => state.engines);
    const leases = engines.flatMap(({ seats }) => seats.flatMap((lease) => lease?.id ?? []));
    const lost = stored.lostLeases.length + stored.leases.length - leases.length;
    return { epoch: store.epoch, instance: store.instance, damage: store.damage, leases, lost };
  } finally {
    store.close();
  }
}

export interface Before {
  /** Ids of the leases that were held. */
  readonly held: readonly string[];
  /** Of the daemon that was killed. */
  readonly epoch: number;
}

/** What is not as it is promised of a damaged database, in sentences. */
export function brokenPromises({ held, epoch }: Before, found: Omit<Kept, 'instance'>): string[] {
  const revived = found.leases.filter((id) => !held.includes(id)).map((id) => `${id} is held again`);
  const missing = held.filter((id) => !found.leases.includes(id)).length;
  // Of what cannot be read nobody knows how much it was.
  const says = found.damage ?? '';
  const uncounted = /cannot be told|not all of it can be read|not known any more|older copy/.test(says);
  return [
    ...revived,
    ...(found.epoch > epoch ? [] : [`the epoch is ${found.epoch} behind ${epoch}`]),
    ...(missing > 0 && found.damage === null ? [`${missing} leases are missing, and nothing is said`] : []),
    ...(found.lost < missing && !uncounted ? [`${missing} leases are missing, and ${found.lost} are said to be lost: ${says}`] : []),
  ];
}

/** A directory with what a store needs beside its database, so that only that is made anew. */
export function besideDatabase(directory: string, from: string): void {
  writeFileSync(join(directory, 'identity.json'), readFileSync(join(from, 'identity.json')), { mode: 0o600 });
  writeFileSync(join(directory, 'ballast'), '', { mode: 0o600 });
  truncateSync(join(directory, 'ballast'), 1 << 20);
}

function usedByte(bytes: Buffer, draw: Stream): number {
  for (let tries = 0; tries < 1_000; tries += 1) {
    const at = whole(draw, 0, bytes.length - 1);
    // The free pages are filled with one letter.
    if (bytes[at] !== 0 && bytes[at] !== 'x'.charCodeAt(0)) return at;
  }
  return 0;
}

function flipped(bytes: Buffer, near: number | null, draw: Stream): void {
  const at = near === null ? whole(draw, 0, bytes.length - 1) : Math.min(bytes.length - 1, near + whole(draw, 0, 64));
  bytes.writeUInt8(bytes.readUInt8(at) ^ whole(draw, 1, 255), at);
}
