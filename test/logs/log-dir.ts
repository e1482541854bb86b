/** A log in a directory of its own, removed behind the test. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import type { EngineLog } from '../../src/engine/logs/log-file.ts';
import { openLog } from '../../src/engine/logs/log-file.ts';
import type { LogOptions } from '../../src/engine/logs/log-parts.ts';
import { readLog } from '../../src/engine/logs/read-log.ts';
import type { LogLine, LogQuery } from '../../src/pool/host.ts';

export function freshDir(parent = tmpdir()): string {
  const dir = mkdtempSync(join(parent, 'poold-logs-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** `chat/0` with small limits; what is dropped for want of room is told to `emitDropped`. */
export async function chatLog(dir: string, options: Partial<LogOptions> = {}): Promise<EngineLog> {
  const log = await openLog({
    dir,
    pool: 'chat',
    replica: 0,
    side: 'a',
    limits: { maxSizeBytes: 64 * 1024, keep: 5, whenFull: 'drop-oldest' },
    clock: systemClock,
    freeze: async () => async () => {},
    emitDropped: () => {},
    ...options,
  });
  onTestFinished(() => log.close());
  return log;
}

export interface Writer {
  readonly pid: number;
  /** Resolves when it has written its last line and is gone. */
  stop(): Promise<void>;
}

/** A process that writes numbered lines straight into the log, as an engine does. */
export function startWriter(log: Pick<EngineLog, 'fd'>): Writer {
  const stopFile = join(freshDir(), 'stop');
  const child = spawn(process.execPath, [join(import.meta.dirname, 'writer.mjs'), stopFile], { stdio: ['ignore', log.fd(), 'inherit'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  onTestFinished(() => void child.kill('SIGKILL'));
  return {
    pid: child.pid ?? 0,
    stop() {
      writeFileSync(stopFile, '');
      return exited;
    },
  };
}

export function read(log: EngineLog, query: Partial<LogQuery> = {}): Promise<LogLine[]> {
  return all(readLog(log, { tail: null, sinceMs: null, generation: null, follow: false, ...query }, new AbortController().signal));
}

export async function all(lines: AsyncIterable<LogLine>): Promise<LogLine[]> {
  const found: LogLine[] = [];
  for await (const line of lines) found.push(line);
  return found;
}

/** Stops a process as `cgroup.freeze` does: nothing is written any more when it returns. */
export async function freezeProcess(pid: number): Promise<() => Promise<void>> {
  process.kill(pid, 'SIGSTOP');
  while (!/^\d+ \(.*\) T/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))) await new Promise((resolve) => setImmediate(resolve));
  return async () => void process.kill(pid, 'SIGCONT');
}

/** Lines as they are, marks as `[…]`, gaps as `…n`. */
export function shown(lines: readonly LogLine[]): string[] {
  return lines.map((line) => (line.is === 'line' ? line.text : line.is === 'mark' ? `[${line.text}]` : `…${line.bytes}`));
}

export function numbered(first: number, last: number): string {
  let text = '';
  for (let number = first; number <= last; number += 1) text += `line ${number} ${'x'.repeat(number % 97)}\n`;
  return text;
}
