import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, copyFileSync, existsSync, openSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { chatLog, freshDir, numbered, read, shown, startWriter } from './log-dir.ts';

const HEAD_BYTES = 8192;
const older = numbered(1, 100);
const live = numbered(101, 600);
const liveBytes = Buffer.from(live);
const lines = numbered(1, 600).trimEnd().split('\n');

/** A log with one older file, as a daemon left it that died at `step` of a rotation (see `rotation.ts`). */
function killedAt(step: 'copied' | 'intended' | 'shifted' | 'renamed' | 'cut' | 'truncated' | 'regrown'): string {
  const dir = freshDir();
  const path = join(dir, 'chat-0.log');
  const copiedBytes = step === 'truncated' ? liveBytes.length : HEAD_BYTES;
  writeFileSync(`${path}.1`, older);
  writeFileSync(path, live);
  writeFileSync(`${path}.rotating`, liveBytes.subarray(0, copiedBytes));
  const records: object[] = [
    { is: 'base', position: older.length },
    { is: 'older', from: 0, bytes: older.length },
  ];
  if (step !== 'copied') records.push({ is: 'rotate', bytes: copiedBytes, sizeBytes: liveBytes.length, copied: true });
  writeFileSync(`${path}.index`, records.map((record) => `${JSON.stringify(record)}\n`).join(''));
  if (step === 'copied' || step === 'intended') return dir;
  renameSync(`${path}.1`, `${path}.2`);
  if (step === 'shifted') return dir;
  renameSync(`${path}.rotating`, `${path}.1`);
  if (step === 'cut' || step === 'regrown') writeFileSync(path, liveBytes.subarray(copiedBytes));
  if (step === 'regrown') writeFileSync(path, numbered(601, 1200), { flag: 'a' });
  if (step === 'truncated') truncateSync(path, 0);
  return dir;
}

describe('a daemon that died in the middle of a rotation', () => {
  it.each(['copied', 'intended', 'shifted', 'renamed', 'cut', 'truncated'] as const)('%s: no byte lost, none doubled', async (step) => {
    const dir = killedAt(step);
    const log = await chatLog(dir);
    expect(shown(await read(log))).toEqual(lines);
    expect(log.end).toBe(older.length + live.length);
    expect(existsSync(join(dir, 'chat-0.log.rotating'))).toBe(false);
    await log.rotate();
    expect(shown(await read(log))).toEqual(lines);
  });

  it('tells by the bytes when the log has grown beyond its old size since', async () => {
    const log = await chatLog(killedAt('regrown'));
    expect(shown(await read(log))).toEqual(numbered(1, 1200).trimEnd().split('\n'));
    expect(log.olderFiles).toBe(2);
  });
});

describe('killed again and again', () => {
  it.each([
    ['a file system that cuts off heads', tmpdir()],
    ['one that cannot', '/dev/shm'],
  ])('on %s every line stays, once and in order', async (_, parent) => {
    const dir = freshDir(parent);
    const fd = openSync(join(dir, 'chat-0.log'), 'a');
    onTestFinished(() => closeSync(fd));
    const writer = startWriter({ fd: () => fd });
    for (let kills = 0; kills < 3; kills += 1) await killWhileRotating(dir, writer.pid);
    await writer.stop();
    const log = await chatLog(dir, { limits: { maxSizeBytes: 1024 * 1024, keep: 1000, whenFull: 'drop-oldest' } });
    expect(log.olderFiles).toBeGreaterThan(0);
    const found = shown(await read(log));
    expect(found.findIndex((line, at) => !line.startsWith(`line ${at + 1} `))).toBe(found.length - 1);
    expect(found.at(-1)).toBe(`end ${found.length - 1}`);
  });

  it('waits for a cut that outlived its daemon', async () => {
    const dir = killedAt('renamed');
    const path = join(dir, 'chat-0.log');
    const go = join(dir, 'go');
    const script = 'while [ ! -e "$0" ]; do sleep 0.02; done; tail -c +8193 "$4" > "$0"; cat "$0" > "$4"';
    const cutting = spawn('sh', ['-c', script, go, 'fallocate', '-c', '8192', path], { stdio: 'ignore' });
    onTestFinished(() => void cutting.kill('SIGKILL'));
    await once(cutting, 'spawn');
    const opening = chatLog(dir);
    writeFileSync(go, '');
    const log = await opening;
    expect(shown(await read(log))).toEqual(lines);
    expect(log.olderFiles).toBe(2);
  });
});

/** A process of its own rotates the log as fast as it can; killed in the middle of what it does after a few rotations. */
async function killWhileRotating(dir: string, writerPid: number): Promise<void> {
  const rotator = spawn(process.execPath, [join(import.meta.dirname, 'rotator.mjs'), dir, String(writerPid)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void rotator.kill('SIGKILL'));
  const exited = once(rotator, 'exit');
  let said = '';
  for await (const chunk of rotator.stdout) {
    said += String(chunk);
    if (said.length >= 2) rotator.kill('SIGKILL');
  }
  await exited;
  // As the next daemon does with what it adopts: it may have been killed while it had the writer frozen.
  process.kill(writerPid, 'SIGCONT');
}

describe('what others did to the files', () => {
  it('goes on without an index: everything is still there, in order', async () => {
    const dir = killedAt('copied');
    rmSync(join(dir, 'chat-0.log.index'));
    const log = await chatLog(dir);
    expect(shown(await read(log))).toEqual(lines);
    expect(log.oldest).toBe(0);
  });

  it('reads over damaged and torn records, and writes the index anew', async () => {
    const dir = killedAt('copied');
    const index = join(dir, 'chat-0.log.index');
    writeFileSync(index, 'rubbish\n{"is":"base"}\n{"is":"base","position":-1}\n[]\nnull\n{"is":"at","posi', { flag: 'a' });
    const log = await chatLog(dir);
    expect(shown(await read(log))).toEqual(lines);
    await log.started(7);
    await log.close();
    const again = await chatLog(dir);
    expect(again.windowOf(7)).toEqual({ from: log.end, to: null });
  });

  it('closes holes in the numbers of older files', async () => {
    const dir = killedAt('copied');
    const path = join(dir, 'chat-0.log');
    copyFileSync(`${path}.1`, `${path}.4`);
    rmSync(`${path}.1`);
    const log = await chatLog(dir);
    expect(existsSync(`${path}.1`)).toBe(true);
    expect(shown(await read(log))).toEqual(lines);
  });

  it('never reads an older file that is a link', async () => {
    const dir = killedAt('copied');
    const path = join(dir, 'chat-0.log');
    const log = await chatLog(dir);
    renameSync(`${path}.1`, join(dir, 'elsewhere'));
    symlinkSync(join(dir, 'elsewhere'), `${path}.1`);
    expect(shown(await read(log))).toEqual([`…${older.length}`, ...live.trimEnd().split('\n')]);
  });
});
