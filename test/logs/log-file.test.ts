import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chatLog, freshDir, read, shown } from './log-dir.ts';

describe('the file', () => {
  it('is <pool>-<replica>.log, 0640 whatever the umask is, and keeps what was in it', async () => {
    const dir = freshDir();
    const before = process.umask(0o077);
    const log = await chatLog(dir).finally(() => process.umask(before));
    expect(log.path).toBe(join(dir, 'chat-0.log'));
    expect(statSync(log.path).mode & 0o777).toBe(0o640);
    writeSync(log.fd(), 'kept\n');
    await log.close();
    expect(shown(await read(await chatLog(dir)))).toEqual(['kept']);
  });

  it('is never opened through a link, and nothing but a regular file', async () => {
    const dir = freshDir();
    const path = join(dir, 'chat-0.log');
    writeFileSync(join(dir, 'victim'), '');
    symlinkSync(join(dir, 'victim'), path);
    await expect(chatLog(dir)).rejects.toThrow(/^cannot open the log .*regular file/);
    rmSync(path);
    execFileSync('mkfifo', [path]);
    await expect(chatLog(dir)).rejects.toThrow(/^cannot open the log .*regular file/);
    rmSync(path);
    mkdirSync(path);
    await expect(chatLog(dir)).rejects.toThrow(/^cannot open the log .*regular file/);
  });
});

describe('positions', () => {
  it('go on over generations and daemons', async () => {
    const dir = freshDir();
    const log = await chatLog(dir);
    await log.started(1);
    writeSync(log.fd(), 'one\n');
    await log.exited(1, 'exit code 1');
    await log.close();
    const next = await chatLog(dir);
    await next.started(2);
    writeSync(next.fd(), 'two\n');
    next.look();
    expect([next.windowOf(1), next.windowOf(2), next.end]).toEqual([{ from: 0, to: 4 }, { from: 4, to: null }, 8]);
    expect(next.windowOf(3)).toBe(null);
  });

  it('never go back when a stranger cuts the file, and what is in it then is new', async () => {
    const dir = freshDir();
    const log = await chatLog(dir);
    writeSync(log.fd(), 'a long line that will be gone\n');
    log.look();
    const { end } = log;
    truncateSync(log.path, 0);
    writeSync(log.fd(), 'new\n');
    log.look();
    expect([log.oldest, log.end]).toEqual([end, end + 4]);
    expect(shown(await read(log))).toEqual(['new']);
    await log.close();
    truncateSync(log.path, 0);
    expect((await chatLog(dir)).end).toBe(end + 4);
  });

  it('a removed file is made anew by the next generation', async () => {
    const dir = freshDir();
    const log = await chatLog(dir);
    await log.started(1);
    writeSync(log.fd(), 'old\n');
    renameSync(log.path, join(dir, 'moved'));
    await log.started(2);
    writeSync(log.fd(), 'new\n');
    expect(shown(await read(log, { generation: 2 }))).toEqual(['[generation 2 started]', 'new']);
    expect(statSync(log.path).size).toBe(4);
  });
});

describe('looking', () => {
  it('writes nothing into the index when nothing was written to the log', async () => {
    const log = await chatLog(freshDir());
    writeSync(log.fd(), 'once\n');
    log.look();
    const { size, ino } = statSync(`${log.path}.index`);
    for (let count = 0; count < 100; count += 1) log.look();
    const after = statSync(`${log.path}.index`);
    expect([after.size, after.ino]).toEqual([size, ino]);
  });

  it('stamps with the time of the last write, also when no daemon was there', async () => {
    const dir = freshDir();
    writeFileSync(join(dir, 'chat-0.log'), 'written long ago\n');
    utimesSync(join(dir, 'chat-0.log'), 1_000_000, 1_000_000);
    const log = await chatLog(dir);
    expect(await read(log)).toEqual([{ is: 'line', text: 'written long ago', atMs: 1_000_000_000 }]);
    expect(shown(await read(log, { sinceMs: 1_000_000_001 }))).toEqual([]);
    expect(shown(await read(log, { sinceMs: 1_000_000_000 }))).toEqual(['written long ago']);
  });

  it('a full life leaves the index small', async () => {
    const log = await chatLog(freshDir());
    for (let count = 0; count < 5_000; count += 1) {
      writeSync(log.fd(), 'x\n');
      log.look();
    }
    for (let generation = 1; generation < 1_000; generation += 1) {
      await log.started(generation);
      await log.exited(generation, 'exit code 1');
    }
    expect(statSync(`${log.path}.index`).size).toBeLessThan(200_000);
    expect(log.windowOf(999)).toEqual({ from: 10_000, to: null });
  });
});
