/**
 * A state directory on an ext4 of its own that goes read-only in the middle of its use, as ext4 does where its device has an error: a remount is
 * refused by the kernel while anybody has a file open there for writing, and engines have their logs.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Rig } from '../machine/rig.ts';

const SIZE_BYTES = 24 << 20;

export interface BrokenDisk {
  /** From here on whatever writes to it is told EROFS. */
  breaks(): void;
  /** What can be read of it is the state directory from here on, on a disk that works. */
  isReplaced(): void;
}

/** It is removed behind the rig, which has its engines on it. */
export function brokenDisk(rig: Rig): BrokenDisk {
  const dir = mkdtempSync(join(tmpdir(), 'poold-disk-'));
  const image = join(dir, 'image');
  const disk = join(dir, 'disk');
  const state = rig.path('state');
  writeFileSync(image, '');
  truncateSync(image, SIZE_BYTES);
  execFileSync('mkfs.ext4', ['-q', '-O', '^has_journal', image]);
  mkdirSync(disk);
  execFileSync('mount', ['-o', 'loop,errors=remount-ro', image, disk]);
  onTestFinished(() => {
    execFileSync('umount', ['-l', disk]);
    rmSync(dir, { recursive: true });
  });
  const device = basename(execFileSync('findmnt', ['-n', '-o', 'SOURCE', disk], { encoding: 'utf8' }).trim());
  symlinkSync(disk, state);
  return {
    breaks: () => writeFileSync(`/sys/fs/ext4/${device}/trigger_fs_error`, 'as if the device had failed'),
    isReplaced() {
      unlinkSync(state);
      cpSync(disk, state, { recursive: true, preserveTimestamps: true });
    },
  };
}
