/** A state directory of its own, a room on it, and all that a test has to wait for; everything is ended and removed after each test. */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { pause, systemClock } from '../../src/clock.ts';
import type { EngineExit } from '../../src/engine/exits.ts';
import type { EngineRef, Identity } from '../../src/engine/identity.ts';
import { instanceOf } from '../../src/engine/instance.ts';
import type { Launched } from '../../src/engine/launch.ts';
import { allPids, liveStat, markOf } from '../../src/engine/proc.ts';
import type { RoomOptions } from '../../src/engine/room.ts';
import { EngineRoom } from '../../src/engine/room.ts';
import { poolSpec } from './pool-spec.ts';

export const ENGINES = new URL('../engines/', import.meta.url).pathname;
export const WITHIN_MS = 5_000;

/** Both ways; as an ordinary user, or without cgroup v2, the first is weak as well. */
export const CONTAINMENTS = [
  { name: 'the best containment there is', env: {} },
  { name: 'weak containment', env: { POOLD_CONTAINMENT: 'weak' } },
] as const;

/** Both containments, and the spawn that does without koffi. */
export const WAYS: readonly (Pick<RigOptions, 'posixSpawn'> & { readonly name: string; readonly env: NodeJS.ProcessEnv })[] = [
  ...CONTAINMENTS,
  { name: "the best containment there is, by Node's own spawn", env: {}, posixSpawn: async () => null },
];

/** An engine of test/engines with its arguments. */
export function fixture(name: string, ...words: readonly string[]): string[] {
  const path = join(ENGINES, name);
  return name.endsWith('.mjs') ? [process.execPath, path, ...words] : [path, ...words];
}

export interface RigOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly shell?: string;
  readonly posixSpawn?: RoomOptions['posixSpawn'];
  /** The directory and instance of a daemon that went before. */
  readonly after?: Rig;
}

const rigs = new Set<Rig>();

export class Rig {
  readonly dir: string;
  readonly stateInstance: string;
  readonly room: EngineRoom;
  readonly exits: (EngineExit & { readonly seen: string })[] = [];
  readonly lost: EngineRef[] = [];
  readonly #log: number;

  constructor(options: RigOptions = {}) {
    this.dir = options.after?.dir ?? mkdtempSync(join(tmpdir(), 'poold-engine-'));
    this.stateInstance = options.after?.stateInstance ?? `t${process.pid}x${Math.floor(systemClock.nowMs() * 1000)}`;
    this.#log = openSync(this.logPath, 'a');
    this.room = new EngineRoom({
      clock: systemClock,
      stateDir: this.dir,
      stateInstance: this.stateInstance,
      env: { PATH: process.env.PATH, HOME: '/tmp', ...options.env },
      exited: (exit, seen) => this.exits.push({ ...exit, seen }),
      launcherLost: (ref) => this.lost.push(ref),
      ...(options.shell === undefined ? {} : { shell: options.shell }),
      ...(options.posixSpawn === undefined ? {} : { posixSpawn: options.posixSpawn }),
    });
    rigs.add(this);
  }

  get logPath(): string {
    return join(this.dir, 'engine.log');
  }

  get log(): string {
    return readFileSync(this.logPath, 'utf8');
  }

  ref(generation = 1): EngineRef {
    return { pool: 'chat', replica: 0, generation };
  }

  instance(generation = 1): string {
    return instanceOf(this.stateInstance, this.ref(generation));
  }

  launch(
    engine: Parameters<typeof poolSpec>[0],
    more: { generation?: number; port?: number; device?: string; notifySocket?: string } = {},
  ): Promise<Launched> {
    const { generation = 1, port = null, device = null, notifySocket = null } = more;
    const order = { ref: this.ref(generation), side: 'a', instance: this.instance(generation), spec: poolSpec(engine) } as const;
    return this.room.launch({ ...order, port, device, notifySocket, logFd: this.#log });
  }

  /** As `launch`, for an engine that has to start; waits for `line` in its log. */
  async start(command: readonly string[], line?: string | RegExp, generation = 1): Promise<Identity> {
    const launched = await this.launch({ command }, { generation });
    if (launched.is === 'failed') throw new Error(launched.message);
    if (line !== undefined) await this.logged(line);
    return launched.identity;
  }

  logged(line: string | RegExp): Promise<string> {
    return until(() => this.log.match(line)?.[0], `${line} in the log`);
  }

  exit(generation = 1): Promise<EngineExit & { readonly seen: string }> {
    return until(() => this.exits.find((exit) => exit.ref.generation === generation), `the exit of generation ${generation}`);
  }

  /** Live processes that carry the mark of this state directory. */
  marked(): number[] {
    return allPids().filter((pid) => liveStat(pid) !== null && markOf(pid)?.startsWith(`${this.stateInstance}-`) === true);
  }

  async end(): Promise<void> {
    // A process shows no mark for the moment of its exec, so one look that finds none is not enough, nor is one kill.
    let emptyLooks = 0;
    await until(() => {
      const left = this.marked();
      for (const pid of left) killIfThere(pid);
      emptyLooks = left.length === 0 ? emptyLooks + 1 : 0;
      return emptyLooks === 3;
    }, 'the end of all engines');
    // Nothing is stored, nothing lives: adoption sweeps records and leaves.
    await this.room.adopt([]);
    this.room.close();
    closeSync(this.#log);
    rigs.delete(this);
    if (![...rigs].some((rig) => rig.dir === this.dir)) rmSync(this.dir, { recursive: true, force: true });
  }
}

export function endRigsAfterEach(): void {
  afterEach(async () => {
    for (const rig of rigs) await rig.end();
  });
}

/** The first value of `look` that is neither null, undefined nor false. */
export async function until<T>(look: () => T | null | undefined | false, what: string): Promise<T> {
  const lastMs = systemClock.nowMs() + WITHIN_MS;
  for (;;) {
    const value = look();
    if (value !== null && value !== undefined && value !== false) return value;
    if (systemClock.nowMs() > lastMs) throw new Error(`cannot see ${what} within ${WITHIN_MS} ms`);
    await pause(systemClock, 5);
  }
}

export function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

const bystanders = new Set<number>();

/** A process that is nothing of ours; it must survive whatever the test does. */
export function bystander(env: NodeJS.ProcessEnv = {}): number {
  const { pid } = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true, env: { PATH: process.env.PATH, ...env } });
  if (pid === undefined) throw new Error('cannot start a bystander');
  bystanders.add(pid);
  return pid;
}

export function endBystandersAfterEach(): void {
  afterEach(() => {
    for (const pid of bystanders) killIfThere(pid);
    bystanders.clear();
  });
}
