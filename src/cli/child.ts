/** A command of the caller's, as if it had been started without poolctl: same terminal, same directory, its environment and a few names more. */
import { execa } from 'execa';

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why it could not be started at all, as the system's code (`ENOENT`), or null. */
  readonly problem: string | null;
}

export interface Child {
  /** Never rejects. */
  readonly ended: Promise<ChildEnd>;
  /** Harmless when it has ended. */
  kill(signal: NodeJS.Signals): void;
}

export function startChild(command: readonly string[], more: Readonly<Record<string, string>>): Child {
  const [file = '', ...args] = command;
  try {
    // `cleanup`: should poolctl fail, the command is not left alone with a lease that nobody renews.
    const running = execa(file, args, {
      env: more,
      extendEnv: true,
      preferLocal: false,
      stdio: 'inherit',
      buffer: false,
      reject: false,
      cleanup: true,
      forceKillAfterDelay: false,
    });
    const child = running.nodeChildProcess;
    const ended = new Promise<ChildEnd>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, signal, problem: null }));
      running.then(
        (result) => resolve(notStarted(result.cause)),
        (cause: unknown) => resolve(notStarted(cause)),
      );
    });
    return { ended, kill: (signal) => void child.kill(signal) };
  } catch (cause) {
    return { ended: Promise.resolve(notStarted(cause)), kill: () => {} };
  }
}

function notStarted(cause: unknown): ChildEnd {
  const { code } = (cause ?? {}) as { readonly code?: unknown };
  return { code: null, signal: null, problem: typeof code === 'string' ? code : 'unknown error' };
}
