/** cgroup v2: one directory per daemon, one leaf in it per generation. A leaf is complete: nothing that forks or calls setsid gets out of it. */
import { accessSync, constants, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LimitsSpec } from '../config/spec.ts';
import { cgroupPathOf } from './proc.ts';

export type Containment = { readonly by: 'cgroup'; readonly parent: string } | { readonly by: 'weak'; readonly why: string };

/**
 * Finds the hierarchy (at /sys/fs/cgroup, or /sys/fs/cgroup/unified beside v1) and makes this daemon's directory below its own cgroup.
 * POOLD_CONTAINMENT=weak in `env` forces the other way. Never throws: what is missing is told as `why`.
 */
export function findContainment(stateInstance: string, env: NodeJS.ProcessEnv): Containment {
  if (env.POOLD_CONTAINMENT === 'weak') return { by: 'weak', why: 'POOLD_CONTAINMENT=weak' };
  const mount = mountPoint();
  const own = cgroupPathOf('self');
  if (mount === null || own === null) return { by: 'weak', why: 'no cgroup v2 is mounted' };
  if (own.startsWith('/..')) return { by: 'weak', why: 'our own cgroup lies outside of this cgroup namespace' };
  const base = join(mount, own);
  const parent = join(base, `poold-${stateInstance}`);
  try {
    mkdirSync(parent, { recursive: true });
    // Moving a process needs write access at the common ancestor, which is our own cgroup, and at the target.
    accessSync(join(base, 'cgroup.procs'), constants.W_OK);
    accessSync(join(parent, 'cgroup.procs'), constants.W_OK);
    return { by: 'cgroup', parent };
  } catch (cause) {
    return { by: 'weak', why: `cannot write below ${base}: ${(cause as Error).message}` };
  }
}

/** Makes the leaf of a generation. Throws what mkdir throws. */
export function makeLeaf(parent: string, instance: string): string {
  const leaf = join(parent, instance);
  mkdirSync(parent, { recursive: true }); // An empty one may have been tidied away.
  mkdirSync(leaf);
  return leaf;
}

/** Removes a leaf with whatever the engine made below it. False while something in it still lives. */
export function removeCgroup(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return true;
  }
  // ORDER: only now, as listing takes a descriptor, which a daemon that gives back a failed start may not have.
  const children = childrenOf(directory);
  return children.length > 0 && children.every((name) => removeCgroup(join(directory, name))) && removeCgroup(directory);
}

/** True while a live process is in it or below it; the kernel does not count zombies. */
export function populated(leaf: string): boolean {
  return /^populated 1$/m.test(readKey(leaf, 'cgroup.events') ?? '');
}

/** Nothing in it runs: it is frozen, or nobody is left. */
export function standsStill(leaf: string): boolean {
  const events = readKey(leaf, 'cgroup.events') ?? '';
  return /^frozen 1$/m.test(events) || !/^populated 1$/m.test(events);
}

export function inCgroup(pid: number, leaf: string): boolean {
  const path = cgroupPathOf(pid);
  const mount = path === null ? null : mountPoint();
  if (path === null || mount === null) return false;
  const directory = join(mount, path);
  return directory === leaf || directory.startsWith(`${leaf}/`);
}

/** Pids in it and below it. */
export function pidsIn(directory: string): number[] {
  const own = (readKey(directory, 'cgroup.procs') ?? '').split('\n').filter((line) => line !== '');
  return [...own.map(Number), ...childrenOf(directory).flatMap((name) => pidsIn(join(directory, name)))];
}

/** Names of the cgroups right below. */
export function childrenOf(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return [];
  }
}

/** SIGKILL for everything in it and below it, in one step. False where the kernel (before 5.14) has no cgroup.kill. */
export function killCgroup(leaf: string): boolean {
  const killed = write(leaf, 'cgroup.kill', '1') === null;
  // A frozen process dies of SIGKILL too; thawed, because the leaf's last moments are nobody's to hold up.
  write(leaf, 'cgroup.freeze', '0');
  return killed;
}

/** The kernel's out-of-memory killer was in it. */
export function oomKilledIn(leaf: string): boolean {
  return /^oom(?:_group)?_kill [1-9]/m.test(readKey(leaf, 'memory.events') ?? '');
}

/** Sets what of `limits` is a cgroup's to set. Returns one sentence per limit that could not be; `leaf: null` is weak containment. */
export function limitCgroup(leaf: string | null, limits: LimitsSpec): string[] {
  return settingsOf(limits).flatMap(({ limit, controller, files }) => {
    const missing = leaf === null ? 'there is no writable cgroup v2 on this host' : enable(controller, dirname(leaf));
    if (missing !== null || leaf === null) return [`limits.${limit}: ${missing}`];
    for (const [file, value] of files) {
      const problem = write(leaf, file, value);
      if (problem !== null) return [`limits.${limit}: ${problem}`];
    }
    return [];
  });
}

interface Setting {
  readonly limit: string;
  readonly controller: string;
  readonly files: readonly (readonly [string, string])[];
}

function settingsOf(limits: LimitsSpec): Setting[] {
  const settings: Setting[] = [];
  const { memoryBytes, pids, cpuWeight } = limits;
  if (memoryBytes !== null) {
    // With oom.group the tree dies as one: half an engine would hold its port and its device.
    const files = [
      ['memory.max', String(memoryBytes)],
      ['memory.oom.group', '1'],
    ] as const;
    settings.push({ limit: 'memory', controller: 'memory', files });
  }
  if (pids !== null) settings.push({ limit: 'pids', controller: 'pids', files: [['pids.max', String(pids)]] });
  if (cpuWeight !== null) settings.push({ limit: 'cpuWeight', controller: 'cpu', files: [['cpu.weight', String(cpuWeight)]] });
  return settings;
}

/** A leaf has a controller when each directory above passes it on, from the top. Null when it has, else what is missing. */
function enable(controller: string, parent: string): string | null {
  for (const directory of [dirname(parent), parent]) {
    if (has(directory, 'cgroup.subtree_control', controller)) continue;
    if (!has(directory, 'cgroup.controllers', controller)) return `the cgroup controller ${controller} is not available in ${directory}`;
    const problem = write(directory, 'cgroup.subtree_control', `+${controller}`);
    if (problem !== null) return problem;
  }
  return null;
}

function has(directory: string, file: string, word: string): boolean {
  return (readKey(directory, file) ?? '').split(/\s+/).includes(word);
}

function readKey(directory: string, file: string): string | null {
  try {
    return readFileSync(join(directory, file), 'utf8');
  } catch {
    return null;
  }
}

/** Null when written, else the sentence that says why not. */
function write(directory: string, file: string, value: string): string | null {
  try {
    writeFileSync(join(directory, file), value, { flag: 'w' });
    return null;
  } catch (cause) {
    return `cannot write ${value} to ${join(directory, file)}: ${(cause as NodeJS.ErrnoException).code}`;
  }
}

let mounted: string | null | undefined;

function mountPoint(): string | null {
  if (mounted === undefined) {
    const lines = readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' '));
    mounted = lines.find(([, , type, options]) => type === 'cgroup2' && options?.split(',').includes('rw'))?.[1] ?? null;
  }
  return mounted;
}
