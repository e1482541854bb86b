import { utimesSync, writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { systemClock } from '../../src/clock.ts';
import type { EngineLog } from '../../src/engine/logs/log-file.ts';
import { readLog } from '../../src/engine/logs/read-log.ts';
import { waitForLine } from '../../src/engine/logs/wait-for-line.ts';
import type { LogLine } from '../../src/pool/host.ts';
import { all, chatLog, freshDir, numbered, read, shown } from './log-dir.ts';

async function twoGenerations(): Promise<EngineLog> {
  const log = await chatLog(freshDir());
  await log.started(1);
  writeSync(log.fd(), 'one\nhalf');
  await log.exited(1, 'signal SIGKILL (oom)');
  await log.started(2);
  writeSync(log.fd(), 'two\nthree\n');
  return log;
}

function follow(log: EngineLog, generation: number | null = null): { next: () => Promise<LogLine | undefined>; end: () => void } {
  const abort = new AbortController();
  const lines = readLog(log, { tail: 0, sinceMs: null, generation, follow: true }, abort.signal);
  return { next: async () => (await lines.next()).value ?? undefined, end: () => abort.abort() };
}

describe('reading', () => {
  it('shows generations with marks between them', async () => {
    const log = await twoGenerations();
    const ended = '[generation 1 ended: signal SIGKILL (oom)]';
    expect(shown(await read(log))).toEqual(['[generation 1 started]', 'one', 'half', ended, '[generation 2 started]', 'two', 'three']);
    expect(shown(await read(log, { generation: 1 }))).toEqual(['[generation 1 started]', 'one', 'half', ended]);
    expect(shown(await read(log, { generation: 2, tail: 1 }))).toEqual(['three']);
    expect(shown(await read(log, { generation: 9 }))).toEqual([]);
  });

  it('finds the last lines, however many and over all files', async () => {
    const log = await chatLog(freshDir(), { limits: { maxSizeBytes: 16 * 1024, keep: 100, whenFull: 'drop-oldest' } });
    writeSync(log.fd(), numbered(1, 3000));
    for (log.look(); log.needsRotation; log.look()) await log.rotate();
    expect(log.olderFiles).toBeGreaterThan(5);
    for (const tail of [0, 1, 2, 500, 2999, 3000, 9000]) {
      const lines = shown(await read(log, { tail }));
      expect(lines.length).toBe(Math.min(tail, 3000));
      expect(lines[0] ?? '').toMatch(tail === 0 ? /^$/ : new RegExp(`^line ${Math.max(1, 3001 - tail)} `));
    }
    writeSync(log.fd(), 'unfinished');
    expect(shown(await read(log, { tail: 2 }))).toEqual([numbered(3000, 3000).trimEnd(), 'unfinished']);
  });

  it('finds what arrived since, whole lines', async () => {
    const log = await chatLog(freshDir());
    for (const [text, atS] of [
      ['old\nbeg', 1000],
      ['un\nnew\n', 2000],
      ['newest\n', 3000],
    ] as const) {
      writeSync(log.fd(), text);
      utimesSync(log.path, atS, atS);
      log.look();
    }
    expect(shown(await read(log, { sinceMs: 1_500_000 }))).toEqual(['begun', 'new', 'newest']);
    expect(shown(await read(log, { sinceMs: 2_500_000 }))).toEqual(['newest']);
    expect(shown(await read(log, { sinceMs: 3_500_000 }))).toEqual([]);
    expect((await read(log, { tail: 2 })).map((line) => line.is === 'line' && line.atMs)).toEqual([2_000_000, 3_000_000]);
  });

  it('a line without end comes in pieces of 64 KiB', async () => {
    const log = await chatLog(freshDir());
    writeSync(log.fd(), `${'x'.repeat(1_000_000)}\nlast\n`);
    const lines = shown(await read(log));
    expect(lines.join('')).toBe(`${'x'.repeat(1_000_000)}last`);
    expect(Math.max(...lines.map((line) => line.length))).toBe(64 * 1024);
    expect(shown(await read(log, { tail: 1 }))).toEqual(['last']);
    expect(shown(await read(log, { tail: 3 })).at(-1)).toBe('last');
  });

  it('an empty log has nothing to say', async () => {
    const log = await chatLog(freshDir());
    expect(await read(log, { tail: 10 })).toEqual([]);
    expect(await read(log, { sinceMs: 0 })).toEqual([]);
  });
});

describe('following', () => {
  it('hands out what comes, over rotations and generations', async () => {
    const log = await twoGenerations();
    const follower = follow(log);
    let line = follower.next();
    writeSync(log.fd(), 'four\n');
    expect(await line).toMatchObject({ is: 'line', text: 'four' });
    line = follower.next();
    writeSync(log.fd(), 'fi');
    writeSync(log.fd(), 've\n');
    expect(await line).toMatchObject({ text: 'five' });
    writeSync(log.fd(), `${'x'.repeat(5000)}\n`);
    expect(await follower.next()).toMatchObject({ is: 'line' });
    await log.rotate();
    expect(log.olderFiles).toBe(1);
    line = follower.next();
    await log.exited(2, 'exit code 0 (clean)');
    expect(await line).toMatchObject({ is: 'mark', text: 'generation 2 ended: exit code 0 (clean)' });
    line = follower.next();
    follower.end();
    expect(await line).toBe(undefined);
  });

  it('of one generation ends where the next begins', async () => {
    const log = await twoGenerations();
    const follower = follow(log, 2);
    const line = follower.next();
    await log.started(3);
    expect(await line).toBe(undefined);
  });

  it('ends when the log is closed', async () => {
    const log = await chatLog(freshDir());
    const line = follow(log).next();
    await log.close();
    expect(await line).toBe(undefined);
  });

  it('cuts a slow reader with a gap of so many bytes, and goes on near the end', async () => {
    let lateMs = 0;
    const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + lateMs };
    const log = await chatLog(freshDir(), { clock });
    const follower = follow(log);
    const first = follower.next();
    writeSync(log.fd(), 'first\n');
    await first;
    const text = numbered(1, 60_000);
    writeSync(log.fd(), text);
    lateMs = 5_000;
    const gap = await follower.next();
    const line = await follower.next();
    expect(gap?.is).toBe('gap');
    const skipped = gap?.is === 'gap' ? gap.bytes : 0;
    expect(text.length - skipped).toBeLessThanOrEqual(64 * 1024);
    expect(line).toMatchObject({ text: text.slice(skipped, text.indexOf('\n', skipped)) });
    expect(text[skipped - 1]).toBe('\n');
    follower.end();
  });

  it('a reader that is quick enough misses nothing of a burst', async () => {
    const log = await chatLog(freshDir());
    const follower = follow(log);
    const first = follower.next();
    writeSync(log.fd(), numbered(1, 60_000));
    expect(await first).toMatchObject({ text: 'line 1 x' });
    for (let count = 2; count <= 1000; count += 1) expect((await follower.next())?.is).toBe('line');
    follower.end();
  });

  it('says how much is gone when the older file it was in is dropped', async () => {
    const log = await chatLog(freshDir(), { limits: { maxSizeBytes: 128 * 1024, keep: 1, whenFull: 'drop-oldest' } });
    writeSync(log.fd(), 'a'.repeat(600_000));
    const reading = readLog(log, { tail: null, sinceMs: null, generation: null, follow: false }, new AbortController().signal);
    const first = await reading.next();
    expect(first.value).toMatchObject({ is: 'line' });
    for (log.look(); log.needsRotation; log.look()) await log.rotate();
    const rest = await all(reading);
    const bytes = [first.value, ...rest].map((line) => (line?.is === 'line' ? line.text.length : line?.is === 'gap' ? line.bytes : 0));
    expect(bytes.reduce((sum, one) => sum + one, 0)).toBe(600_000);
    expect(rest.some((line) => line.is === 'gap')).toBe(true);
  });
});

describe('waiting for a line', () => {
  it('finds it from the beginning of the generation on, and no older one', async () => {
    const log = await chatLog(freshDir());
    await log.started(1);
    writeSync(log.fd(), 'listening on 1\n');
    await log.started(2);
    const never = new AbortController().signal;
    const found = waitForLine(log, { generation: 2, pattern: /listening on \d/, signal: never });
    writeSync(log.fd(), 'loading\nlistening on 2\n');
    expect(await found).toBe('listening on 2');
    expect(await waitForLine(log, { generation: 1, pattern: /listening on \d/, signal: never })).toBe('listening on 1');
    expect(await waitForLine(log, { generation: 1, pattern: /on 2/, signal: never })).toBe(null);
  });

  it('can be called off', async () => {
    const log = await chatLog(freshDir());
    await log.started(1);
    const abort = new AbortController();
    const found = waitForLine(log, { generation: 1, pattern: /x/, signal: abort.signal });
    abort.abort();
    expect(await found).toBe(null);
  });
});
