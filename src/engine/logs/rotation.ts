/**
 * Moves the head of a log into `.1` while the engine goes on writing, without losing or doubling a byte.
 *
 * ORDER: (1) copy the first n bytes, whole blocks, to `<log>.rotating` and sync them; (2) write `rotate` into the index; (3) shift the older
 * files, rename the copy to `.1`; (4) cut the n bytes off the log; (5) write `rotated`. A daemon that dies
 *   before 2      leaves a copy that nobody counts: removed at the next start;
 *   between 2, 3  still has `<log>.rotating`, so nothing was cut: removed, and the holes in the numbers closed;
 *   between 3, 5  may have cut or not: the log is shorter than the size in `rotate`, or begins with other bytes than `.1`, if it has. In doubt
 *                 is only a log that repeats itself with a period of n and had n more bytes written before the next start.
 *
 * Cutting is `fallocate --collapse-range`, which moves extents and no bytes (ext4, xfs), at most a quarter of a second under full write-back.
 * It may not reach the end of the file, and n has to be whole blocks, so lines may be split over two files: readers join them.
 * Where the file system cannot (tmpfs), the writers are frozen for the rest of the copy and a truncate. A daemon that dies in that moment
 * leaves them frozen: whoever adopts thaws.
 */
import { constants, fstatSync, ftruncateSync, read as readCallback, renameSync, rmSync, statSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { open, statfs } from 'node:fs/promises';
import { promisify } from 'node:util';
import { failpoint } from '../../failpoint.ts';
import { runCommand } from '../exec.ts';
import type { LogParts } from './log-parts.ts';
import { olderPath, settleNumbers, shiftNumbers } from './older-files.ts';

const BLOCK_BYTES = 4096;
const COPY_BYTES = 1024 * 1024;
export const COLLAPSE_TIMEOUT_MS = 60_000;
const TOOL_ENV = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
const CANNOT_COLLAPSE = /not supported|unrecognized option|invalid option|unknown option/i;
const readAt = promisify(readCallback);

export async function rotate(parts: LogParts): Promise<void> {
  if (!isInPlace(parts)) return;
  const blockBytes = Math.max(BLOCK_BYTES, (await statfs(parts.path)).bsize);
  const wholeBlocks = (bytes: number): number => Math.floor(bytes / blockBytes) * blockBytes;
  // One byte less than the size: a collapse that reaches the end of the file is refused.
  const bytes = wholeBlocks(Math.min(fstatSync(parts.fd).size - 1, Math.max(parts.limits.maxSizeBytes, blockBytes)));
  if (bytes <= 0) return;
  const copied = parts.limits.keep > 0 && (await copyHead(parts, bytes));
  // No room for a copy even without older files: give up the older half only, the last words are worth more.
  const cutBytes = copied || parts.limits.keep === 0 ? bytes : wholeBlocks(bytes / 2) || bytes;
  try {
    if (parts.canCollapse && (await collapse(parts, { bytes: cutBytes, copied }))) return;
    await truncate(parts, { bytes, copied });
  } finally {
    rmSync(copyPath(parts), { force: true });
  }
}

/** Removes the oldest older file and counts its bytes as dropped; 0 when there is none. */
export function dropOldest(parts: LogParts): number {
  const { index } = parts.file;
  const dropped = index.older.at(-1);
  if (dropped === undefined) return 0;
  rmSync(olderPath(parts.path, index.older.length), { force: true });
  index.older = index.older.slice(0, -1);
  parts.emitDropped(dropped.bytes);
  return dropped.bytes;
}

/** False when the log was moved or removed by hand: the open file is then not the one of that name. */
export function isInPlace(parts: LogParts): boolean {
  const found = statSync(parts.path, { throwIfNoEntry: false });
  const ours = fstatSync(parts.fd);
  return found !== undefined && found.ino === ours.ino && found.dev === ours.dev;
}

export function copyPath(parts: { readonly path: string }): string {
  return `${parts.path}.rotating`;
}

interface Cut {
  readonly bytes: number;
  readonly copied: boolean;
}

/** Whether the bytes are off; false leaves everything as it was, the copy at its place. */
async function collapse(parts: LogParts, cut: Cut): Promise<boolean> {
  return parts.gate.alone(async () => {
    const sizeBytes = intend(parts, cut);
    const said = await runCommand(parts.clock, {
      argv: ['fallocate', '-c', '-o', '0', '-l', String(cut.bytes), parts.path],
      env: TOOL_ENV,
      cwd: '/',
      user: null,
      timeoutMs: COLLAPSE_TIMEOUT_MS,
    });
    // The size decides, not the exit code: a tool that was killed may have done it.
    if (said.code === 0 || fstatSync(parts.fd).size < sizeBytes) {
      happened(parts, cut);
      return true;
    }
    if (said.problem !== null || CANNOT_COLLAPSE.test(said.output)) parts.canCollapse = false;
    if (cut.copied) renameSync(olderPath(parts.path, 1), copyPath(parts));
    settleNumbers(parts.path, parts.limits.keep + 1);
    parts.file.append({ is: 'kept' });
    return false;
  });
}

async function truncate(parts: LogParts, cut: Cut): Promise<void> {
  await parts.gate.alone(async () => {
    const thaw = await parts.freeze();
    try {
      const sizeBytes = fstatSync(parts.fd).size;
      const copied = cut.copied && (await copyRest(parts, cut.bytes, sizeBytes));
      intend(parts, { bytes: sizeBytes, copied });
      ftruncateSync(parts.fd, 0);
      happened(parts, { bytes: sizeBytes, copied });
      failpoint('rotate:frozen');
    } finally {
      await thaw();
    }
  });
}

/** Steps 2 and 3; the size of the log at that moment. */
function intend(parts: LogParts, cut: Cut): number {
  const sizeBytes = fstatSync(parts.fd).size;
  const { index } = parts.file;
  parts.file.append({ is: 'rotate', ...cut, sizeBytes });
  const { keep } = parts.limits;
  if (cut.copied || keep === 0) {
    shiftNumbers(parts.path, { count: index.older.length, keep });
    index.older = index.older.slice(0, Math.max(0, keep - 1));
  }
  if (cut.copied) renameSync(copyPath(parts), olderPath(parts.path, 1));
  return sizeBytes;
}

/** Step 5. The whole index is written: it forgets what was only about bytes that are gone. */
function happened(parts: LogParts, cut: Cut): void {
  parts.file.index.apply({ is: 'rotated' });
  parts.file.rewrite();
  parts.seenBytes = fstatSync(parts.fd).size;
  if (!cut.copied && parts.limits.keep > 0) parts.emitDropped(cut.bytes);
}

/** Step 1; false when there is no room for it. */
async function copyHead(parts: LogParts, bytes: number): Promise<boolean> {
  rmSync(copyPath(parts), { force: true });
  const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  const make = () => open(copyPath(parts), O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o640).catch(noRoom);
  let copy = await make();
  while (copy === null && dropOldest(parts) > 0) copy = await make();
  if (copy === null) return false;
  try {
    if (await copyRange(parts, { copy, from: 0, to: bytes })) {
      await copy.datasync();
      return true;
    }
  } finally {
    await copy.close();
  }
  rmSync(copyPath(parts), { force: true });
  return false;
}

async function copyRest(parts: LogParts, from: number, to: number): Promise<boolean> {
  const copy = await open(copyPath(parts), constants.O_APPEND | constants.O_NOFOLLOW | constants.O_WRONLY);
  try {
    return await copyRange(parts, { copy, from, to });
  } finally {
    await copy.close();
  }
}

/** False when the disk is full and there is no older file left to drop for it. */
async function copyRange(parts: LogParts, range: { copy: FileHandle; from: number; to: number }): Promise<boolean> {
  const buffer = Buffer.allocUnsafe(Math.min(COPY_BYTES, Math.max(1, range.to - range.from)));
  let at = range.from;
  while (at < range.to) {
    const { bytesRead } = await readAt(parts.fd, buffer, 0, Math.min(buffer.length, range.to - at), at);
    if (bytesRead === 0) throw new Error(`cannot rotate ${parts.path}: it became shorter meanwhile; only poold may cut it`);
    let written = 0;
    while (written < bytesRead) {
      const result = await range.copy.write(buffer, written, bytesRead - written).catch(noRoom);
      if (result !== null) written += result.bytesWritten;
      else if (dropOldest(parts) === 0) return false;
    }
    at += bytesRead;
  }
  return true;
}

/** Null for a full disk or quota; every other error goes on. */
function noRoom(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') return null;
  throw error;
}
