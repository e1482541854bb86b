/** The few numbers that must never go back, in a second file: they outlive the database. */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';

export interface Identity {
  readonly epoch: number;
  readonly instance: string;
  /** Version of the newest schema that was ever put on the database beside it. */
  readonly schema: number;
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
    const { sum, ...identity } = JSON.parse(text) as Identity & { sum: number };
    return sum === checksum(identity) ? identity : 'damaged';
  } catch {
    return 'damaged';
  }
}

/** Durable when it returns, and the old one whole until then. Throws what the file system throws. */
export function writeIdentity(file: string, identity: Identity): void {
  const temporary = `${file}.new`;
  const fd = openSync(temporary, 'w', 0o600);
  try {
    writeSync(fd, `${JSON.stringify({ ...identity, sum: checksum(identity) })}\n`);
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

function checksum({ epoch, instance, schema }: Identity): number {
  return crc32(JSON.stringify([epoch, instance, schema]));
}
