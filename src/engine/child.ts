/** A process of ours, from whichever spawn this platform has. A session of its own, and no signal blocked or ignored, by both. */
import type { Readable } from 'node:stream';
import { execa } from 'execa';
import type { ChildEnd, PosixSpawn, SpawnOrder } from './posix-spawn.ts';
import { UNAIDED } from './unaided.ts';

export interface Child {
  readonly pid: number | undefined;
  /** Not reaped yet, so its pid and its group's name are still its own. */
  unreaped(): boolean;
  /** From here on it does not keep a daemon from ending that has closed everything else; its end is told all the same. */
  letGo(): void;
  /** What it says; one by posix_spawn, one for each `pipe` of the order by Node's own. */
  readonly pipes: readonly Readable[];
  readonly end: Promise<ChildEnd>;
  /** Why it could not be spawned; settled only where there is no pid. */
  readonly problem: Promise<{ readonly code: string | undefined; readonly message: string }>;
}

/** Throws what the system says, with its `code`, or tells it as `problem`. */
export function startChild(posixSpawn: PosixSpawn | null, order: SpawnOrder): Child {
  if (posixSpawn === null) return startByExeca(order);
  const { pipe, ...spawned } = posixSpawn.spawn(order);
  return { ...spawned, pipes: [pipe], letGo: () => {}, problem: new Promise(() => {}) };
}

function startByExeca({ file, args, env, cwd, descriptors }: SpawnOrder): Child {
  const running = execa(file, args, {
    cwd,
    env: { ...env },
    // Its types want the first three one by one, and name no descriptor above 9.
    stdio: [...descriptors] as ['ignore', 'ignore', 'ignore', 'pipe', ...(3 | 'ignore')[]],
    ...UNAIDED,
  });
  const child = running.nodeChildProcess;
  const end = new Promise<ChildEnd>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  const problem = running.then((result) => {
    const cause = result.failed ? (result.cause as NodeJS.ErrnoException | undefined) : undefined;
    return {
      code: cause?.code ?? (result.failed ? result.code : undefined),
      message: cause?.message ?? 'the process could not be spawned',
    };
  });
  const unreaped = (): boolean => child.exitCode === null && child.signalCode === null;
  const pipes = descriptors.flatMap((one, at) => (one === 'pipe' ? [child.stdio[at] as Readable | null | undefined] : []));
  return { pid: child.pid, unreaped, letGo: () => child.unref(), pipes: pipes.filter((pipe) => pipe != null), end, problem };
}
