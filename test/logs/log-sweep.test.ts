import { mkdirSync, writeSync } from 'node:fs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { LogSweep } from '../../src/engine/logs/log-sweep.ts';
import { chatLog, freshDir } from './log-dir.ts';

describe('the sweep', () => {
  it('looks and rotates by itself, until it is stopped', async () => {
    const dir = freshDir();
    const failures: Error[] = [];
    const sweep = new LogSweep({ dir, clock: systemClock, failed: (error) => failures.push(error) });
    onTestFinished(() => sweep.stop());
    const limits = { maxSizeBytes: 8192, keep: 3, whenFull: 'drop-oldest' } as const;
    const logs = await Promise.all(['one', 'two'].map((pool) => chatLog(dir, { pool, limits })));
    for (const log of logs) {
      sweep.add(log);
      writeSync(log.fd(), 'x'.repeat(10_000));
    }
    await vi.waitFor(() => expect(logs.map((log) => log.olderFiles)).toEqual([1, 1]), { timeout: 10_000 });
    expect(failures).toEqual([]);
    expect(logs.map((log) => log.end)).toEqual([10_000, 10_000]);
  });

  it('tells of a rotation that failed, and goes on with the others', async () => {
    const dir = freshDir();
    const failures: Error[] = [];
    const sweep = new LogSweep({ dir, clock: systemClock, failed: (error) => failures.push(error) });
    onTestFinished(() => sweep.stop());
    const limits = { maxSizeBytes: 8192, keep: 3, whenFull: 'drop-oldest' } as const;
    const logs = await Promise.all(['one', 'two'].map((pool) => chatLog(dir, { pool, limits })));
    mkdirSync(`${logs[0]?.path}.rotating`);
    for (const log of logs) {
      sweep.add(log);
      writeSync(log.fd(), 'x'.repeat(10_000));
    }
    await sweep.sweep();
    expect(failures.length).toBe(1);
    expect(logs.map((log) => log.olderFiles)).toEqual([0, 1]);
    expect(logs.map((log) => log.end)).toEqual([10_000, 10_000]);
  });
});
