/** A daemon of its own for one test: fresh directories, the real binaries, real engines. Whatever it leaves is ended and removed, cgroups too. */
import { deepEqual, equal } from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stringify } from 'yaml';
import { Client } from '../../src/client/client.ts';
import { pause, systemClock } from '../../src/clock.ts';
import { childrenOf, removeCgroup } from '../../src/engine/cgroup.ts';
import type { EngineRef } from '../../src/engine/identity.ts';
import { refOf } from '../../src/engine/instance.ts';
import type { HistoryEntry } from '../../src/pool/host.ts';
import type { EngineStatus, PoolStatus } from '../../src/pool/status.ts';
import type { Found } from './processes.ts';
import { childOf, leavesDirectory, processesOf } from './processes.ts';

export const ROOT = resolve(import.meta.dirname, '../..');
/** How long a fact may take to come about: far more than it needs, so that a slow machine is no failure. */
export const PATIENCE_MS = 30_000;
const LOOK_MS = 20;
/** What Node compiled is kept for the next daemon, as it is where poold is in use: a start takes half as long. */
const CACHE = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Words that stand before the daemon's own: `setpriv …`. */
  readonly through?: readonly string[];
  /** Those words stay, and the daemon is their child, whose end is theirs: `nsenter --pid …`. */
  readonly asChild?: boolean;
}

const rigs = new Set<Rig>();

export class Rig {
  readonly dir = mkdtempSync(join(tmpdir(), 'poold-machine-'));
  readonly client: Client;
  #daemon: ChildProcess | null = null;
  #isChild = false;
  #daemons = 0;

  /** `daemon`: keys beside `pools`. */
  constructor(pools: Readonly<Record<string, unknown>>, daemon: Readonly<Record<string, unknown>> = {}) {
    rigs.add(this);
    this.configure(pools, daemon);
    const target = { socketPath: join(this.dir, 'run/api.sock') };
    this.client = new Client({ target, clock: systemClock, actor: 'test:machine', timeoutMs: 10_000 });
  }

  /** Written anew; the next daemon goes by it. `DIR` stands for the rig's directory, `ENGINES` for that of the fixture engines. */
  configure(pools: Readonly<Record<string, unknown>>, daemon: Readonly<Record<string, unknown>> = {}): void {
    const text = stringify({ ports: portsOfThisWorker(), ...daemon, pools });
    writeFileSync(this.path('poold.yaml'), text.replaceAll('DIR', this.dir).replaceAll('ENGINES', join(ROOT, 'test/engines')));
  }

  path(...parts: readonly string[]): string {
    return join(this.dir, ...parts);
  }

  has(...parts: readonly string[]): boolean {
    return existsSync(this.path(...parts));
  }

  /** Of a file that is not there: nothing. */
  text(...parts: readonly string[]): string {
    return this.has(...parts) ? readFileSync(this.path(...parts), 'utf8') : '';
  }

  /** The files of an engine's log, the oldest first, as one. */
  log(id: string): Buffer {
    const path = this.path('state/logs', `${id.replace('/', '-')}.log`);
    const older = Array.from({ length: 1000 }, (_, index) => `${path}.${index + 1}`).filter((file) => existsSync(file));
    return Buffer.concat([...older.toReversed(), path].filter((file) => existsSync(file)).map((file) => readFileSync(file)));
  }

  /** A new daemon on the rig's directories; does not wait. */
  spawnDaemon({ env = {}, through = [], asChild = false }: StartOptions = {}): ChildProcess {
    this.#daemons += 1;
    this.#isChild = asChild;
    const own = [process.execPath, join(ROOT, 'bin/poold'), 'run', '--config', this.path('poold.yaml')];
    const [command = '', ...args] = [...through, ...own, '--state-dir', this.path('state'), '--runtime-dir', this.path('run')];
    const out = openSync(this.path(`daemon-${this.#daemons}.log`), 'a');
    this.#daemon = spawn(command, args, {
      stdio: ['ignore', out, out],
      env: { PATH: process.env.PATH ?? '', HOME: this.dir, XDG_CACHE_HOME: CACHE, ...containment(), ...env },
    });
    closeSync(out);
    return this.#daemon;
  }

  /** Starts it and waits until it answers. */
  async start(options: StartOptions = {}): Promise<ChildProcess> {
    const daemon = this.spawnDaemon(options);
    await until('the daemon answers', async () => {
      if (hasEnded(daemon)) throw new Unmendable(`the daemon ended by ${daemon.exitCode ?? daemon.signalCode}:\n${this.daemonLog()}`);
      return (await this.client.health()).status === 'ok';
    });
    return daemon;
  }

  /** Sends the signal and waits for the end; its exit code, or null when a signal ended it. */
  async endDaemon(signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const pid = this.#isChild ? childOf(this.#daemon?.pid) : null;
    if (pid === null) this.#daemon?.kill(signal);
    else killIfThere(pid, signal);
    return this.daemonEnded();
  }

  async daemonEnded(): Promise<number | null> {
    const daemon = this.#daemon;
    if (daemon === null || hasEnded(daemon)) return daemon?.exitCode ?? null;
    return new Promise((told) => daemon.once('exit', told));
  }

  /** What the last daemon wrote to stdout and stderr. */
  daemonLog(): string {
    return this.text(`daemon-${this.#daemons}.log`);
  }

  pool(name: string): Promise<PoolStatus> {
    return this.client.pool(name);
  }

  async engine(id: string): Promise<EngineStatus> {
    const found = (await this.pool(id.slice(0, id.lastIndexOf('/')))).engines.find((engine) => engine.id === id);
    if (found === undefined) throw new Error(`there is no engine ${id}`);
    return found;
  }

  /** Waits until the engine is in that state, and past a generation; its status then. */
  async reaches(id: string, state: EngineStatus['state'], aboveGeneration = 0): Promise<EngineStatus> {
    return until(`${id} is ${state}`, async () => {
      const engine = await this.engine(id);
      if (engine.state === state && engine.generation > aboveGeneration) return engine;
      throw new Error(`it is ${engine.state} in generation ${engine.generation} (${engine.message})`);
    });
  }

  async poolReaches(name: string, state: PoolStatus['state']): Promise<PoolStatus> {
    return until(`${name} is ${state}`, async () => {
      const pool = await this.pool(name);
      if (pool.state === state) return pool;
      throw new Error(`it is ${pool.state} (${pool.message})`);
    });
  }

  /** The pid of an engine that must have one. */
  async pid(id: string): Promise<number> {
    const { pid } = await this.engine(id);
    if (pid === null) throw new Error(`${id} has no process`);
    return pid;
  }

  /** The record of a generation's end, as soon as there is one. */
  ended(id: string, generation: number): Promise<HistoryEntry> {
    const [pool = '', replica] = id.split('/');
    return until(`generation ${generation} of ${id} has ended`, async () =>
      (await this.client.history(pool, { replica: Number(replica) })).find((entry) => entry.generation === generation),
    );
  }

  poolctl(...args: readonly string[]): Ran {
    return ran([join(ROOT, 'bin/poolctl'), '--socket', this.path('run/api.sock'), ...args]);
  }

  /** Live processes of this rig's engines, launchers among them. */
  processes(): number[] {
    return this.#found().map(({ pid }) => pid);
  }

  /** Each with the generation it is of. */
  processesByGeneration(): { readonly pid: number; readonly ref: EngineRef }[] {
    const instance = this.#instance() ?? '';
    return this.#found().flatMap(({ pid, instance: mark }) => {
      const ref = refOf(instance, mark);
      return ref === null ? [] : [{ pid, ref }];
    });
  }

  /** Those of one engine, its launcher among them. */
  processesOf(id: string): number[] {
    return this.#foundOf(id).map(({ pid }) => pid);
  }

  /** Those of one engine, without its launcher. */
  members(id: string): number[] {
    return this.#foundOf(id).flatMap(({ pid, isLauncher }) => (isLauncher ? [] : [pid]));
  }

  /** Names of the leaves that are there. */
  leaves(): string[] {
    const instance = this.#instance();
    const parent = instance === null ? null : leavesDirectory(instance);
    return parent === null ? [] : childrenOf(parent);
  }

  /** SIGTERM, and whatever was theirs has to be gone: engines, launchers, leaves. */
  async endsClean(): Promise<void> {
    equal(await this.endDaemon('SIGTERM'), 0, this.daemonLog());
    deepEqual(this.#found(), []);
    deepEqual(this.leaves(), []);
  }

  async tidyUp(): Promise<void> {
    await this.client.close();
    await this.endDaemon('SIGKILL');
    await until('all engines are gone', () => {
      const left = this.processes();
      for (const pid of left) killIfThere(pid);
      return left.length === 0;
    });
    const instance = this.#instance();
    const leaves = instance === null ? null : leavesDirectory(instance);
    if (leaves !== null) await until('its cgroups are removed', () => removeCgroup(leaves));
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
    rigs.delete(this);
  }

  #found(): Found[] {
    const instance = this.#instance();
    return instance === null ? [] : processesOf(instance);
  }

  #foundOf(id: string): Found[] {
    const prefix = `${this.#instance()}-${id.replace('/', '-')}-`;
    return this.#found().filter(({ instance }) => instance.startsWith(prefix));
  }

  #instance(): string | null {
    const text = this.text('state/identity.json');
    return text === '' ? null : (JSON.parse(text) as { instance: string }).instance;
  }
}

export function openRigs(): readonly Rig[] {
  return [...rigs];
}

/** `poold …`, to its end. */
export function poold(...args: readonly string[]): Ran {
  return ran([join(ROOT, 'bin/poold'), ...args]);
}

/** Throws what to install when a program is missing: nothing here is skipped for it. */
export function needs(program: string, debianPackage: string): void {
  if (spawnSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', program]).status === 0) return;
  throw new Error(`cannot run these tests without ${program}: apt-get install -y --no-install-recommends ${debianPackage}`);
}

/** Ends the waiting at once. */
class Unmendable extends Error {}

/** The first value of `look` that is neither null, undefined nor false; what throws does not hold yet. Fails with what it last saw. */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  patienceMs = PATIENCE_MS,
): Promise<Exclude<T, null | undefined | false>> {
  const lastMs = systemClock.nowMs() + patienceMs;
  let trouble = '';
  do {
    try {
      const value = await look();
      if (value !== null && value !== undefined && value !== false) return value as Exclude<T, null | undefined | false>;
      trouble = '';
    } catch (error) {
      if (error instanceof Unmendable) throw error;
      trouble = `: ${(error as Error).message}`;
    }
    await pause(systemClock, LOOK_MS);
  } while (systemClock.nowMs() < lastMs);
  throw new Error(`it never came about that ${what}${trouble}`);
}

export function killIfThere(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended.
  }
}

function ran(args: readonly string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', USER: 'tester' },
  });
  return { code: status, stdout, stderr };
}

/** `POOLD_CONTAINMENT=weak` of the test run is the daemons' too. */
function containment(): Readonly<Record<string, string>> {
  const { POOLD_CONTAINMENT } = process.env;
  return POOLD_CONTAINMENT === undefined ? {} : { POOLD_CONTAINMENT };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Each worker has ports of its own, below those that the kernel gives out and beside those of the features. */
export function portsOfThisWorker(): [number, number] {
  const from = 23_000 + (Number(process.env.VITEST_POOL_ID ?? 0) % 7) * 1_000;
  return [from, from + 999];
}
