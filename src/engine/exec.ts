/** Runs one short command to its end: prepare, preflight, exec probe, onExit, stop.command. Engines are not run from here. */
import type { Readable } from 'node:stream';
import { execa } from 'execa';
import type { Clock } from '../clock.ts';
import { pause } from '../clock.ts';
import { findExecutable } from './executable.ts';
import { allPids, liveStat } from './proc.ts';
import type { User } from './surroundings.ts';
import { stripped } from './surroundings.ts';
import { timeLimit } from './time-limit.ts';
import { UNAIDED } from './unaided.ts';

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
  const tail = new Tail(order.outputBytes ?? OUTPUT_BYTES);
  let timedOut = false;
  try {
    const { child, ended } = start(order);
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => tail.add(chunk)).on('error', () => {});
    const killGroup = (): void => {
      // Not reaped as long as we have not seen its end, so its pid still is its group's name.
      if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) kill(-child.pid);
    };
    const timer = timeLimit(clock, order.timeoutMs, () => {
      timedOut = true;
      killGroup();
    });
    order.abort?.addEventListener('abort', killGroup, { once: true });
    if (order.abort?.aborted) killGroup();
    const { code, signal, problem } = await ended;
    timer.cancel();
    order.abort?.removeEventListener('abort', killGroup);
    if (child.pid !== undefined) await drain(clock, child.pid, [child.stdout, child.stderr]);
    return { code, signal, timedOut, output: tail.text(), problem };
  } catch (cause) {
    return failed((cause as Error).message);
  }
}

interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly problem: string | null;
}

function start(order: CommandOrder) {
  const [file = '', ...rest] = stripped({ argv: order.argv, user: order.user, ownSession: false });
  const running = execa(file, rest, {
    cwd: order.cwd,
    env: { ...order.env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
    ...UNAIDED,
  });
  const child = running.nodeChildProcess;
  const ended = new Promise<Ended>((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal, problem: null }));
    // execa settles later, when the pipes are closed too; before `exit` only when there was no process.
    running.then(
      (result) => resolve({ code: null, signal: null, problem: result.failed ? (result.shortMessage ?? 'it could not be spawned') : null }),
      (cause: unknown) => resolve({ code: null, signal: null, problem: String(cause) }),
    );
  });
  return { child, ended };
}

/** ORDER: give the pipes a moment to close by themselves, then end what still holds them, then let go of them. */
async function drain(clock: Clock, pid: number, streams: readonly (Readable | null)[]): Promise<void> {
  const open = streams.filter((stream): stream is Readable => stream !== null && !stream.closed);
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
