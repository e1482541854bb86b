/**
 * The run record: one small file per generation, which outlives the daemon and says who the engine was and how it ended.
 *
 *   line 1  JSON, by the daemon before the spawn
 *   line 2  40 columns: pid, its start time, the launcher's pid; by the launcher, before the engine's first instruction
 *   line 3  24 columns: exit code, uptime of the host; by the launcher when the engine has ended
 *
 * All its bytes are there before the spawn and the launcher only writes over them, so it works on a full disk. The launcher gets a
 * descriptor whose offset stands at line 2, and no path. Blank means: not yet, or nobody saw it.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineRef, Side } from './identity.ts';
import { fileStem } from './identity.ts';

export interface RunHeader {
  readonly bootId: string;
  readonly instance: string;
  readonly cgroup: string | null;
  /** What was to be executed, to tell an exec that failed from an engine that ended with 126 or 127 by itself. */
  readonly executable: string;
  /** Whom it was to run as, or null for the daemon's own user. */
  readonly user: string | null;
  /** What it was given, for a daemon that has lost its store. */
  readonly port: number | null;
  readonly device: string | null;
  readonly side: Side;
  /** Of the time namespace in which the launcher writes lines 2 and 3; see `BOOTTIME_OFFSET_TICKS`. */
  readonly offsetTicks: number;
}

export interface RunRecord {
  readonly header: RunHeader;
  readonly main: { readonly pid: number; readonly startTicks: number; readonly launcherPid: number } | null;
  /** `code` as a shell has it (128 + n is signal n); `endTicks` on the scale of a process's start time; `endedAtMs` on the wall clock. */
  readonly exit: { readonly code: number; readonly endTicks: number; readonly endedAtMs: number } | null;
}

const LINE_2 = 41;
const LINE_3 = 25;
const MAX_BYTES = 8192;

export function runFile(ref: EngineRef): string {
  return `${fileStem(ref)}.${ref.generation}.run`;
}

/** Makes the record; the caller closes the descriptor. Throws ENOSPC, EMFILE, EEXIST … as the system says it. */
export function createRun(runsDir: string, ref: EngineRef, header: RunHeader): number {
  const path = join(runsDir, runFile(ref));
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    const head = `${JSON.stringify(header)}\n`;
    const blanks = `${' '.repeat(LINE_2 - 1)}\n${' '.repeat(LINE_3 - 1)}\n`;
    writeSync(fd, blanks, Buffer.byteLength(head));
    // A write without a position moves the offset, which the launcher inherits: so the head goes last, and line 2 is next.
    writeSync(fd, head);
    return fd;
  } catch (cause) {
    closeSync(fd);
    rmSync(path, { force: true });
    throw cause;
  }
}

/** Null when there is none, or it is not one that this daemon or its launcher can have written. */
export function readRun(runsDir: string, file: string): RunRecord | null {
  let fd: number | undefined;
  try {
    fd = openSync(join(runsDir, file), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.uid !== process.geteuid?.() || stat.size > MAX_BYTES) return null;
    const buffer = Buffer.alloc(MAX_BYTES);
    return parse(buffer.toString('utf8', 0, readSync(fd, buffer, 0, MAX_BYTES, 0)), stat.mtimeMs);
  } catch {
    return null;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Names of all records. */
export function listRuns(runsDir: string): string[] {
  return readdirSync(runsDir).filter((name) => name.endsWith('.run'));
}

/** A directory in its place goes too: nobody but the daemon has anything there, and what stays would be met at every start. */
export function removeRun(runsDir: string, file: string): void {
  rmSync(join(runsDir, file), { recursive: true, force: true });
}

function parse(text: string, endedAtMs: number): RunRecord | null {
  const [first = '', second = '', third = ''] = text.split('\n');
  const header = headerOf(first);
  if (header === null) return null;
  const who = /^(\d+) (\d+) (\d+) *$/.exec(second)?.slice(1).map(Number);
  const end = /^(\d{1,3}) +(\d+)\.(\d\d) *$/.exec(third)?.slice(1).map(Number);
  const [pid = 0, startTicks = 0, launcherPid = 0] = who ?? [];
  return {
    header,
    main: who === undefined ? null : { pid, startTicks: startTicks - header.offsetTicks, launcherPid },
    exit: end === undefined ? null : { code: end[0] ?? 0, endTicks: (end[1] ?? 0) * 100 + (end[2] ?? 0) - header.offsetTicks, endedAtMs },
  };
}

function headerOf(line: string): RunHeader | null {
  try {
    const { bootId, instance, cgroup, executable, user, port, device, side, offsetTicks } = JSON.parse(line) as Record<string, unknown>;
    if (typeof bootId !== 'string' || typeof instance !== 'string' || typeof executable !== 'string') return null;
    return {
      bootId,
      instance,
      executable,
      cgroup: typeof cgroup === 'string' ? cgroup : null,
      user: typeof user === 'string' ? user : null,
      port: typeof port === 'number' ? port : null,
      device: typeof device === 'string' ? device : null,
      side: side === 'b' ? 'b' : 'a',
      offsetTicks: typeof offsetTicks === 'number' ? offsetTicks : 0,
    };
  } catch {
    return null;
  }
}
