/** A file that only takes up room, so that there is some to give when the disk is full. */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, rmSync, statfsSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../clock.ts';

const BALLAST_BYTES = 1 << 20;
/** So much has to be free before it is made again: it must not take the room that was just given. */
const PLENTY_BYTES = 8 * BALLAST_BYTES;
const RETRY_MS = 60_000;

export interface Ballast {
  /** True when there was something to give up, and it is gone. */
  giveUp(): boolean;
  /** Makes it again where there is plenty of room; looks at most once a minute. */
  restore(): void;
}

/** Made at once where there is room for it. Nothing here throws: a daemon without ballast is better than none. */
export function createBallast(file: string, clock: Clock): Ballast {
  let held = sizeOf(file) === BALLAST_BYTES;
  let lookedMs = Number.NEGATIVE_INFINITY;
  const restore = (): void => {
    if (held || clock.nowMs() - lookedMs < RETRY_MS) return;
    lookedMs = clock.nowMs();
    held = freeBytes(file) >= PLENTY_BYTES && filled(file);
  };
  restore();
  return {
    restore,
    giveUp() {
      if (!held || !removed(file)) return false;
      held = false;
      lookedMs = clock.nowMs();
      return true;
    },
  };
}

/** Noise, as a file system that compresses would give no room back for zeros. */
function filled(file: string): boolean {
  try {
    const fd = openSync(file, 'w', 0o600);
    try {
      const noise = randomBytes(BALLAST_BYTES);
      // A write may be short where the room ends: the next one then says why.
      for (let done = 0; done < noise.length; ) done += writeSync(fd, noise, done);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    return true;
  } catch {
    removed(file);
    return false;
  }
}

/** A file system that has become read-only does not even let go of something. */
function removed(file: string): boolean {
  try {
    rmSync(file, { force: true });
    return true;
  } catch {
    return false;
  }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function freeBytes(file: string): number {
  try {
    const { bavail, bsize } = statfsSync(dirname(file));
    return bavail * bsize;
  } catch {
    return 0;
  }
}
