/**
 * posix_spawn(3) by koffi. Node's own spawn forks, and a fork copies the page tables of all that the daemon has touched: 10 ms with 60 MB, 25 ms
 * with 200 MB, in which nothing else happens. posix_spawn lends that memory to the child until its exec: 0.2 ms. koffi is an optional dependency.
 */
import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { getSystemErrorName } from 'node:util';

/** How a process ended; both null when nobody can tell. */
export interface ChildEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface SpawnOrder {
  /** Absolute; argv[0] too. */
  readonly file: string;
  readonly args: readonly string[];
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** What it gets as descriptors 0, 1, 2 …: one of ours, /dev/null, or the end of the pipe that it may write to. */
  readonly descriptors: readonly (number | 'ignore' | 'pipe')[];
}

export interface Spawned {
  readonly pid: number;
  /** The other end of its pipe. */
  readonly pipe: Readable;
  /** Its pid is its own as long as it is not reaped, which is when this resolves. */
  readonly end: Promise<ChildEnd>;
  unreaped(): boolean;
}

export interface PosixSpawn {
  /** In a session of its own, with all signals as a program finds them that nobody has changed. Throws what the system says, with its `code`. */
  spawn(order: SpawnOrder): Spawned;
}

type Koffi = typeof import('koffi').default;

/** Of glibc and musl: their own are 336 and 80 bytes. */
const STRUCT_BYTES = 512;
/** POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID */
const FLAGS = 0x04 | 0x08 | 0x80;
const SIGNAL_SET_BYTES = 128;
const O_CLOEXEC = 0o2000000;
const F_DUPFD_CLOEXEC = 1030;
const WNOHANG = 1;

let loaded: Promise<PosixSpawn | null> | undefined;

/** Null where koffi is not installed, or has no build for this platform. */
export function loadPosixSpawn(): Promise<PosixSpawn | null> {
  loaded ??= import('koffi').then(
    ({ default: koffi }) => posixSpawnOf(koffi),
    () => null,
  );
  return loaded;
}

function posixSpawnOf(koffi: Koffi): PosixSpawn {
  const libc = koffi.load(null);
  const spawn = libc.func('int posix_spawn(void *, const char *, const void *, const void *, const char **, const char **)');
  const actionsMade = libc.func('int posix_spawn_file_actions_init(void *)');
  const actionsGone = libc.func('int posix_spawn_file_actions_destroy(void *)');
  const thenDup = libc.func('int posix_spawn_file_actions_adddup2(void *, int, int)');
  const thenEnter = libc.func('int posix_spawn_file_actions_addchdir_np(void *, const char *)');
  const pipe2 = libc.func('int pipe2(void *, int)');
  const fcntl = libc.func('int fcntl(int, int, ...)');
  const attributes = attributesOf(libc);
  const children = new Children(libc);
  const checked = (answer: number): number => {
    if (answer < 0) throw systemError(koffi.errno());
    return answer;
  };
  const newPipe = (): { readonly read: number; readonly write: number } => {
    const ends = Buffer.alloc(8);
    checked(pipe2(ends, O_CLOEXEC));
    return { read: ends.readInt32LE(0), write: ends.readInt32LE(4) };
  };
  return {
    spawn({ file, args, env, cwd, descriptors }) {
      const opened: number[] = [];
      const kept = (fd: number): number => {
        opened.push(fd);
        return fd;
      };
      const pipe = newPipe();
      const actions = Buffer.alloc(STRUCT_BYTES);
      let pid: number;
      actionsMade(actions);
      try {
        kept(pipe.write);
        const nowhere = kept(openSync('/dev/null', 'r+'));
        const sources = descriptors.map((one) => (one === 'ignore' ? nowhere : one === 'pipe' ? pipe.write : one));
        // ORDER: out of the way first, as what one of them becomes may be what another one is.
        const safe = sources.map((fd) =>
          fd < descriptors.length ? kept(checked(fcntl(fd, F_DUPFD_CLOEXEC, 'int', descriptors.length))) : fd,
        );
        for (const [to, fd] of safe.entries()) thenDup(actions, fd, to);
        thenEnter(actions, cwd);
        const answer = Buffer.alloc(4);
        const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
        const failed = spawn(answer, file, actions, attributes, [file, ...args, null], [...variables, null]);
        if (failed !== 0) throw systemError(failed);
        pid = answer.readInt32LE(0);
      } catch (error) {
        closeSync(pipe.read);
        throw error;
      } finally {
        actionsGone(actions);
        for (const fd of opened) closeSync(fd);
      }
      return { pid, pipe: new Socket({ fd: pipe.read, readable: true, writable: false }), ...children.follow(pid) };
    },
  };
}

/** The same for all: in libuv's children, too, no signal is blocked or ignored, whatever the daemon does with it. */
function attributesOf(libc: ReturnType<Koffi['load']>): Buffer {
  const made = libc.func('int posix_spawnattr_init(void *)');
  const flags = libc.func('int posix_spawnattr_setflags(void *, short)');
  const asDefault = libc.func('int posix_spawnattr_setsigdefault(void *, const void *)');
  const blocked = libc.func('int posix_spawnattr_setsigmask(void *, const void *)');
  const attributes = Buffer.alloc(STRUCT_BYTES);
  made(attributes);
  asDefault(attributes, Buffer.alloc(SIGNAL_SET_BYTES, 0xff));
  blocked(attributes, Buffer.alloc(SIGNAL_SET_BYTES));
  flags(attributes, FLAGS);
  return attributes;
}

/** Those that libuv knows nothing of: it waits for its own children by their pids, and so do we. */
class Children {
  readonly #waitpid: (pid: number, status: Buffer, options: number) => number;
  readonly #living = new Map<number, (end: ChildEnd) => void>();

  constructor(libc: ReturnType<Koffi['load']>) {
    this.#waitpid = libc.func('int waitpid(int, void *, int)');
    process.on('SIGCHLD', () => this.#reap());
  }

  /** ORDER: in the turn in which it was spawned, or its SIGCHLD would find nobody. */
  follow(pid: number): Pick<Spawned, 'end' | 'unreaped'> {
    const { promise, resolve } = Promise.withResolvers<ChildEnd>();
    this.#living.set(pid, resolve);
    return { end: promise, unreaped: () => this.#living.get(pid) === resolve };
  }

  #reap(): void {
    const status = Buffer.alloc(4);
    for (const [pid, ended] of this.#living) {
      const reaped = this.#waitpid(pid, status, WNOHANG);
      if (reaped === 0) continue;
      this.#living.delete(pid);
      ended(reaped === pid ? endIn(status.readInt32LE(0)) : { code: null, signal: null });
    }
  }
}

function endIn(status: number): ChildEnd {
  const number = status & 0x7f;
  if (number === 0) return { code: (status >> 8) & 0xff, signal: null };
  const [name] = Object.entries(constants.signals).find(([, one]) => one === number) ?? [];
  return { code: null, signal: name ?? `signal ${number}` };
}

function systemError(number: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(-number);
  return Object.assign(new Error(`cannot spawn: ${code}`), { code });
}
