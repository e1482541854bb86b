/** Whoever keeps programs alive, poold among them, all behind the same few calls. */
import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { liveStat } from '../../../src/engine/proc.ts';
import { killIfThere, until } from '../../machine/rig.ts';
import { treeOf } from '../process-tree.ts';

/** Like programs: each is told to restart at once, for ever. */
export interface Group {
  readonly name: string;
  readonly argv: readonly string[];
  readonly count: number;
}

export interface Running {
  /** Its first process. What it adds to the machine is this one's tree, less the engines. */
  readonly pid: number;
  /** Files that hold what the first program of the group wrote. Null: it keeps no logs. */
  readonly logs: ((group: string) => readonly string[]) | null;
  /** Reads the log of one program as it grows; `told` gets the text. The answer ends it. Null: it cannot be asked. */
  readonly follow: ((group: string, index: number, told: (text: string) => void) => () => void) | null;
  /** Asks for the state of something, over whatever it listens on. Null: it does not listen. */
  readonly call: (() => Promise<void>) | null;
  /** Resolves when it says itself that all programs of the group are up. Null: their processes are all that can be seen. */
  readonly saysAllRun: ((group: string) => Promise<void>) | null;
  /** When it has put generation `generation` of the first program away and begins to start it, wall-clock milliseconds, as far as it tells. */
  readonly decidedMs: ((generation: number) => number | null) | null;
  /** Stops all; nothing of it is left. */
  end(): Promise<void>;
}

export interface Peer {
  readonly name: string;
  /** What to install when it cannot be run here; a row then says so. */
  readonly lacks: string | null;
  /** Resolves when it has been told of all its programs, up or not. */
  start(groups: readonly Group[]): Promise<Running>;
}

export function peerDirectory(name: string): string {
  return mkdtempSync(join(tmpdir(), `poold-bench-${name}-`));
}

/** Null when the command is there. */
export function lackOf(command: string, debianPackage: string): string | null {
  return spawnSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', command]).status === 0 ? null : `not run: apt-get install ${debianPackage}`;
}

/** The version of a Debian package, as installed. */
export function versionOf(debianPackage: string): string {
  return spawnSync('dpkg-query', ['-W', '-f', '${Version}', debianPackage], { encoding: 'utf8' }).stdout;
}

/** A supervisor in the foreground, in a directory that goes with it. */
export function foreground(of: { readonly dir: string; readonly argv: readonly string[]; readonly endSignal?: NodeJS.Signals }): {
  readonly pid: number;
  end(): Promise<void>;
} {
  const [command = '', ...args] = of.argv;
  const child: ChildProcess = spawn(command, args, { stdio: 'ignore' });
  const pid = child.pid ?? 0;
  return {
    pid,
    async end() {
      const tree = treeOf(pid);
      child.kill(of.endSignal ?? 'SIGTERM');
      await allGone(tree);
      rmSync(of.dir, { recursive: true, force: true });
    },
  };
}

/** Whoever is still there after the time that a stop may take is killed. */
export async function allGone(pids: readonly number[]): Promise<void> {
  const born = new Map(pids.map((pid) => [pid, liveStat(pid)?.startTicks]));
  const left = (): number[] => pids.filter((pid) => born.get(pid) !== undefined && liveStat(pid)?.startTicks === born.get(pid));
  await until('they have stopped', () => left().length === 0, STOP_MS).catch(() => {
    for (const pid of left()) killIfThere(pid);
  });
  await until('they are gone', () => left().length === 0);
}

const STOP_MS = 60_000;

export type Program = Pick<Group, 'name' | 'argv'>;

/** Each program of the groups with a name of its own. */
export function namesIn(groups: readonly Group[]): Program[] {
  return groups.flatMap(({ name, argv, count }) => Array.from({ length: count }, (_, index) => ({ name: `${name}-${index}`, argv })));
}

export function sizeOf(paths: readonly string[]): number {
  return paths.reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
}
