/** The few numbers that must never go back, in a second file: they outlive the database. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';

export interface Identity {
  readonly epoch: number;
  readonly instance: string;
  /** Version of the newest schema that was ever put on the database beside it. */
  readonly schema: number;
  /** The epoch that the database was found with when this was written; 0 where nothing is known. One that has a lower one now is an older copy. */
  readonly database: number;
}

/** Null where there is no file; `damaged` where there is one that says nothing to be relied on. Throws what reading throws but ENOENT. */
export function readIdentity(file: string): Identity | 'damaged' | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  try {
    const { sum, databaseSum, database, ...rest } = JSON.parse(text) as Identity & { sum: number; databaseSum?: number };
    if (sum !== checksum(rest)) return 'damaged';
    return { ...rest, database: databaseSum === checksumOf([sum, database]) ? database : 0 };
  } catch {
    return 'damaged';
  }
}

/** Durable when it returns, and the old one whole until then. Throws what the file system throws. */
export function writeIdentity(file: string, identity: Identity): void {
  const temporary = `${file}.new`;
  const fd = openSync(temporary, 'w', 0o600);
  try {
    const sum = checksum(identity);
    writeSync(fd, `${JSON.stringify({ ...identity, sum, databaseSum: checksumOf([sum, identity.database]) })}\n`);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, file);
  // ORDER: the rename itself is durable only once the directory is.
  const directory = openSync(dirname(file), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** Of what each version of poold has written: an older one leaves out what it does not know. */
function checksum({ epoch, instance, schema }: Omit<Identity, 'database'>): number {
  return checksumOf([epoch, instance, schema]);
}

function checksumOf(values: readonly unknown[]): number {
  return crc32(JSON.stringify(values));
}
