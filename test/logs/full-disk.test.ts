import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { LogSweep } from '../../src/engine/logs/log-sweep.ts';
import { chatLog, freshDir, numbered, read, shown } from './log-dir.ts';

const MIB = 1024 * 1024;
const limits = { maxSizeBytes: 256 * 1024, keep: 50, whenFull: 'drop-oldest' } as const;

/** A directory on a file system of 2 MiB of its own; null where that takes rights that are not ours. */
function smallDisk(): string | null {
  const dir = freshDir();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=777', 'poold-test', dir], { stdio: 'ignore' });
  } catch {
    return null;
  }
  onTestFinished(() => void execFileSync('umount', ['-l', dir]));
  return dir;
}

describe('a full disk', () => {
  it('drops the oldest older files first, as many as it takes, and counts their bytes', async () => {
    const dropped: number[] = [];
    const log = await chatLog(smallDisk() ?? freshDir(), { limits, emitDropped: (bytes) => dropped.push(bytes) });
    const text = numbered(1, 20_000).slice(0, 300 * 1024);
    for (let round = 0; round < 4; round += 1) {
      writeSync(log.fd(), text);
      await log.rotate();
    }
    const before = { oldest: log.oldest, end: log.end };
    const freed = log.dropOldest();
    expect(dropped).toEqual([freed]);
    expect(log.oldest).toBe(before.oldest + freed);
    expect(log.end).toBe(before.end);
    while (log.dropOldest() > 0);
    expect(dropped.reduce((sum, bytes) => sum + bytes, 0)).toBe(log.oldest - before.oldest);
    expect(log.olderFiles).toBe(0);
  });

  it('found in the middle of a rotation costs the oldest only; without older files, the older part of the log', async () => {
    const dir = smallDisk();
    const dropped: number[] = [];
    const log = await chatLog(dir ?? freshDir(), { limits, emitDropped: (bytes) => dropped.push(bytes) });
    const text = numbered(1, 20_000).slice(0, 300 * 1024);
    for (let round = 0; round < 3; round += 1) {
      writeSync(log.fd(), text);
      await log.rotate();
    }
    writeSync(log.fd(), text);
    log.look();
    const end = log.end;
    const filler = join(dir ?? freshDir(), 'filler');
    fill(dir, filler);
    await log.rotate();
    rmSync(filler, { force: true });
    expect(log.end).toBe(end);
    expect(existsSync(`${log.path}.rotating`)).toBe(false);
    const total = dropped.reduce((sum, bytes) => sum + bytes, 0);
    expect(total).toBe(log.oldest);
    // With rights to make a small disk it was full indeed; else the rotation had all the room it wanted.
    expect(total > 0).toBe(dir !== null);
    const lines = await read(log);
    expect(lines.reduce((sum, line) => sum + (line.is === 'line' ? line.text.length : 0), 0)).toBeLessThanOrEqual(end - log.oldest);
    expect(text.endsWith(shown(lines).at(-1) ?? '?')).toBe(true);
  });

  it('is noticed by the sweep, which drops the oldest of all logs', async () => {
    const dir = smallDisk();
    const dropped: string[] = [];
    const make = async (pool: string) => {
      const log = await chatLog(dir ?? freshDir(), { pool, limits, emitDropped: () => dropped.push(pool) });
      writeSync(log.fd(), 'x'.repeat(300 * 1024));
      await log.rotate();
      return log;
    };
    const [older, newer] = [await make('older'), await make('newer')];
    const failures: Error[] = [];
    const sweep = new LogSweep({ dir: dir ?? freshDir(), clock: systemClock, failed: (error) => failures.push(error) });
    onTestFinished(() => sweep.stop());
    for (const log of [newer, older]) sweep.add(log);
    await sweep.sweep();
    expect([dropped, failures]).toEqual([[], []]);
    if (dir !== null) fill(dir, join(dir, 'filler'));
    await sweep.sweep();
    expect(failures).toEqual([]);
    expect([dropped, older.olderFiles, newer.olderFiles]).toEqual(dir === null ? [[], 1, 1] : [['older'], 0, 1]);
  });

  it('keeps the index in memory until there is room again', async () => {
    const dir = smallDisk();
    const log = await chatLog(dir ?? freshDir(), { limits });
    const filler = join(dir ?? freshDir(), 'filler');
    fill(dir, filler);
    for (let generation = 1; generation <= 100; generation += 1) {
      await log.started(generation);
      await log.exited(generation, `exit code 1 ${'x'.repeat(100)}`);
    }
    expect(log.windowOf(100)).toEqual({ from: 0, to: null });
    rmSync(filler, { force: true });
    await log.started(101);
    await log.close();
    const again = await chatLog(dir ?? join(log.path, '..'), { limits });
    expect(again.windowOf(99)).toEqual({ from: 0, to: 0 });
    expect(again.windowOf(101)).toEqual({ from: 0, to: null });
  });
});

/** Takes all the room there is; does nothing where there is no small disk. */
function fill(dir: string | null, filler: string): void {
  if (dir === null) return;
  for (let bytes = MIB; bytes >= 1; bytes = Math.floor(bytes / 2)) {
    try {
      for (;;) writeFileSync(filler, Buffer.alloc(bytes), { flag: 'a' });
    } catch {
      // Full for pieces of this size.
    }
  }
  expect(statfsSync(dir).bavail).toBe(0);
}
