/** A launcher's process, from whichever spawn this platform has. A session of its own, and no signal blocked or ignored, by both. */
import type { Readable } from 'node:stream';
import { execa } from 'execa';
import type { LauncherEnd } from './exits.ts';
import { LAUNCHER_FDS } from './launcher.ts';
import type { PosixSpawn, SpawnOrder } from './posix-spawn.ts';
import { UNAIDED } from './unaided.ts';

export interface Running {
  readonly pid: number | undefined;
  /** Not reaped yet, so its pid and its group's name are still its own. */
  unreaped(): boolean;
  /** From here on it does not keep a daemon from ending that has closed everything else; its end is told all the same. */
  letGo(): void;
  /** The first line it says, or null when it ended without. */
  readonly word: Promise<string | null>;
  readonly end: Promise<LauncherEnd>;
  /** Why it could not be spawned; settled only where there is no pid. */
  readonly problem: Promise<{ readonly code: string | undefined; readonly message: string }>;
}

/** Throws what the system says, with its `code`, or tells it as `problem`. */
export function startLauncher(posixSpawn: PosixSpawn | null, order: SpawnOrder): Running {
  if (posixSpawn === null) return startByExeca(order);
  const { pipe, ...spawned } = posixSpawn.spawn(order);
  return { ...spawned, word: lineFrom(pipe), letGo: () => {}, problem: new Promise(() => {}) };
}

function startByExeca({ file, args, env, cwd, descriptors }: SpawnOrder): Running {
  const running = execa(file, args, {
    cwd,
    env: { ...env },
    // Its types want the first three one by one, and name no descriptor above 9.
    stdio: [...descriptors] as ['ignore', 'ignore', 'ignore', 'pipe', ...(3 | 'ignore')[]],
    ...UNAIDED,
  });
  const child = running.nodeChildProcess;
  const end = new Promise<LauncherEnd>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  const problem = running.then((result) => {
    const cause = result.failed ? (result.cause as NodeJS.ErrnoException | undefined) : undefined;
    return {
      code: cause?.code ?? (result.failed ? result.code : undefined),
      message: cause?.message ?? 'the launcher could not be spawned',
    };
  });
  const unreaped = (): boolean => child.exitCode === null && child.signalCode === null;
  const word = lineFrom(child.stdio[LAUNCHER_FDS.word] as Readable | null | undefined);
  return { pid: child.pid, unreaped, letGo: () => child.unref(), word, end, problem };
}

/** ORDER: once the line is here the pipe is dropped, so a running engine costs the daemon no descriptor. */
function lineFrom(stream: Readable | null | undefined): Promise<string | null> {
  return new Promise((resolve) => {
    if (stream == null) return resolve(null);
    let text = '';
    stream.on('error', () => resolve(null));
    stream.on('close', () => resolve(null));
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (!text.includes('\n') && text.length < 4096) return;
      resolve(text);
      stream.destroy();
    });
  });
}
