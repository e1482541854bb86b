/** One daemon per state directory and per runtime directory. */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { PooldError } from './errors.ts';
import { readSmall, writeBeside } from './own-file.ts';
import { inWords } from './store/sqlite-errors.ts';
import type { HeldFile } from './store/sqlite-lock.ts';
import { holdFile } from './store/sqlite-lock.ts';

export interface DaemonDirectories {
  readonly stateDirectory: string;
  readonly runtimeDirectory: string;
}

export interface DaemonLock {
  /** Removes the pid file and lets go; harmless when done twice. */
  release(): void;
}

const LOCK_FILE = 'poold.lock';
const PID_FILE = 'poold.pid';
/** A daemon that is just ending may still let go, and of many that start at once one gets through. */
const WAIT_MS = 700;

/**
 * Takes both locks and writes `poold.pid`; makes the directories (state 0711, runtime 0700) where they are not there. The kernel lets go when this process ends,
 * however it ends. Throws PooldError `conflict` with the pid of the holder within 2 s, `forbidden` where the directories cannot be written.
 */
export function lockDaemon({ stateDirectory, runtimeDirectory }: DaemonDirectories): DaemonLock {
  const held: HeldFile[] = [];
  const pidFile = join(runtimeDirectory, PID_FILE);
  try {
    // Others may pass through, to an engine's TMPDIR, and not look around: everything of ours in it has a mode of its own.
    mkdirSync(stateDirectory, { recursive: true, mode: 0o711 });
    for (const directory of distinct([stateDirectory, runtimeDirectory])) held.push(holdDirectory(directory));
    renameSync(writeBeside(pidFile, `${process.pid}\n`, 0o644), pidFile);
  } catch (error) {
    for (const file of held) file.release();
    throw error instanceof PooldError ? error : refusal(error);
  }
  return {
    release() {
      // ORDER: the file first: once the lock is gone it may be the next daemon's.
      if (held.length > 0) rmSync(pidFile, { force: true });
      for (const file of held.splice(0)) file.release();
    },
  };
}

function holdDirectory(directory: string): HeldFile {
  const file = join(directory, LOCK_FILE);
  const held = holdFile(file, WAIT_MS);
  if (held !== null) return held;
  const pid = holderOf(file) ?? pidIn(join(directory, PID_FILE));
  const who = pid === null ? 'another poold' : `another poold (pid ${pid})`;
  throw new PooldError(
    'conflict',
    `cannot start: ${who} already runs with ${directory}; stop it, or take other directories with --state-dir and --runtime-dir`,
    {
      reason: 'already_running',
    },
  );
}

/** The kernel's own list of locks names the process: `1: POSIX  ADVISORY  WRITE 4711 fe:01:131 1073741824 1073742335`. */
function holderOf(file: string): number | null {
  try {
    const { ino } = statSync(file);
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      const [, pid, inode] = / WRITE +(\d+) +[0-9a-f]+:[0-9a-f]+:(\d+) /.exec(line) ?? [];
      if (Number(inode) === ino && Number(pid) > 0) return Number(pid);
    }
  } catch {
    // Not told who it is, still told that it is held.
  }
  return null;
}

function pidIn(file: string): number | null {
  const pid = Number(readSmall(file));
  return Number.isSafeInteger(pid) && pid > 0 ? pid : null;
}

/** State and runtime directory may be one: a process cannot lock a file twice. */
function distinct(directories: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return directories.filter((directory) => {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const { dev, ino } = statSync(directory);
    const fresh = !seen.has(`${dev}:${ino}`);
    seen.add(`${dev}:${ino}`);
    return fresh;
  });
}

function refusal(error: unknown): PooldError {
  return new PooldError(
    'forbidden',
    `cannot start: ${inWords(error)}; give the state and runtime directories to the user that runs poold`,
    { cause: error },
  );
}
