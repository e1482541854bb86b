/** Ends what a daemon that died in the middle of a rotation left behind; `rotation.ts` says in which order it worked. */
import { constants, existsSync, fstatSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { pause } from '../../clock.ts';
import { allPids, argvOf } from '../proc.ts';
import type { LogParts } from './log-parts.ts';
import { olderPath, placeOlder, settleNumbers } from './older-files.ts';
import { COLLAPSE_TIMEOUT_MS, copyPath } from './rotation.ts';

const COMPARE_BYTES = 1024 * 1024;
const COLLAPSE_LOOK_MS = 20;

export async function recover(parts: LogParts): Promise<void> {
  if (parts.file.index.pending !== null) await collapseOver(parts);
  const copyIsLeft = existsSync(copyPath(parts));
  rmSync(copyPath(parts), { force: true });
  const { index } = parts.file;
  const highest = Math.max(parts.limits.keep, index.older.length) + 1;
  let sizes = settleNumbers(parts.path, highest);
  if (index.pending !== null) {
    const isCopy = !copyIsLeft && index.pending.copied && sizes[0] === index.pending.bytes;
    const sizeBytes = fstatSync(parts.fd).size;
    const cut = !copyIsLeft && (sizeBytes < index.pending.sizeBytes || (isCopy && !(await beginsWith(parts, olderPath(parts.path, 1)))));
    if (isCopy && !cut) {
      rmSync(olderPath(parts.path, 1));
      sizes = settleNumbers(parts.path, highest);
    }
    parts.file.append({ is: cut ? 'rotated' : 'kept' });
  }
  place(parts, sizes);
}

function place(parts: LogParts, sizes: readonly number[]): void {
  const { index } = parts.file;
  let older = placeOlder(sizes, index.older, index.base);
  const missing = -(older.at(-1)?.from ?? 0);
  // No index to go by: the oldest byte that is left is the first.
  if (missing > 0) {
    parts.file.append({ is: 'base', position: index.base + missing });
    older = placeOlder(sizes, [], index.base);
  }
  index.older = older;
  parts.seenBytes = fstatSync(parts.fd).size;
  // Shorter than what is known of it: cut or replaced while nobody looked, so all of it is new.
  if (index.base + parts.seenBytes < index.known) parts.file.append({ is: 'base', position: index.known });
}

/** The cutting is a process of its own and outlives its daemon: nothing can be decided before it is gone. */
async function collapseOver(parts: LogParts): Promise<void> {
  const cuts = (pid: number): boolean => {
    const argv = argvOf(pid);
    return argv.includes(parts.path) && argv.some((word) => /(?:^|\/)fallocate$/.test(word));
  };
  const deadlineMs = parts.clock.nowMs() + COLLAPSE_TIMEOUT_MS;
  while (allPids().some(cuts) && parts.clock.nowMs() < deadlineMs) await pause(parts.clock, COLLAPSE_LOOK_MS);
}

/** Whether the log still begins with all the bytes of its copy. */
async function beginsWith(parts: LogParts, path: string): Promise<boolean> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
  const copy = await open(path, flags);
  const log = await open(parts.path, flags);
  try {
    const expected = Buffer.allocUnsafe(COMPARE_BYTES);
    const found = Buffer.allocUnsafe(COMPARE_BYTES);
    for (let at = 0; ; ) {
      const { bytesRead } = await copy.read(expected, 0, COMPARE_BYTES, at);
      if (bytesRead === 0) return true;
      const other = await log.read(found, 0, bytesRead, at);
      if (other.bytesRead < bytesRead || !expected.subarray(0, bytesRead).equals(found.subarray(0, bytesRead))) return false;
      at += bytesRead;
    }
  } finally {
    await copy.close();
    await log.close();
  }
}
