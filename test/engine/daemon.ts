/** A daemon in a process of its own, to be killed, or to be short of something. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Launched } from '../../src/engine/launch.ts';
import type { poolSpec } from './pool-spec.ts';
import type { Rig } from './rig.ts';

export interface DaemonOrder {
  readonly stateDir: string;
  readonly stateInstance: string;
  readonly env: NodeJS.ProcessEnv;
  readonly engine: Parameters<typeof poolSpec>[0];
  /** Launches generations 1 to `generations`, then stays. */
  readonly generations: number;
  /** Takes all descriptors but 0, 1, … `freeUpTo` and tries a launch with each; ends then. */
  readonly freeUpTo: number | null;
  /** Without koffi. */
  readonly nodeSpawn: boolean;
}

const SCRIPT = new URL('daemon-process.ts', import.meta.url).pathname;

/** Starts a daemon on the rig's directory; resolves when it has launched its engines. Kill it by `process`. */
export async function startDaemon(of: {
  readonly rig: Rig;
  readonly engine: DaemonOrder['engine'];
  readonly generations?: number;
  readonly env?: NodeJS.ProcessEnv;
}): Promise<{ readonly process: ChildProcess; readonly launched: readonly Launched[] }> {
  const { rig, engine, generations = 1, env = {} } = of;
  const { dir: stateDir, stateInstance } = rig;
  const child = start({ stateDir, stateInstance, env, engine, generations, freeUpTo: null, nodeSpawn: false }, null);
  const launched: Launched[] = [];
  for await (const line of linesOf(child)) {
    launched.push(JSON.parse(line) as Launched);
    if (launched.length === generations) break;
  }
  return { process: child, launched };
}

/** As `startDaemon` with a limit of descriptors, to its end. */
export async function runDaemon(of: {
  readonly rig: Rig;
  readonly engine: DaemonOrder['engine'];
  readonly openFilesLimit: number;
  readonly freeUpTo: number;
  readonly nodeSpawn: boolean;
}): Promise<Launched[]> {
  const { rig, engine, openFilesLimit, freeUpTo, nodeSpawn } = of;
  const { dir: stateDir, stateInstance } = rig;
  const child = start({ stateDir, stateInstance, env: {}, engine, generations: 0, freeUpTo, nodeSpawn }, openFilesLimit);
  const launched: Launched[] = [];
  for await (const line of linesOf(child)) launched.push(JSON.parse(line) as Launched);
  return launched;
}

/** SIGKILL, and it is gone. */
export async function killDaemon(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

function start(order: DaemonOrder, openFilesLimit: number | null): ChildProcess {
  const limit = openFilesLimit === null ? '' : `ulimit -n ${openFilesLimit}; `;
  return spawn('/bin/sh', ['-c', `${limit}exec "$@"`, 'sh', process.execPath, SCRIPT, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function linesOf(child: ChildProcess): AsyncIterable<string> {
  if (child.stdout === null) throw new Error('cannot read what the daemon says');
  return createInterface({ input: child.stdout });
}
