import { appendFileSync, readdirSync, renameSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { EngineLog } from '../../src/engine/logs/log-file.ts';
import type { Writer } from './log-dir.ts';
import { chatLog, freezeProcess, freshDir, numbered, read, shown, startWriter } from './log-dir.ts';

const ROTATIONS = 12;
const limits = { maxSizeBytes: 1024 * 1024, keep: 1000, whenFull: 'drop-oldest' } as const;

/** Rotates that often while the writer writes. */
async function rotateUnder(log: EngineLog): Promise<void> {
  for (let rotations = 0; rotations < ROTATIONS; ) {
    log.look();
    if (log.needsRotation) {
      await log.rotate();
      rotations += 1;
    } else await new Promise((resolve) => setImmediate(resolve));
  }
}

async function expectAllLines(log: EngineLog): Promise<void> {
  const lines = shown(await read(log));
  expect(lines.findIndex((line, at) => !line.startsWith(`line ${at + 1} `))).toBe(lines.length - 1);
  expect(lines.at(-1)).toBe(`end ${lines.length - 1}`);
}

describe('rotation under a writer', () => {
  it('keeps every line, once and in order', async () => {
    const log = await chatLog(freshDir(), { limits });
    const writer = startWriter(log);
    await rotateUnder(log);
    await writer.stop();
    expect(log.olderFiles).toBeGreaterThanOrEqual(ROTATIONS);
    await expectAllLines(log);
  });

  it('freezes the writer where the file system cannot cut off a head', async () => {
    let writer: Writer | null = null;
    const log = await chatLog(freshDir('/dev/shm'), { limits, freeze: () => freezeProcess(writer?.pid ?? 0) });
    writer = startWriter(log);
    await rotateUnder(log);
    await writer.stop();
    await expectAllLines(log);
  });

  it('a reader that walks meanwhile sees every line', async () => {
    const log = await chatLog(freshDir(), { limits: { maxSizeBytes: 64 * 1024, keep: 1000, whenFull: 'drop-oldest' } });
    writeSync(log.fd(), numbered(1, 20_000));
    const reading = read(log);
    for (log.look(); log.needsRotation; log.look()) await log.rotate();
    const lines = shown(await reading);
    expect(lines.length).toBe(20_000);
    expect(lines.at(-1)).toMatch(/^line 20000 /);
  });
});

describe('what stays', () => {
  it('keeps the newest older files and never goes back in its positions', async () => {
    const dir = freshDir();
    const log = await chatLog(dir, { limits: { maxSizeBytes: 8192, keep: 2, whenFull: 'drop-oldest' } });
    const dropped: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      const endBefore = log.end;
      writeSync(log.fd(), 'y'.repeat(9000));
      log.look();
      await log.rotate();
      expect(log.end).toBe(endBefore + 9000);
    }
    expect(dropped).toEqual([]);
    expect(readdirSync(dir).sort()).toEqual(['chat-0.log', 'chat-0.log.1', 'chat-0.log.2', 'chat-0.log.index']);
    expect(log.oldest).toBe(log.end - statSync(join(dir, 'chat-0.log')).size - 2 * 8192);
    log.setLimits({ maxSizeBytes: 4096, keep: 0, whenFull: 'drop-oldest' });
    writeSync(log.fd(), 'z'.repeat(9000));
    log.look();
    await log.rotate();
    expect(readdirSync(dir).sort()).toEqual(['chat-0.log', 'chat-0.log.index']);
  });

  it('has nothing to do for less than a block, and leaves a file alone that was moved away by hand', async () => {
    const dir = freshDir();
    const log = await chatLog(dir, { limits: { maxSizeBytes: 10, keep: 2, whenFull: 'drop-oldest' } });
    writeSync(log.fd(), 'short\n'.repeat(10));
    await log.rotate();
    expect(log.olderFiles).toBe(0);
    writeSync(log.fd(), 'x'.repeat(20_000));
    const moved = join(dir, 'moved');
    appendFileSync(moved, '');
    renameSync(log.path, moved);
    writeFileSync(log.path, 'another file\n'.repeat(1000));
    await log.rotate();
    expect(statSync(moved).size).toBe(20_060);
    expect(statSync(log.path).size).toBe(13_000);
  });
});
