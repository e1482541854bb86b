import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Failpoint } from '../../src/failpoint.ts';

const processes = join(import.meta.dirname, 'processes');
let directory = '';
const children: ChildProcess[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'poold-machine-'));
});

afterEach(async () => {
  for (const child of children.splice(0))
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await once(child, 'exit');
  rmSync(directory, { recursive: true, force: true });
});

function started(command: readonly [string, ...string[]], env: NodeJS.ProcessEnv = {}): ChildProcess {
  const child = spawn(command[0], command.slice(1), { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
  children.push(child);
  return child;
}

const opener = (failpoint: Failpoint | '' = ''): ChildProcess =>
  started([process.execPath, join(processes, 'opens-store.ts'), directory], { POOLD_FAILPOINT: failpoint });

async function firstLine(child: ChildProcess): Promise<{ epoch: number; instance: string; damage: string | null }> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) return JSON.parse(line);
  throw new Error(`no line: the process ended with ${child.exitCode}`);
}

describe('the store on a real machine', () => {
  it('counts every start, also those killed at once and those at the same time', async () => {
    const first = opener();
    const { epoch } = await firstLine(first);
    first.kill('SIGKILL');
    await once(first, 'exit');
    const racing = await Promise.all(Array.from({ length: 4 }, () => firstLine(opener())));
    expect(racing.map((one) => one.epoch).sort()).toEqual([epoch + 1, epoch + 2, epoch + 3, epoch + 4]);
    expect(new Set(racing.map((one) => one.instance)).size).toBe(1);
    expect(racing.every((one) => one.damage === null)).toBe(true);
  });

  it('is made once by openers that race for a directory without any', async () => {
    const racing = await Promise.all(Array.from({ length: 4 }, () => firstLine(opener())));
    expect(racing.map((one) => one.epoch).sort()).toEqual([1, 2, 3, 4]);
    expect(racing.every((one) => one.damage === null)).toBe(true);
  });

  it('is whole for whoever opens it while room for later commits is being taken, or after a death in the middle of that', async () => {
    const [, signal] = await once(opener('store:roomTaken'), 'exit');
    expect(signal).toBe('SIGKILL');
    expect(await firstLine(opener())).toMatchObject({ epoch: 2, damage: null });
  });

  it('gives up ballast, then history, and refuses only what cannot fit when nothing more may be written', async () => {
    // In blocks of 512 bytes (POSIX): 4 MiB for any one file, the write-ahead log too.
    const child = started([
      '/bin/sh',
      '-c',
      'ulimit -f 8192 && exec "$0" "$@"',
      process.execPath,
      join(processes, 'fills-disk.ts'),
      directory,
    ]);
    const said = JSON.parse(await text(child.stdout as NodeJS.ReadableStream));
    expect(said).toMatchObject({
      ballastAtFirst: 1 << 20,
      ballastNow: false,
      written: 400,
      refused: 0,
      newest: 400,
      code: 'storage_full',
      fullThen: true,
      fullNow: false,
      pools: ['small'],
    });
    expect(said.kept).toBeGreaterThan(0);
    expect(said.kept).toBeLessThan(400);
  });
});
