/** Runs one short command to its end: prepare, preflight, exec probe, onExit, stop.command. Engines are not run from here. */
import type { Readable } from 'node:stream';
import type { Clock } from '../clock.ts';
import { pause } from '../clock.ts';
import type { Child } from './child.ts';
import { startChild } from './child.ts';
import { findExecutable } from './executable.ts';
import type { PosixSpawn, SpawnOrder } from './posix-spawn.ts';
import { loadPosixSpawn } from './posix-spawn.ts';
import { allPids, liveStat } from './proc.ts';
import type { User } from './surroundings.ts';
import { stripped } from './surroundings.ts';
import { timeLimit } from './time-limit.ts';

export interface CommandOrder {
  readonly argv: readonly string[];
  /** All of its environment; PATH in it is where a name without slash is looked for. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly user: User | null;
  readonly timeoutMs: number;
  /** How much of the end of stdout and stderr together is kept; 64 KiB unless told. */
  readonly outputBytes?: number;
  /** Kills it, with its group, before its time. */
  readonly abort?: AbortSignal;
  /** Null where there is none: Node's own spawn does it then. The platform's unless told. */
  readonly posixSpawn?: () => Promise<PosixSpawn | null>;
}

export interface CommandResult {
  readonly code: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** The last of what it wrote, both streams as they came. */
  readonly output: string;
  /** Why it could not be started at all, or null. */
  readonly problem: string | null;
}

const OUTPUT_BYTES = 65_536;
/** How long a pipe that a grandchild holds is still read after the command has ended. */
const DRAIN_MS = 100;

/** Never throws and never outlasts `timeoutMs` by more than the drain (but see `timeLimit`): its group is killed then, and what the group left behind after its end. */
export async function runCommand(clock: Clock, order: CommandOrder): Promise<CommandResult> {
  const found = findExecutable(order.argv[0] ?? '', order.env.PATH ?? '', order.cwd);
  if ('problem' in found) return failed(found.problem);
  if ([...order.argv, ...Object.values(order.env)].some((text) => text.includes('\0'))) return failed('it holds a NUL byte');
  const posixSpawn = await (order.posixSpawn ?? loadPosixSpawn)();
  try {
    return await toItsEnd(clock, order, startChild(posixSpawn, spawnOrder(order, found.path)));
  } catch (cause) {
    return failed((cause as Error).message);
  }
}

function spawnOrder({ argv, user, env, cwd }: CommandOrder, path: string): SpawnOrder {
  const [file = '', ...args] = stripped({ argv: [path, ...argv.slice(1)], user, ownSession: false });
  return { file, args, env, cwd, descriptors: ['ignore', 'pipe', 'pipe'] };
}

async function toItsEnd(clock: Clock, order: CommandOrder, child: Child): Promise<CommandResult> {
  const { pid } = child;
  if (pid === undefined) return failed((await child.problem).message);
  const tail = new Tail(order.outputBytes ?? OUTPUT_BYTES);
  for (const stream of child.pipes) stream.on('data', (chunk: Buffer) => tail.add(chunk)).on('error', () => {});
  let timedOut = false;
  const killGroup = (): void => {
    if (child.unreaped()) kill(-pid);
  };
  const timer = timeLimit(clock, order.timeoutMs, () => {
    timedOut = true;
    killGroup();
  });
  order.abort?.addEventListener('abort', killGroup, { once: true });
  if (order.abort?.aborted) killGroup();
  const { code, signal } = await child.end;
  timer.cancel();
  order.abort?.removeEventListener('abort', killGroup);
  await drain(clock, pid, child.pipes);
  return { code, signal, timedOut, output: tail.text(), problem: null };
}

/** ORDER: give the pipes a moment to close by themselves, then end what still holds them, then let go of them. */
async function drain(clock: Clock, pid: number, streams: readonly Readable[]): Promise<void> {
  const open = streams.filter((stream) => !stream.closed);
  if (open.length === 0) return;
  const closed = Promise.all(open.map((stream) => new Promise((resolve) => stream.once('close', resolve))));
  const late = await Promise.race([closed.then(() => false), pause(clock, DRAIN_MS).then(() => true)]);
  if (!late) return;
  // Its session's number is not given away while a member lives, and nobody but a member carries it without being its leader.
  for (const other of allPids()) {
    if (other !== pid && liveStat(other)?.sessionId === pid) kill(other);
  }
  for (const stream of open) stream.destroy();
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was quicker.
  }
}

function failed(problem: string): CommandResult {
  return { code: null, signal: null, timedOut: false, output: '', problem };
}

/** The last `limit` bytes of what is added, in at most twice that much memory. */
class Tail {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > 2 * this.#limit) {
      this.#chunks = [Buffer.concat(this.#chunks).subarray(-this.#limit)];
      this.#bytes = this.#limit;
    }
  }

  text(): string {
    return Buffer.concat(this.#chunks).subarray(-this.#limit).toString('utf8');
  }
}
