/** Reads bytes of the endless stream out of whichever file they are in now. To be called inside the gate: while bytes move, no place holds. */
import { closeSync, constants, open, read } from 'node:fs';
import { promisify } from 'node:util';
import type { LogParts } from './log-parts.ts';
import { olderPath } from './older-files.ts';

export interface LogChunk {
  /** Where `bytes` begin: beyond what was asked for when that is gone. */
  readonly position: number;
  /** Empty at the end. */
  readonly bytes: Buffer;
}

const readAt = promisify(read);
const openAt = promisify(open);

export async function readParts(parts: LogParts, position: number, maxBytes: number): Promise<LogChunk> {
  const { index } = parts.file;
  for (let at = index.older.length - 1; at >= 0; at -= 1) {
    const part = index.older[at];
    if (part === undefined || part.from + part.bytes <= position) continue;
    const from = Math.max(position, part.from);
    const bytes = await readOlder(olderPath(parts.path, at + 1), from - part.from, Math.min(maxBytes, part.from + part.bytes - from));
    if (bytes !== null) return { position: from, bytes };
  }
  const from = Math.max(position, index.base);
  return { position: from, bytes: await readSome(parts.fd, from - index.base, maxBytes) };
}

/** Null when the file was removed or cut short by hand: a hole in the stream. */
async function readOlder(path: string, offset: number, maxBytes: number): Promise<Buffer | null> {
  let fd: number;
  try {
    fd = await openAt(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch {
    return null;
  }
  try {
    const bytes = await readSome(fd, offset, maxBytes);
    return bytes.length > 0 ? bytes : null;
  } finally {
    closeSync(fd);
  }
}

async function readSome(fd: number, offset: number, maxBytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(maxBytes);
  const { bytesRead } = await readAt(fd, buffer, 0, maxBytes, offset);
  return buffer.subarray(0, bytesRead);
}
